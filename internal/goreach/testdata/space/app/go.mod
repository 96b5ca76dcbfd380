module app.test/app

go 1.25

require lib.test/member v0.0.0
