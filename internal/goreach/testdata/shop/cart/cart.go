// Package cart calls the hole.
package cart

import "hole.test/hole"

// Add calls it.
func Add(s string) string {
	return hole.Bad(s)
}

// New is called by an interface.
func New() *hole.Decoder { return new(hole.Decoder) }

// Soon is called by a goroutine.
func Soon() { hole.Later() }

// Never is called by nobody.
func Never() { hole.Unused() }
