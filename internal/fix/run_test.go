package fix_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
)

// proveRun runs the project's tests on a plan: with what the plan locks they pass, and with
// another test they do not. Neither changes the folder.
func proveRun(t *testing.T, dir string, o fix.Options, test, failing string) {
	t.Helper()
	f := open(t, dir, o)
	out, err := f.Fix(bounded(t))
	if err != nil || len(out.Steps) != 1 {
		t.Fatalf("Fix = %+v, %v, want one step", out, err)
	}
	before := snapshot(t, dir)
	var said bytes.Buffer
	if err := f.Test(bounded(t), out, &said); err != nil {
		t.Errorf("Test = %v, want the new version to be installed and to pass\n%s", err, said.String())
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("the folder changed:\n%s", after)
	}
	if err := os.WriteFile(filepath.Join(dir, test), []byte(failing), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Test(bounded(t), out, io.Discard); err == nil || !strings.Contains(err.Error(), "test") {
		t.Errorf("Test = %v, want the failure of the tests", err)
	}
}

// tested is the simple scenario, whose test wants the new version to be installed.
func tested(more map[string]string) *scenario {
	s := simple
	s.files = map[string]string{}
	for _, files := range []map[string]string{simple.files, more} {
		for name, text := range files {
			s.files[name] = text
		}
	}
	return &s
}

func TestRunWithYarn1(t *testing.T) {
	yarn := manager(t, "yarn", "yarn", "bin/yarn.js")
	s := tested(nil)
	dir := folder(t, s.files)
	r := s.lock(t, dir, yarn, "install", "--ignore-scripts", "--no-bin-links", "--non-interactive")
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	proveRun(t, dir, fix.Options{Advisories: advisories(t, "npm", s.advisories), Registry: client(t, r)}, "test.js", "process.exit(1)")
}

func TestRunWithYarn4(t *testing.T) {
	yarn := manager(t, "yarn", "@yarnpkg/cli-dist", "bin/yarn.js")
	for _, linker := range []string{"node-modules", "pnp"} {
		t.Run(linker, func(t *testing.T) {
			t.Parallel()
			s := tested(map[string]string{"yarn.lock": "", ".yarnrc.yml": "nodeLinker: " + linker + "\nenableTelemetry: false\nunsafeHttpWhitelist: [127.0.0.1]\nenableGlobalCache: true\n"})
			dir := folder(t, s.files)
			r := s.lock(t, dir, yarn, "install", "--mode=update-lockfile")
			proveRun(t, dir, fix.Options{Advisories: advisories(t, "npm", s.advisories), Registry: client(t, r)}, "test.js", "process.exit(1)")
		})
	}
}

func TestRunWithPNPM(t *testing.T) {
	pnpm := manager(t, "pnpm", "pnpm", "bin/pnpm.cjs")
	s := tested(nil)
	dir := folder(t, s.files)
	r := s.lock(t, dir, pnpm, "install", "--lockfile-only", "--ignore-scripts")
	proveRun(t, dir, fix.Options{Advisories: advisories(t, "npm", s.advisories), Registry: client(t, r)}, "test.js", "process.exit(1)")
}

func TestRunWithGo(t *testing.T) {
	proxy := goProxy(t, "example.test/web@v1.0.0\nexample.test/web@v1.1.0")
	for name, value := range map[string]string{"GOPROXY": proxy, "GONOSUMDB": "*", "GONOSUMCHECK": "1", "GOSUMDB": "off", "GOMODCACHE": t.TempDir(), "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local", "GOCACHE": buildCache(t)} {
		t.Setenv(name, value)
	}
	dir := folder(t, map[string]string{
		"go.mod":      "module example.test/shop\n\ngo 1.21\n\nrequire example.test/web v1.0.0\n",
		"a.go":        "package shop\n\nimport _ \"example.test/web\"\n",
		"web_test.go": "package shop\n\nimport (\n\t\"os\"\n\t\"strings\"\n\t\"testing\"\n)\n\nfunc TestWeb(t *testing.T) {\n\tmod, err := os.ReadFile(\"go.mod\")\n\tif err != nil || !strings.Contains(string(mod), \"web v1.1.0\") {\n\t\tt.Error(string(mod), err)\n\t}\n}\n",
	})
	run(t, dir, "", "go", "list", "-mod=mod", "-deps", "./...")
	proveRun(t, dir, fix.Options{Advisories: advisories(t, "Go", "GO-1 example.test/web 1.1.0")}, "web_test.go", "package shop\n\nimport \"testing\"\n\nfunc TestWeb(t *testing.T) { t.Fail() }\n")
}

func TestACatalogIsLeftAsItIs(t *testing.T) {
	pnpm := manager(t, "pnpm", "pnpm", "bin/pnpm.cjs")
	s := scenario{
		files: map[string]string{"package.json": app(`"dependencies": {"web": "catalog:"}`), "pnpm-workspace.yaml": "packages:\n  - packages/*\ncatalog:\n  web: ^1.0.0\n"},
		then:  "web@1.0.0", now: "web@1.0.1", advisories: "GHSA-1 web 1.0.1",
		left: map[string]string{"web@1.0.0": "by a catalog (catalog:), which fix leaves as it is"},
	}
	dir := folder(t, s.files)
	r := s.lock(t, dir, pnpm, "install", "--lockfile-only", "--ignore-scripts")
	s.prove(t, dir, client(t, r))
}
