package fix_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/need"
)

// What leads out of the folder is not followed, and is an error before anything runs.
func TestAFolderThatLeadsOut(t *testing.T) {
	npm := need.Program(t, "npm")
	locked := folder(t, map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)})
	simple.lock(t, locked, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
	lock := read(t, locked, "package-lock.json")
	for name, files := range map[string]map[string]string{
		"a folder":        {"package.json": app(`"dependencies": {"web": "^1.0.0", "x": "file:../../x"}`)},
		"a workspace":     {"package.json": app(`"workspaces": ["../*"], "dependencies": {"web": "^1.0.0"}`)},
		"a link":          {"package.json": app(`"dependencies": {"web": "^1.0.0", "x": "link:/etc"}`)},
		"a program":       {"package.json": app(`"dependencies": {"web": "^1.0.0", "x": "exec:./x.tgz"}`)},
		"a deep manifest": {"package.json": app(`"dependencies": {"web": "^1.0.0"}`), "a/package.json": `{"dependencies": {"x": "file:../../x"}}`},
		"the lockfile": {"package.json": app(`"dependencies": {"web": "^1.0.0"}`),
			"package-lock.json": strings.Replace(lock, `"node_modules/web"`, `"../../x/node_modules/y": {"version": "1.0.0"}, "node_modules/web"`, 1)},
	} {
		if files["package-lock.json"] == "" {
			files["package-lock.json"] = lock
		}
		_, err := fix.New(folder(t, files), fix.Options{Advisories: advisories(t, "npm", simple.advisories)})
		if err == nil || !strings.Contains(err.Error(), "does not follow") && !strings.Contains(err.Error(), "program to run") {
			t.Errorf("%s: New = %v, want it refused", name, err)
		}
	}
	// A manifest, or a lockfile, that is a link is none to be written.
	for _, name := range []string{"package.json", "package-lock.json"} {
		dir := folder(t, map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`), "package-lock.json": lock})
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "real.json")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("real.json", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := fix.New(dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories)}); err == nil {
			t.Errorf("%s is a link: New = nil, want an error", name)
		}
	}
}
