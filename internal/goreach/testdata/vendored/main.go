package main

import "hole.example/hole"

func main() { hole.Bad() }
