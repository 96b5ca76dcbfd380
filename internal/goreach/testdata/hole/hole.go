// Package hole stands for a module with holes.
package hole

import "fmt"

// Bad is called.
func Bad(s string) string { return inner(s) }

func inner(s string) string { return fmt.Sprint(s) }

// Unused is not.
func Unused() {}

// A Decoder has methods.
type Decoder struct{}

// Decode is called by an interface.
func (d *Decoder) Decode(s string) error { return nil }

// Reset is not.
func (d Decoder) Reset() {}

// Map is generic.
func Map[T any](in []T, f func(T) T) []T {
	for i := range in {
		in[i] = f(in[i])
	}
	return in
}

// Tagged is called with a build tag.
func Tagged() {}

// Tested is called by a test.
func Tested() {}

// Later is called by a goroutine in a closure.
func Later() {}
