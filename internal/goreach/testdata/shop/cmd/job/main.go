package main

import (
	"fmt"

	"hole.test/hole"
)

func main() {
	fmt.Println(hole.Map([]int{1}, func(i int) int { return i }))
}
