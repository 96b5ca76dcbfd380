package fix_test

import (
	"archive/zip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
)

// buildCache is that of the user, so that not each build compiles the standard library.
func buildCache(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// goProxy is a file:// module proxy of modules, each "path@version requires…".
func goProxy(t *testing.T, lines string) string {
	t.Helper()
	dir := t.TempDir()
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		path, version, _ := strings.Cut(fields[0], "@")
		mod := "module " + path + "\n\ngo 1.21\n"
		source := "package " + path[strings.LastIndexByte(path, '/')+1:] + "\n"
		for _, need := range fields[1:] {
			dep, v, _ := strings.Cut(need, "@")
			mod += "\nrequire " + dep + " " + v + "\n"
			source += "\nimport _ \"" + dep + "\"\n"
		}
		at := filepath.Join(dir, filepath.FromSlash(path), "@v")
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		list, err := os.OpenFile(filepath.Join(at, "list"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list.WriteString(version + "\n"); err != nil {
			t.Fatal(err)
		}
		list.Close()
		info, _ := json.Marshal(map[string]string{"Version": version, "Time": "2026-01-01T00:00:00Z"})
		for name, text := range map[string]string{".info": string(info), ".mod": mod} {
			if err := os.WriteFile(filepath.Join(at, version+name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := os.Create(filepath.Join(at, version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(out)
		for name, text := range map[string]string{"go.mod": mod, "a.go": source} {
			w, err := z.Create(path + "@" + version + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		out.Close()
	}
	return "file://" + filepath.ToSlash(dir)
}

func TestScenariosWithGo(t *testing.T) {
	proxy := goProxy(t, `
example.test/web@v1.0.0 example.test/query@v1.0.0
example.test/web@v1.1.0 example.test/query@v1.0.0
example.test/query@v1.0.0
example.test/query@v1.2.0
example.test/query@v1.3.0
example.test/zero@v0.1.0
example.test/zero@v0.2.0`)
	for name, value := range map[string]string{"GOPROXY": proxy + ",direct", "GONOSUMDB": "*", "GONOSUMCHECK": "1", "GOSUMDB": "off", "GOMODCACHE": t.TempDir(), "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local", "GOCACHE": buildCache(t)} {
		t.Setenv(name, value)
	}
	main := "package main\n\nimport (\n\t_ \"example.test/web\"\n\t_ \"example.test/zero\"\n)\n\nfunc main() {}\n"
	base := "module example.test/shop\n\ngo 1.21\n\nrequire (\n\texample.test/web v1.0.0\n\texample.test/zero v0.1.0\n)\n\nrequire example.test/query v1.0.0 // indirect\n"
	for _, c := range []struct {
		name, mod, advisories string
		refuse                bool
		steps                 []string
		left                  map[string]string
		holds                 string
	}{
		{
			name: "the lowest version that mends, and not the newest", mod: base, advisories: "GO-1 example.test/query 1.2.0",
			steps: []string{"require example.test/query v1.2.0 in place of v1.0.0 in go.mod"}, holds: "require example.test/query v1.2.0 // indirect",
		},
		{
			name: "what mends one is under another", mod: base, advisories: "GO-1 example.test/query 1.2.0\nGO-2 example.test/query 1.3.0 1.1.0",
			steps: []string{"require example.test/query v1.3.0 in place of v1.0.0 in go.mod"}, holds: "example.test/query v1.3.0",
		},
		{
			name: "breaking", mod: base, advisories: "GO-1 example.test/zero 0.2.0",
			steps: []string{"require example.test/zero v0.2.0 in place of v0.1.0 in go.mod, breaking (major)"}, holds: "example.test/zero v0.2.0",
		},
		{
			name: "breaking is refused", mod: base, advisories: "GO-1 example.test/zero 0.2.0", refuse: true,
			left: map[string]string{"example.test/zero@0.1.0": "--major=false"}, holds: "example.test/zero v0.1.0",
		},
		{
			name: "no fix", mod: base, advisories: "GO-1 example.test/query -",
			left: map[string]string{"example.test/query@1.0.0": "no version of example.test/query mends GO-1"}, holds: "example.test/query v1.0.0",
		},
		{
			name: "the version that would mend is not there", mod: base, advisories: "GO-1 example.test/query 1.9.0",
			left: map[string]string{"example.test/query@1.0.0": "go get failed"}, holds: "example.test/query v1.0.0",
		},
		{
			name: "replaced", mod: base + "\nreplace example.test/query => example.test/query v1.2.0\n", advisories: "GO-1 example.test/query 1.3.0",
			left: map[string]string{"example.test/query@1.2.0": "go.mod replaces it in line"}, holds: "=> example.test/query v1.2.0",
		},
		{
			name: "the standard library", mod: base, advisories: "GO-1 stdlib 1.21.5",
			steps: []string{"name the toolchain go1.21.5 in go.mod"}, holds: "toolchain go1.21.5",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"go.mod": c.mod, "main.go": main})
			run(t, dir, "", "go", "list", "-mod=mod", "-deps", "./...")
			f := open(t, dir, fix.Options{Advisories: advisories(t, "Go", c.advisories), Breaking: !c.refuse})
			out, err := f.Fix(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for i := range out.Steps {
				steps = append(steps, out.Steps[i].String())
			}
			if !slices.Equal(steps, c.steps) {
				t.Errorf("steps = %q, want %q", steps, c.steps)
			}
			s := scenario{left: c.left}
			s.checkLeft(t, out)
			if err := f.Write(out, nil); err != nil {
				t.Fatal(err)
			}
			if text := read(t, dir, "go.mod"); !strings.Contains(text, c.holds) {
				t.Errorf("go.mod has no %q:\n%s", c.holds, text)
			}
			if !strings.Contains(c.holds, "toolchain") {
				// go.sum has what a build needs.
				run(t, dir, "", "go", "build", "-mod=readonly", "-o", os.DevNull, ".")
			}
		})
	}
}
