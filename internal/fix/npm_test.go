package fix_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/npmregistry"
)

// A scenario is an app, what the registry had when it was locked and has now, and what fix
// is to make of it.
type scenario struct {
	name       string
	files      map[string]string
	then, now  string
	advisories string
	breaking   bool
	// shrinkwrap has the lockfile called npm-shrinkwrap.json.
	shrinkwrap bool
	// steps are those of the plan, left the findings that stay with a part of why, and
	// files what they hold afterwards, by a part.
	steps []string
	left  map[string]string
	holds map[string]string
	lacks map[string]string
}

// folder makes the app's folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a program in a folder with a home of its own and a registry.
func run(t *testing.T, dir, registry string, program string, args ...string) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "npm_config_userconfig="+filepath.Join(home, ".npmrc"), "npm_config_cache="+home+"/npm", "npm_config_registry="+registry+"/",
		"npm_config_store_dir="+home+"/store", "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home, "YARN_REGISTRY="+registry, "YARN_CACHE_FOLDER="+home+"/yarn",
		"YARN_NPM_REGISTRY_SERVER="+registry, "YARN_GLOBAL_FOLDER="+home+"/berry", "YARN_ENABLE_SCRIPTS=false",
		"BUN_CONFIG_REGISTRY="+registry+"/", "pnpm_config_registry="+registry+"/", "pnpm_config_store_dir="+home+"/store", "BUN_INSTALL_CACHE_DIR="+home+"/bun",
		"npm_config_update_notifier=false", "npm_config_audit=false", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

func open(t *testing.T, dir string, o fix.Options) *fix.Fixer {
	t.Helper()
	f, err := fix.New(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func client(t *testing.T, r *registry) fix.Registry {
	t.Helper()
	return clientOf(t, npmregistry.Sources{Environ: []string{"npm_config_registry=" + r.URL}})
}

func clientOf(t *testing.T, from npmregistry.Sources) fix.Registry {
	t.Helper()
	settings, err := npmregistry.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	c, err := npmregistry.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bounded(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(stop)
	return ctx
}

// lock makes the lockfile with what the registry had then, and returns the registry as it
// is now, at the same address.
func (s *scenario) lock(t *testing.T, dir, program string, args ...string) *registry {
	t.Helper()
	return s.lockWith(t, newRegistry(t, s.then), dir, program, args...)
}

func (s *scenario) lockWith(t *testing.T, r *registry, dir, program string, args ...string) *registry {
	t.Helper()
	run(t, dir, r.URL, program, args...)
	later := newRegistry(t, s.now)
	r.mu.Lock()
	for name, versions := range later.packages {
		for v, release := range versions {
			if r.packages[name][v] != nil {
				continue
			}
			dist := release["dist"].(map[string]any)
			dist["tarball"] = strings.Replace(dist["tarball"].(string), later.URL, r.URL, 1)
			if r.packages[name] == nil {
				r.packages[name] = map[string]map[string]any{}
			}
			r.packages[name][v] = release
		}
	}
	for at, text := range later.tarballs {
		r.tarballs[at] = text
	}
	r.mu.Unlock()
	return r
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// prove makes the plan, checks that nothing changed by that, writes it, and checks that a
// second run finds nothing more to do.
func (s *scenario) prove(t *testing.T, dir string, r fix.Registry) {
	t.Helper()
	db := advisories(t, "npm", s.advisories)
	before := snapshot(t, dir)
	o := fix.Options{Advisories: db, Registry: r, Breaking: s.breaking, Tell: func(line string) { t.Log(line) }}
	f := open(t, dir, o)
	out, err := f.Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("dropped: %q", out.Dropped)
	var steps []string
	for i := range out.Steps {
		steps = append(steps, out.Steps[i].String())
	}
	if !slices.Equal(steps, s.steps) {
		t.Errorf("steps = %q, want %q", steps, s.steps)
	}
	s.checkLeft(t, out)
	if after := snapshot(t, dir); after != before {
		t.Errorf("a plan changed the folder:\n%s", after)
	}
	if out.Unverified != "" {
		t.Fatalf("the plan was not tried: %s", out.Unverified)
	}
	if err := f.Write(out, nil); err != nil {
		t.Fatal(err)
	}
	for name, part := range s.holds {
		if text := read(t, dir, name); !strings.Contains(text, part) {
			t.Errorf("%s has no %q:\n%s", name, part, text)
		}
	}
	for name, part := range s.lacks {
		if text := read(t, dir, name); strings.Contains(text, part) {
			t.Errorf("%s has %q:\n%s", name, part, text)
		}
	}
	if _, err := os.Stat(mark(t)); err == nil {
		os.Remove(mark(t))
		t.Error("an install script ran")
	}
	again, err := open(t, dir, o).Fix(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Steps) != 0 || len(again.Left) != len(out.Left) {
		t.Errorf("a second run has the steps %v and leaves %d findings, want none and %d", again.Steps, len(again.Left), len(out.Left))
	}
}

func (s *scenario) checkLeft(t *testing.T, out *fix.Outcome) {
	t.Helper()
	for _, l := range out.Left {
		want, ok := s.left[l.Package+"@"+l.Version]
		if !ok || !strings.Contains(strings.Join(l.Why, "; "), want) {
			t.Errorf("%s@%s is left: %q, want %q", l.Package, l.Version, l.Why, want)
		}
	}
	if len(out.Left) != len(s.left) {
		t.Errorf("%d findings are left, want %d", len(out.Left), len(s.left))
	}
}

// snapshot is all that a folder holds, with modes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(strings.TrimPrefix(name, dir) + " " + info.Mode().String() + "\n")
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(name)
			b.Write(append(text, '\n'))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScenariosWithNPM(t *testing.T) {
	npm := need.Program(t, "npm")
	for _, s := range npmScenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, s.files)
			r := s.lock(t, dir, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
			if s.shrinkwrap {
				if err := os.Rename(filepath.Join(dir, "package-lock.json"), filepath.Join(dir, "npm-shrinkwrap.json")); err != nil {
					t.Fatal(err)
				}
			}
			s.prove(t, dir, client(t, r))
		})
	}
}
