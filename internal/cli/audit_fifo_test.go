//go:build unix

package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/cli"
)

// TestNobodyWaitsForAPipe: a pipe in the audited folder, which nobody writes to, is no
// file.
func TestNobodyWaitsForAPipe(t *testing.T) {
	for _, name := range []string{"panoply.yaml", "package.json", "app.js", ".npmrc"} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skipf("needs pipes with names: %v", err)
		}
		done := make(chan int, 1)
		go func() {
			var out, errs bytes.Buffer
			done <- cli.Run([]string{"audit", dir}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("the audit waits for the pipe %s", name)
		}
	}
}
