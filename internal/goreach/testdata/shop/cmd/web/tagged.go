//go:build special

package main

import "hole.test/hole"

func init() { hole.Tagged() }
