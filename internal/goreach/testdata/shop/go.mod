module shop.test/shop

go 1.25

require hole.test/hole v1.0.0

replace hole.test/hole v1.0.0 => ../hole
