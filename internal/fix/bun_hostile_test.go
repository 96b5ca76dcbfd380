package fix_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
)

// A folder names no registry, no program and no script to bun: not in bunfig.toml, .npmrc,
// .env, package.json or the lockfile.
func TestBunDoesNotObeyTheFolder(t *testing.T) {
	program := bun(t)
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		t.Logf("the folder's host was asked for %s", q.URL)
		stolen.Add(1)
		http.NotFound(w, q)
	}))
	defer thief.Close()
	touch := fmt.Sprintf("require('fs').writeFileSync(%q, 'x')\n", mark(t))
	scripts := `"preinstall": "touch ` + mark(t) + `", "postinstall": "touch ` + mark(t) + `", "prepare": "touch ` + mark(t) + `", "test": "bun test.js"`
	s := scenario{
		files: map[string]string{"package.json": app(`"scripts": {` + scripts + `}, "trustedDependencies": ["web"], "dependencies": {"web": "^1.0.0"}`)},
		then:  "web@1.0.0", now: "web@1.0.1", advisories: "GHSA-1 web 1.0.1",
		steps: []string{"update web 1.0.0 to 1.0.1 in the lockfile"},
	}
	dir := folder(t, s.files)
	r := s.lock(t, dir, program, bunLocks...)
	for name, text := range map[string]string{
		"bunfig.toml": "preload = [\"./evil.cjs\"]\n[install]\nregistry = \"" + thief.URL + "\"\nauto = \"force\"\n[install.scopes]\nweb = \"" + thief.URL + "\"\n[install.security]\nscanner = \"./evil.cjs\"\n[run]\nshell = \"./evil.sh\"\n",
		".npmrc":      "registry=" + thief.URL + "\nproxy=" + thief.URL + "\n",
		".env":        "BUN_CONFIG_REGISTRY=" + thief.URL + "\nnpm_config_registry=" + thief.URL + "\nBUN_CONFIG_TOKEN=x\nHTTP_PROXY=" + thief.URL + "\nBUN_OPTIONS=--preload=./evil.cjs\nSECRET=42\n",
		"evil.cjs":    touch,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", s.advisories), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	s.prove(t, dir, client(t, r))
	// The tests run as the project has them run: with its preload and its variables, on what
	// was installed from the user's registry without them.
	quiet := "[install]\nregistry = \"" + thief.URL + "\"\n"
	test := "const v = require('web/package.json').version\nif (v !== '1.0.1' || process.env.SECRET !== '42' || !require('fs').existsSync('bunfig.toml')) { console.error(v, process.env.SECRET); process.exit(1) }\n"
	for name, text := range map[string]string{"bunfig.toml": quiet, "test.js": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Test(bounded(t), out, t.Output()); err != nil {
		t.Errorf("Test = %v", err)
	}
	if _, err := os.Stat(mark(t)); err == nil {
		os.Remove(mark(t))
		t.Error("a script of the folder or of a package ran")
	}
	if n := stolen.Load(); n != 0 {
		t.Errorf("the host that the folder names was asked %d times", n)
	}
}

// A bun before 1.2 has no lockfile that can be read: there is the plan, and it says so.
func TestABunThatIsTooOld(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "bun"), []byte("#!/bin/sh\necho 1.1.38\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := folder(t, map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}`), "bun.lock": bunLock})
	r := newRegistry(t, "web@1.0.0\nweb@1.0.1")
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", "GHSA-1 web 1.0.1"), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil || len(out.Steps) != 1 || out.Steps[0].To != "1.0.1" || !strings.Contains(out.Unverified, "1.1.38, and writes no bun.lock; 1.2 and later do") || len(out.Left) != 1 {
		t.Errorf("Fix = %+v, %v, want a plan that was not tried", out, err)
	}
	if err := f.Write(out, nil); err == nil {
		t.Error("Write of a plan that was not tried = nil")
	}
}

const bunLock = `{
  "lockfileVersion": 1,
  "workspaces": {"": {"name": "shop", "dependencies": {"web": "1.0.0"}}},
  "packages": {
    "web": ["web@1.0.0", "", {}, "sha512-AAAA"],
  }
}
`

// What bun would throw away is not written: it would choose everything anew.
func TestALockfileThatBunCannotRead(t *testing.T) {
	bun(t)
	dir := folder(t, map[string]string{
		"package.json": app(`"dependencies": {"web": "1.0.0"}`),
		"bun.lock":     strings.Replace(bunLock, `{}, "sha512`, `{"dependencies": {"gone": "1.0.0"}}, "sha512`, 1),
	})
	r := newRegistry(t, "web@1.0.0\nweb@1.0.1")
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", "GHSA-1 web 1.0.1"), Registry: client(t, r)})
	if out, err := f.Fix(bounded(t)); err == nil || !strings.Contains(err.Error(), "cannot read the lockfile, and would choose everything anew") {
		t.Errorf("Fix = %+v, %v, want the lockfile refused", out, err)
	}
}

func TestBunFoldersThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a patch outside":  {map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "patchedDependencies": {"web@1.0.0": "../../etc/passwd"}`), "bun.lock": bunLock}, "patchedDependencies.web@1.0.0"},
		"a catalog":        {map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "catalog": {"x": "file:../x"}`), "bun.lock": bunLock}, "catalog.x"},
		"a binary one":     {map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}`), "bun.lockb": "#!/usr/bin/env bun"}, "bun install --save-text-lockfile"},
		"a later lockfile": {map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}`), "bun.lock": strings.Replace(bunLock, ": 1,", ": 9,", 1)}, "0 to 3 are known"},
	} {
		if _, err := fix.New(folder(t, c.files), fix.Options{Advisories: advisories(t, "npm", "GHSA-1 web 1.0.1")}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: New = %v, want %q", name, err, c.want)
		}
	}
}
