// Package lib has no main.
package lib

import "hole.test/hole"

// T is exported, and so is what it does.
type T struct{}

// Do calls the hole.
func (t *T) Do() { hole.Bad("") }

func quiet() { hole.Unused() }
