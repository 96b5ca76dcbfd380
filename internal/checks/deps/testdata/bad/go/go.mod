module example.test/shop

go 1.22.0

require example.test/old v1.1.0
