//go:build unix

package config_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

// What is no file is not waited for, and not read without end.
func TestInstallKeyIsAFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero", t.TempDir()} {
		if _, err := config.ReadInstallKey(path); err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("ReadInstallKey(%s) = %v, want a refusal", path, err)
		}
	}
}
