package compat_test

import "testing"

// TestCompatibility runs the suite in one browser.
func TestCompatibility(t *testing.T) {
	a := startApps(t)
	b := startBrowser(t)
	t.Run("control", func(t *testing.T) { testControl(t, b, a) })
}
