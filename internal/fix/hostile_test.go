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

// The copy in which tests run has no link that leads out of it: what is installed there
// would go to the other end.
func TestRunFollowsNoLinkOut(t *testing.T) {
	dir, r := locked(t)
	elsewhere := folder(t, map[string]string{"precious/index.js": "1", "package.json": `{"name": "member", "version": "1.0.0"}`})
	for name, to := range map[string]string{"node_modules": elsewhere, "packages": elsewhere, "inside.js": "test.js", "nowhere": "../../nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	test := "const fs = require('fs')\nif (require('web/package.json').version !== '1.0.1' || fs.existsSync('packages') || !fs.existsSync('inside.js')) process.exit(1)\n"
	if err := os.WriteFile(filepath.Join(dir, "test.js"), []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, elsewhere)
	if err := f.Test(bounded(t), out, t.Output()); err != nil {
		t.Errorf("Test = %v", err)
	}
	if after := snapshot(t, elsewhere); after != before {
		t.Errorf("another folder was\n%s\nand is\n%s", before, after)
	}
}

// What a lockfile calls a package is handed to no package manager where it is an option or
// a path.
func TestANameThatWouldBeAnOption(t *testing.T) {
	r := newRegistry(t, "web@1.0.0\nweb@1.0.1")
	for _, name := range []string{"--dir=/tmp", "-g", "@a/../b", "a b"} {
		dir := folder(t, map[string]string{
			"package.json": `{"name": "shop", "dependencies": {` + quote(name) + `: "npm:web@^1.0.0"}}`,
			"package-lock.json": `{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop", "dependencies": {` + quote(name) + `: "npm:web@^1.0.0"}},
  ` + quote("node_modules/"+name) + `: {"name": "web", "version": "1.0.0"}}}`,
		})
		out, err := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)}).Fix(bounded(t))
		if err != nil || len(out.Steps) != 0 || len(out.Left) != 1 || !strings.Contains(out.Left[0].Why[0], "hands to a package manager") {
			t.Errorf("%s: Fix = %+v, %v, want it left", name, out, err)
		}
	}
}
