// Package member is of the workspace.
package member

// Bad is called.
func Bad() {}
