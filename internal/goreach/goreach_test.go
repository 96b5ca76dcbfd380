package goreach_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/goreach"
)

func load(t *testing.T, dir string, tags ...string) *goreach.Program {
	t.Helper()
	p, err := goreach.Load(t.Context(), filepath.Join("testdata", dir), tags)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var labels = [...]string{"not imported", "imported", "called"}

// told is the label, and the names of the way.
func told(a goreach.Answer) string {
	return strings.TrimSpace(labels[a.Label] + " " + strings.Join(a.Calls, " > "))
}

const hole = "hole.test/hole"

func TestReach(t *testing.T) {
	p := load(t, "shop")
	for _, c := range []struct{ symbol, want string }{
		{"Bad", "called shop.test/shop/cmd/web.main (cmd/web/main.go:10) > shop.test/shop/cart.Add (cart/cart.go:8) > hole.test/hole.Bad"},
		{"inner", "called shop.test/shop/cmd/web.main (cmd/web/main.go:10) > shop.test/shop/cart.Add (cart/cart.go:8) > hole.test/hole.Bad (hole.go:7) > hole.test/hole.inner"},
		{"Decoder.Decode", "called shop.test/shop/cmd/web.main (cmd/web/main.go:11) > shop.test/shop/cmd/web.run (cmd/web/main.go:7) > hole.test/hole.Decoder.Decode"},
		{"Map", "called shop.test/shop/cmd/job.main (cmd/job/main.go:10) > hole.test/hole.Map"},
		{"Later", "called shop.test/shop/cmd/web.main (cmd/web/main.go:12) > shop.test/shop/cart.Soon (cart/cart.go:15) > hole.test/hole.Later"},
		{"Unused", "imported"},
		{"Decoder.Reset", "imported"},
		{"Tagged", "imported"},
		{"Tested", "imported"},
		{"Decode", "imported"},
	} {
		a := p.Reach(hole, []goreach.Package{{Path: hole, Symbols: []string{c.symbol}}})
		if got := told(a); got != c.want {
			t.Errorf("%s: %s, want %s", c.symbol, got, c.want)
		}
		if want := []string{"cart/cart.go:4", "cmd/job/main.go:6"}; !slices.Equal(a.At, want) {
			t.Errorf("%s: imported at %v, want %v", c.symbol, a.At, want)
		}
	}
	for name, c := range map[string]struct {
		module string
		holes  []goreach.Package
		want   string
	}{
		"package not linked": {hole, []goreach.Package{{Path: hole + "/deep", Symbols: []string{"Bad"}}}, "not imported"},
		"module not linked":  {"other.test/x", nil, "not imported"},
		"no symbols told":    {hole, nil, "imported"},
		"whole package":      {hole, []goreach.Package{{Path: hole}}, "called"},
		"one of two":         {hole, []goreach.Package{{Path: hole + "/deep"}, {Path: hole, Symbols: []string{"Unused", "Map"}}}, "called"},
		"other system":       {hole, []goreach.Package{{Path: hole, Symbols: []string{"Bad"}, GOOS: []string{"plan9"}}}, "not imported"},
		"standard library":   {"stdlib", []goreach.Package{{Path: "fmt", Symbols: []string{"Println"}}}, "called"},
		"not called there":   {"stdlib", []goreach.Package{{Path: "fmt", Symbols: []string{"Sscanf"}}}, "imported"},
		"not linked there":   {"stdlib", []goreach.Package{{Path: "net/http", Symbols: []string{"Get"}}}, "not imported"},
	} {
		if a := p.Reach(c.module, c.holes); labels[a.Label] != c.want {
			t.Errorf("%s: %s, want %s", name, told(a), c.want)
		}
	}
}

func TestBuilds(t *testing.T) {
	bad := func(path string, symbol string) []goreach.Package {
		return []goreach.Package{{Path: path, Symbols: []string{symbol}}}
	}
	if got := told(load(t, "shop", "special").Reach(hole, bad(hole, "Tagged"))); !strings.HasSuffix(got, "hole.test/hole.Tagged") {
		t.Errorf("with a build tag: %s, want it called", got)
	}
	lib := load(t, "lib")
	if got := told(lib.Reach(hole, bad(hole, "Bad"))); got != "called lib.test/lib.T.Do (lib.go:10) > hole.test/hole.Bad" {
		t.Errorf("a module without main: %s, want it called by what it exports", got)
	}
	if got := told(lib.Reach(hole, bad(hole, "Unused"))); got != "imported" {
		t.Errorf("a function that is not exported: %s, want imported", got)
	}
	if got := told(load(t, "vendored").Reach("hole.example/hole", bad("hole.example/hole", "Bad"))); got != "called vendored.test/app.main (main.go:5) > hole.example/hole.Bad" {
		t.Errorf("vendored: %s, want it called", got)
	}
	if got := told(load(t, "space/app").Reach("lib.test/member", bad("lib.test/member", "Bad"))); !strings.HasPrefix(got, "called app.test/app.main") {
		t.Errorf("in a workspace: %s, want it called", got)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	missing, none, cgo := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(missing, "go.mod", "module m.test/m\n\ngo 1.25\n\nrequire absent.test/x v1.0.0\n")
	write(missing, "main.go", "package main\n\nimport _ \"absent.test/x\"\n\nfunc main() {}\n")
	write(none, "go.mod", "module m.test/m\n\ngo 1.25\n")
	write(cgo, "go.mod", "module m.test/m\n\ngo 1.999\n")
	write(cgo, "main.go", "package main\n\nfunc main() {}\n")
	for name, c := range map[string]struct{ dir, want string }{
		"type error":       {"testdata/bad", "bad.test/bad does not build: "},
		"module not here":  {missing, "absent.test/x does not build: "},
		"no packages":      {none, "no Go packages"},
		"newer than ours":  {cgo, "go"},
		"folder not there": {filepath.Join(none, "absent"), "go list: "},
	} {
		if p, err := goreach.Load(t.Context(), c.dir, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load = %v, %v, want an error with %q", name, p, err, c.want)
		}
	}
	done, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-done.Done()
	if _, err := goreach.Load(done, "testdata/shop", nil); err == nil {
		t.Error("Load after the end of its time gave no error")
	}
}

// Nothing of the folder or of the user's settings makes the go command run more than
// itself.
func TestEnvironment(t *testing.T) {
	env := goreach.Environment([]string{"PATH=/bin", "GOFLAGS=-toolexec=/tmp/evil", "GOPROXY=https://evil.test", "CC=/tmp/evil", "GOPACKAGESDRIVER=/tmp/evil", "GOTOOLCHAIN=go9", "SECRET=x"})
	for _, want := range []string{"PATH=/bin", "GOFLAGS=-buildvcs=false", "GOPROXY=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOPACKAGESDRIVER=off", "GOVCS=*:off"} {
		if !slices.Contains(env, want) {
			t.Errorf("Environment has no %s", want)
		}
	}
	for _, e := range env {
		if strings.Contains(e, "evil") || strings.Contains(e, "SECRET") || strings.Contains(e, "go9") {
			t.Errorf("Environment has %s", e)
		}
	}
}

// A folder that would have something run when it is built is loaded without that.
func TestRunsNothing(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	for name, text := range map[string]string{
		"go.mod":      "module m.test/m\n\ngo 1.25\n\ntoolchain go1.999.0\n",
		"main.go":     "package main\n\n//go:generate touch " + ran + "\n\nfunc main() {}\n",
		"cgo.go":      "package main\n\n// #cgo CFLAGS: -fplugin=" + ran + "\nimport \"C\"\n",
		"x.swig":      "%module x\n",
		"tool.sh":     "#!/bin/sh\ntouch " + ran + "\n",
		".git/HEAD":   "ref: refs/heads/main\n",
		".git/config": "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = \"touch " + ran + "\"\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "-toolexec="+filepath.Join(dir, "tool.sh"))
	t.Setenv("GOPACKAGESDRIVER", filepath.Join(dir, "tool.sh"))
	_, err := goreach.Load(t.Context(), dir, nil)
	if err != nil {
		t.Error(err)
	}
	if _, missing := os.Stat(ran); missing == nil {
		t.Error("Load ran something of the folder")
	}
}
