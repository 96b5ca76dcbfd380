package main

import "shop.test/shop/cart"

type decoder interface{ Decode(string) error }

func run(d decoder) error { return d.Decode("x") }

func main() {
	cart.Add("x")
	_ = run(cart.New())
	go func() { cart.Soon() }()
}
