package fix_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/osv"
)

// A registry is one of npm packages that are made on the fly.
type registry struct {
	*httptest.Server
	token string

	mu       sync.Mutex
	packages map[string]map[string]map[string]any
	tarballs map[string][]byte
	denied   int
}

// newRegistry has packages of lines "name@version dep@range peer:dep@range optional:dep@range
// bundle:dep@range node=range os=name deprecated=why …". Each has an
// install script that would leave a mark in the folder named by MARK.
func newRegistry(t *testing.T, lines string) *registry {
	t.Helper()
	r := &registry{packages: map[string]map[string]map[string]any{}, tarballs: map[string][]byte{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		name, version := cut(fields[0])
		about := map[string]any{"name": name, "version": version, "scripts": map[string]string{"postinstall": "touch " + mark(t)}}
		for _, f := range fields[1:] {
			section, rest := "dependencies", f
			if peer, ok := strings.CutPrefix(f, "peer:"); ok {
				section, rest = "peerDependencies", peer
			}
			if opt, ok := strings.CutPrefix(f, "optional:"); ok {
				section, rest = "optionalDependencies", opt
			}
			if key, value, ok := strings.Cut(f, "="); ok && !strings.ContainsAny(key, "@") {
				switch key {
				case "node":
					about["engines"] = map[string]string{"node": value}
				case "os":
					about["os"] = []string{value}
				case "deprecated":
					about["deprecated"] = value
				}
				continue
			}
			if bundled, ok := strings.CutPrefix(f, "bundle:"); ok {
				rest = bundled
				dep, _ := cut(bundled)
				about["bundleDependencies"] = []string{dep}
			}
			dep, spec := cut(rest)
			deps, _ := about[section].(map[string]string)
			if deps == nil {
				deps = map[string]string{}
				about[section] = deps
			}
			deps[dep] = spec
		}
		r.add(t, name, version, about)
	}
	return r
}

// demand has the registry answer only those who bring a token.
func (r *registry) demand(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = token
}

// mark is a file that nothing may make.
func mark(t *testing.T) string {
	return filepath.Join(os.TempDir(), "panoply-fix-mark-"+strings.ReplaceAll(t.Name(), "/", "-"))
}

func cut(spec string) (string, string) {
	at := strings.LastIndexByte(spec, '@')
	if rest, _, ok := strings.Cut(spec, "@npm:"); ok {
		at = len(rest)
	}
	return spec[:at], spec[at+1:]
}

func (r *registry) add(t *testing.T, name, version string, about map[string]any) {
	t.Helper()
	files := map[string]any{"package/package.json": about}
	bundled, _ := about["bundleDependencies"].([]string)
	for _, b := range bundled {
		files["package/node_modules/"+b+"/package.json"] = map[string]any{"name": b, "version": "1.0.0"}
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for file, content := range files {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := archive.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	at := fmt.Sprintf("/%s/-/%s-%s.tgz", name, base, version)
	long, short := sha512.Sum512(out.Bytes()), sha1.Sum(out.Bytes())
	release := map[string]any{"dist": map[string]any{
		"tarball": r.URL + at, "shasum": hex.EncodeToString(short[:]), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(long[:]),
	}}
	for k, v := range about {
		release[k] = v
	}
	delete(release, "scripts")
	release["hasInstallScript"] = true
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packages[name] == nil {
		r.packages[name] = map[string]map[string]any{}
	}
	r.packages[name][version] = release
	r.tarballs[at] = out.Bytes()
}

// packument is what the registry says of a package, the highest version tagged latest.
func (r *registry) packument(name string) []byte {
	versions := r.packages[name]
	if versions == nil {
		return nil
	}
	latest := ""
	// Old enough for package managers that wait with what is new.
	times := map[string]string{"created": "2020-01-01T00:00:00.000Z", "modified": "2020-01-01T00:00:00.000Z"}
	for v := range versions {
		times[v] = "2020-01-01T00:00:00.000Z"
		if latest == "" || v > latest {
			latest = v
		}
	}
	text, err := json.Marshal(map[string]any{"name": name, "dist-tags": map[string]string{"latest": latest}, "time": times, "versions": versions})
	if err != nil {
		panic(err)
	}
	return text
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.token != "" && q.Header.Get("Authorization") != "Bearer "+r.token {
		r.denied++
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	if text := r.tarballs[q.URL.Path]; text != nil {
		_, _ = w.Write(text)
		return
	}
	name, _ := url.PathUnescape(strings.TrimPrefix(q.URL.EscapedPath(), "/"))
	if text := r.packument(name); text != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
		return
	}
	http.NotFound(w, q)
}

// advisories makes a database of lines "ID package fixed [introduced]"; a fixed of "-" is
// none.
func advisories(t *testing.T, ecosystem, lines string) *osv.DB {
	t.Helper()
	db, err := osv.Open(advisoryFile(t, ecosystem, lines), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func advisoryFile(t *testing.T, ecosystem, lines string) string {
	t.Helper()
	var out bytes.Buffer
	// One that nothing is under, so that the ecosystem is known.
	for line := range strings.Lines(lines + "\nGHSA-none no-such-package 1.0.0") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		introduced := "0"
		if len(f) > 3 {
			introduced = f[3]
		}
		events := []map[string]string{{"introduced": introduced}}
		if f[2] != "-" {
			events = append(events, map[string]string{"fixed": f[2]})
		}
		text, err := json.Marshal(map[string]any{
			"id": f[0], "modified": "2026-11-20T00:00:00Z", "summary": "a hole in " + f[1], "database_specific": map[string]string{"severity": "HIGH"},
			"affected": []any{map[string]any{
				"package": map[string]string{"ecosystem": ecosystem, "name": f[1]}, "ranges": []any{map[string]any{"type": "SEMVER", "events": events}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	name := filepath.Join(t.TempDir(), "advisories.jsonl")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
