package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/internal/filelock"
)

func TestOneAtATime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(), open()
	if err := filelock.Try(first); err != nil {
		t.Fatal(err)
	}
	if err := filelock.Try(second); !errors.Is(err, filelock.ErrHeld) {
		t.Errorf("Try of a second = %v, want ErrHeld", err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "text" {
		t.Errorf("a reader has %q, %v, want the text", text, err)
	}
	first.Close()
	if err := filelock.Try(second); err != nil {
		t.Errorf("Try once the first is closed = %v", err)
	}
}
