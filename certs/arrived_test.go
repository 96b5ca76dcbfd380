package certs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArrived has another process put its CA in place between the look for a root and the
// look for a key.
func TestArrived(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenLocalCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, caFolder)
	ca, err := arrived(folder)
	if err != nil || !ca.Created() || ca.ID() != first.ID() {
		t.Fatalf("arrived(a CA that was just made) = %v, %v, want it, and that nobody can have trusted it yet", ca, err)
	}
	if err := os.Remove(first.RootFile()); err != nil {
		t.Fatal(err)
	}
	if _, err := arrived(folder); err == nil || !strings.Contains(err.Error(), "missing beside its key") {
		t.Errorf("arrived(a key alone) = %v, want what is missing", err)
	}
}
