package jsast_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/need"
)

// entries are the apps of testdata that the installed Express runs. Left out are the
// one in TypeScript, the one in the syntax of Express 4, and the one of which not all
// can be seen.
var entries = map[string]string{
	"single": "app.js", "generator": "app.js", "esm": "server.js", "functions": "index.js", "folder": "app.js",
}

// TestRoutesAgreeWithExpress runs the apps under the real Express and compares what its
// routers hold with the table.
func TestRoutesAgreeWithExpress(t *testing.T) {
	node := need.Program(t, "node")
	modules := need.Modules(t, "express", "router", "cookie-parser")
	script, err := filepath.Abs("testdata/stack.cjs")
	if err != nil {
		t.Fatal(err)
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
				t.Fatal(err)
			}
			// Modules in ECMAScript's own form know no NODE_PATH.
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), node, script, filepath.Join(dir, entry))
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NODE_ENV=production", "FEATURE_BETA=1"}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("node: %v", err)
			}
			want := strings.Split(strings.TrimSpace(string(out)), "\n")
			var got []string
			routes, _ := jsast.Load(os.DirFS(dir)).Routes()
			for _, r := range routes {
				if line := r.Method + " " + r.Path; !slices.Contains(got, line) {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("Routes() =\n%s\nExpress has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
