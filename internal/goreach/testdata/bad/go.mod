module bad.test/bad

go 1.25
