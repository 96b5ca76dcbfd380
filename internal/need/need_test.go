package need_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// stop is how the recorder ends a call, as the real testing.T ends its goroutine.
type stop struct{}

type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	panic(stop{})
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	panic(stop{})
}

func record(f func(t testing.TB)) (r *recorder) {
	r = &recorder{}
	defer func() {
		if v := recover(); v != nil && v != any(stop{}) {
			panic(v)
		}
	}()
	f(r)
	return r
}

func TestService(t *testing.T) {
	absent := errors.New("not there")
	for _, tc := range []struct {
		name, ci        string
		err             error
		skipped, failed string
	}{
		{"there", "true", nil, "", ""},
		{"absent", "", absent, "needs redis: not there", ""},
		{"absent with CI off", "false", absent, "needs redis: not there", ""},
		{"absent in CI", "true", absent, "", "needs redis, which CI=true promises: not there"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CI", tc.ci)
			r := record(func(t testing.TB) { need.Service(t, "redis", tc.err) })
			if r.skipped != tc.skipped || r.failed != tc.failed {
				t.Errorf("Service skipped %q and failed %q, want %q and %q", r.skipped, r.failed, tc.skipped, tc.failed)
			}
		})
	}
}

func TestProgram(t *testing.T) {
	t.Setenv("CI", "")
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	path := filepath.Join(dir, "second")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := need.Program(t, "first", "second"); got != path {
		t.Errorf("Program = %q, want %q", got, path)
	}
	if r := record(func(t testing.TB) { need.Program(t, "first") }); r.skipped == "" {
		t.Error("Program of an absent one did not skip")
	}
}

func TestModules(t *testing.T) {
	t.Setenv("CI", "")
	dir := t.TempDir()
	t.Setenv("PANOPLY_NPM_DIR", dir)
	if r := record(func(t testing.TB) { need.Modules(t, "@scope/one") }); r.skipped == "" {
		t.Error("Modules without the package did not skip")
	}
	folder := filepath.Join(dir, "node_modules", "@scope", "one")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := need.Modules(t, "@scope/one"), filepath.Join(dir, "node_modules"); got != want {
		t.Errorf("Modules = %q, want %q", got, want)
	}
}
