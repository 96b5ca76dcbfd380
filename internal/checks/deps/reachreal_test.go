package deps_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/nodemodules"
)

// A shelf is a registry on loopback of the real packages of internal/need.
type shelf struct {
	dirs map[string]map[string]string // by name and version
	mu   sync.Mutex
	tars map[string][]byte
}

func newShelf(t *testing.T) string {
	s := &shelf{dirs: map[string]map[string]string{}, tars: map[string][]byte{}}
	root := need.Modules(t, "express", "koa")
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "package.json" || nodemodules.Folder(filepath.ToSlash(name)) != filepath.ToSlash(filepath.Dir(name)) {
			return err
		}
		var m struct{ Name, Version string }
		if text, err := os.ReadFile(name); err != nil || json.Unmarshal(text, &m) != nil {
			return err
		}
		if s.dirs[m.Name] == nil {
			s.dirs[m.Name] = map[string]string{}
		}
		s.dirs[m.Name][m.Version] = filepath.Dir(name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, file, isTar := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/-/")
	versions := s.dirs[name]
	if versions == nil {
		http.NotFound(w, r)
		return
	}
	if isTar {
		w.Write(s.tar(versions[strings.TrimSuffix(file, ".tgz")]))
		return
	}
	doc := map[string]any{"name": name}
	all := map[string]any{}
	for version, dir := range versions {
		text, _ := os.ReadFile(filepath.Join(dir, "package.json"))
		var m map[string]any
		_ = json.Unmarshal(text, &m)
		sum := sha512.Sum512(s.tar(dir))
		m["dist"] = map[string]any{
			"tarball": "http://" + r.Host + "/" + name + "/-/" + version + ".tgz", "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		all[version] = m
		doc["dist-tags"] = map[string]any{"latest": version}
	}
	doc["versions"] = all
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(doc)
}

func (s *shelf) tar(dir string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.tars[dir]; ok {
		return b
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	out := tar.NewWriter(z)
	_ = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && e.Name() == "node_modules" {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		_ = out.WriteHeader(&tar.Header{Name: "package/" + filepath.ToSlash(rel), Mode: 0o644, Size: int64(len(text))})
		_, _ = out.Write(text)
		return err
	})
	out.Close()
	z.Close()
	s.tars[dir] = b.Bytes()
	return b.Bytes()
}

// Real package managers install real packages, and Node runs the app: what it loads is
// imported or loaded by others, and never called never.
func TestInstalledAsNodeLoads(t *testing.T) {
	shop := `require('express')()
try { require('not-there') } catch {}
import('koa').then(() => require('shop-lib'))
`
	lib := map[string]string{"packages/lib/package.json": `{"name":"shop-lib","version":"1.0.0","main":"main.js","dependencies":{"cookie-session":"*"}}`, "packages/lib/main.js": "require('cookie-session')\n"}
	for name, c := range map[string]struct {
		program []string
		files   map[string]string
		args    []string
	}{
		"npm":  {[]string{"npm"}, map[string]string{}, []string{"install", "--ignore-scripts", "--no-audit", "--no-fund"}},
		"pnpm": {[]string{"pnpm", "bin/pnpm.cjs"}, map[string]string{"pnpm-workspace.yaml": "packages:\n  - packages/*\n"}, []string{"install", "--ignore-scripts", "--no-frozen-lockfile"}},
		"yarn": {[]string{"@yarnpkg/cli-dist", "bin/yarn.js"}, map[string]string{"yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\nenableGlobalCache: false\nnpmMinimalAgeGate: 0\nunsafeHttpWhitelist: [127.0.0.1]\n"}, []string{"install", "--mode=skip-build"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, home := t.TempDir(), t.TempDir()
			files := map[string]string{"server.js": shop}
			spec := "*"
			if name != "npm" {
				spec = "workspace:*"
			}
			files["package.json"] = `{"name":"shop","version":"1.0.0","private":true,"workspaces":["packages/*"],"dependencies":{"express":"*","koa":"*","ws":"*","helmet":"*","fastify":"*","shop-lib":"` + spec + `"}}`
			for _, more := range []map[string]string{lib, c.files} {
				for name, text := range more {
					files[name] = text
				}
			}
			for name, text := range files {
				name = filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			registry := newShelf(t)
			program, args := need.Program(t, c.program[0], "node"), c.args
			if len(c.program) > 1 {
				program, args = need.Program(t, "node"), append([]string{filepath.Join(need.Modules(t, c.program[0]), c.program[0], c.program[1])}, args...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "npm_config_registry=" + registry, "npm_config_cache=" + home + "/npm", "npm_config_store_dir=" + home + "/store",
				"YARN_NPM_REGISTRY_SERVER=" + registry, "YARN_ENABLE_IMMUTABLE_INSTALLS=false", "CI=true"}
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			compareWithNode(t, dir)
		})
	}
}

// compareWithNode has Node run server.js, and looks at the label of every package.
func compareWithNode(t *testing.T, dir string) {
	list := filepath.Join(t.TempDir(), "loaded")
	first := filepath.Join(t.TempDir(), "hook.js")
	hook := `process.on('exit', () => require('fs').writeFileSync(process.env.LOADED, Object.keys(require.cache).join('\n')))`
	if err := os.WriteFile(first, []byte(hook), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), need.Program(t, "node"), "-r", first, "server.js")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LOADED="+list)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, text)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	loaded := map[string]bool{}
	for name := range strings.SplitSeq(string(text), "\n") {
		var m struct{ Name, Version string }
		if folder := nodemodules.Folder(filepath.ToSlash(name)); folder != "" {
			manifest, err := os.ReadFile(filepath.Join(filepath.FromSlash(folder), "package.json"))
			if err != nil || json.Unmarshal(manifest, &m) != nil {
				t.Fatal(folder, err)
			}
			loaded[m.Name+"@"+m.Version] = true
		}
	}
	labels := labelsOf(t, dir)
	count := map[check.Reach]int{}
	for id, r := range labels {
		count[r.Label]++
		sure := r.Label == check.Imported || r.Label == check.Transitive
		if loaded[id] && !sure {
			t.Errorf("Node loads %s, and the label is %s (%s)", id, r.Label, r.Reason)
		}
		if r.Label == check.Transitive && (len(r.Files) < 2 || !strings.Contains(r.Files[0], ".js:") || !strings.HasPrefix(r.Files[len(r.Files)-1], "node_modules/")) {
			t.Errorf("%s: way %v, want one from a file of the app", id, r.Files)
		}
	}
	for id, want := range map[string]check.Reach{"express": check.Imported, "koa": check.Imported, "cookie-session": check.Imported, "qs": check.Transitive, "ws": check.Never, "helmet": check.Never, "fastify": check.Never, "find-my-way": check.Never} {
		for full, r := range labels {
			if name, _, _ := strings.Cut(full, "@"); name == id && r.Label != want {
				t.Errorf("%s: %s (%s), want %s", full, r.Label, r.Reason, want)
			}
		}
	}
	t.Logf("%d packages loaded by Node; labels of %d: %v", len(loaded), len(labels), count)
	if len(loaded) < 90 {
		t.Errorf("Node loaded %d packages, want express, koa and cookie-session with theirs", len(loaded))
	}
}

// labelsOf are the labels of all packages that are locked: each has an advisory.
func labelsOf(t *testing.T, dir string) map[string]*check.Reachability {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s := &check.Session{Folder: root.FS(), Target: check.Target{Folder: dir, Advisories: advisoriesOfAll(t, root.FS())}}
	out := map[string]*check.Reachability{}
	for _, f := range runOn("dependencies", s).Findings {
		if d := f.Dependency; d != nil && d.Reachability != nil {
			out[d.Name+"@"+d.Version] = d.Reachability
		}
	}
	return out
}

func advisoriesOfAll(t *testing.T, fsys fs.FS) string {
	var b strings.Builder
	for name := range lockedNames(fsys) {
		fmt.Fprintf(&b, `{"id":"T-%s","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`+"\n", strings.NewReplacer("/", "-", "@", "").Replace(name), name)
	}
	file := filepath.Join(t.TempDir(), "all.jsonl")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func lockedNames(fsys fs.FS) map[string]bool {
	names := map[string]bool{}
	for _, l := range lockfile.Read(fsys).Locks {
		for _, p := range l.Packages {
			names[p.Name] = true
		}
	}
	return names
}
