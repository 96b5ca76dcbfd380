//go:build unix

package config_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe would have the door wait for a writer.
func TestEnvFileIsNoPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := source(t, "", []string{"PANOPLY_LISTEN_FILE=" + pipe}); !strings.Contains(problems, "which is no file") {
		t.Errorf("Load = %s, want a refusal", problems)
	}
}
