module lib.test/member

go 1.25
