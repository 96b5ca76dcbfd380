module example.test/shop

go 1.99.0

require (
	example.test/other v1.0.0
	github.com/siruspen/logrus v1.0.0
)
