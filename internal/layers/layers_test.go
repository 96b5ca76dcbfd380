package layers_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/panoplysec/panoply"

// pkg is what these tests read of go list -json.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	Doc        string
	Name       string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Standard,Doc,Name,Imports,Deps"}, patterns...)...)
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", patterns, err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// guardLayers is the order in which guards may stand on each other, lowest first. A
// package may import those on earlier lines only.
var guardLayers = [][]string{
	{"guard"},
	{"internal/hook", "internal/body", "internal/spell", "internal/jsobject", "internal/caching"},
	{"clientip"},
	{"csp", "tlspolicy", "internal/sanity"},
	{"headers", "cookie", "conceal"},
	{"session", "expresssession", "cookiesession", "limit", "csrf"},
	{"login"},
	{""}, // the module's root package, panoply
}

func TestGuardsStandOnLowerLayersAndTheStandardLibraryOnly(t *testing.T) {
	allowed := map[string]bool{}
	for _, layer := range guardLayers {
		for _, name := range layer {
			path := strings.TrimSuffix(module+"/"+name, "/")
			for _, p := range list(t, path) {
				for _, dep := range p.Deps {
					if ours := strings.HasPrefix(dep, module); ours && !allowed[dep] || !ours && !standard(dep) {
						t.Errorf("%s depends on %s, want the standard library and lower layers only", path, dep)
					}
				}
			}
		}
		for _, name := range layer {
			allowed[strings.TrimSuffix(module+"/"+name, "/")] = true
		}
	}
}

// standard tells a standard library package by its first path element, as the go
// command does.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") || strings.HasPrefix(path, "vendor/")
}

// enforcers decide; the proof of a practice must not share their code. Parsers (csp)
// may be shared.
var enforcers = []string{"headers", "conceal", "cookie", "clientip", "internal/hook", "internal/sanity", "internal/shield", "internal/door", "tlspolicy",
	"session", "expresssession", "cookiesession", "limit", "login", "csrf", "diskstore", "redisstore", ""}

func TestChecksNeverImportWhatDecided(t *testing.T) {
	for _, p := range list(t, "./internal/checks/...", "./audit/...") {
		for _, name := range enforcers {
			path := strings.TrimSuffix(module+"/"+name, "/")
			if slices.Contains(p.Deps, path) {
				t.Errorf("%s depends on %s: a check must be independent of the enforcer", p.ImportPath, path)
			}
		}
	}
}

func TestOnlyTheProgramKnowsTheDoor(t *testing.T) {
	mayImport := []string{module + "/internal/cli", module + "/internal/demo", module + "/internal/compat", module + "/internal/door"}
	for _, p := range list(t, "./...") {
		if slices.ContainsFunc(mayImport, func(ok string) bool { return p.ImportPath == ok || strings.HasPrefix(p.ImportPath, ok+"/") }) {
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"/internal/door") {
				t.Errorf("%s imports %s, want only the program to", p.ImportPath, imp)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	banned := []string{"util", "utils", "common", "helpers", "types", "models", "misc"}
	for _, p := range list(t, "./...") {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if slices.Contains(banned, filepath.Base(p.ImportPath)) {
			t.Errorf("%s: name it for what it holds", p.ImportPath)
		}
	}
}

// A user of one guard pays for one module.
func TestHeadersAloneVendorsOneModule(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.test/shop\n\ngo 1.26.0\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+root(t)+"\n")
	write("main.go", `package main

import (
	"net/http"

	"`+module+`/headers"
)

func main() {
	g, err := headers.New(headers.Options{})
	if err != nil {
		panic(err)
	}
	http.Handle("/", g.Handler(http.NotFoundHandler()))
}
`)
	for _, args := range [][]string{{"mod", "vendor"}, {"build", "-mod=vendor", "-o", os.DevNull, "."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "vendor", "modules.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "# "); ok && !strings.Contains(name, "=> ./") {
			modules = append(modules, strings.Fields(name)[0])
		}
	}
	modules = slices.Compact(modules)
	if !slices.Equal(modules, []string{module}) {
		t.Errorf("a program importing headers vendors %v, want %s alone", modules, module)
	}
}
