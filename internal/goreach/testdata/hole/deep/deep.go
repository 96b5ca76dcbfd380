// Package deep is imported by nobody.
package deep

// Bad is not called.
func Bad() {}
