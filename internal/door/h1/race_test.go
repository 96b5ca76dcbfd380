//go:build race

package h1_test

func init() { underRace = true }
