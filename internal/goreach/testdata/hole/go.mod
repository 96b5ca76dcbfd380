module hole.test/hole

go 1.25
