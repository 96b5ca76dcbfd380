package fix

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/need"
)

// Yarn 2 and later runs a program that a manifest names by exec:, one of a registry too,
// while it resolves and with enableScripts off.
func TestYarnRunsNoProgram(t *testing.T) {
	node := need.Program(t, "node")
	yarn := filepath.Join(need.Modules(t, "@yarnpkg/cli-dist"), "@yarnpkg/cli-dist/bin/yarn.js")
	bin, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(filepath.Join(bin, "yarn"), fmt.Appendf(nil, "#!/bin/sh\nexec %q %q \"$@\"\n", node, yarn), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, text := range map[string]string{
		"package.json": `{"name": "shop", "dependencies": {"gen": "exec:./gen.cjs"}}`,
		"gen.cjs":      fmt.Sprintf("require('fs').writeFileSync(%q, 'x')", ran),
		"yarn.lock":    "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &workshop{dir: dir, home: t.TempDir(), base: "http://127.0.0.1:9/", kind: "yarn", project: &project{root: root, lock: &lockfile.Lock{File: "yarn.lock"}}}
	if err := w.settle(); err != nil {
		t.Fatal(err)
	}
	_, err = w.run(t.Context(), "yarn", "install", "--mode=update-lockfile")
	if failed := new(ManagerError); !errors.As(err, &failed) {
		t.Errorf("yarn = %v, want it stopped", err)
	}
	// A Yarn of today refuses that itself; one of 2024 did not.
	for _, call := range []string{"spawn", "spawnSync", "execFile", "execSync", "fork"} {
		script := fmt.Sprintf("require('child_process').%s(process.execPath, [%q])", call, filepath.Join(dir, "gen.cjs"))
		if out, err := exec.Command(node, "--require", filepath.Join(w.home, alone), "-e", script).CombinedOutput(); err == nil || !strings.Contains(string(out), "has Yarn start no program") {
			t.Errorf("%s: %v\n%s\nwant it refused", call, err, out)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the program ran")
	}
}
