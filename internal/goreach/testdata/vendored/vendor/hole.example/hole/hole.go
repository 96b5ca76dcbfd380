// Package hole is vendored.
package hole

// Bad is called.
func Bad() {}
