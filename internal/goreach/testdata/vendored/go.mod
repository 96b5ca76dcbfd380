module vendored.test/app

go 1.25

require hole.example/hole v1.0.0
