//go:build unix

package nodemodules_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/panoplysec/panoply/internal/nodemodules"
)

// What is no file is not opened, and a link out of the folder is not followed.
func TestHostileFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(outside, "package.json"): `{"name":"b"}`, filepath.Join(outside, "index.js"): "",
		filepath.Join(dir, "node_modules/a/package.json"): `{"name":"a"}`, filepath.Join(dir, "node_modules/a/index.js"): "require('./pipe'); require('b'); require('../../../x')",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "node_modules/a/pipe.js"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "node_modules/b")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tree := nodemodules.Follow(t.Context(), root.FS(), []nodemodules.Root{{Place: nodemodules.Place{File: "server.js", Line: 1}, Name: "a"}}, nodemodules.Options{})
	a := tree.Packages[0]
	if len(tree.Packages) != 1 || !strings.Contains(a.Doubt, "pipe.js is no file") || len(a.Loose) != 1 || !strings.Contains(a.Loose[0].Why, "link that is not followed") {
		t.Errorf("packages %+v, want a alone, in doubt for the FIFO, and b loose for its link", a)
	}
}
