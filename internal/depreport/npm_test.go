package depreport_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/deps"
	"github.com/panoplysec/panoply/internal/depreport"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/metavuln"
	"github.com/panoplysec/panoply/internal/need"
)

// A registry is one of npm's: packuments by name, and advisories by name.
type registry struct {
	packuments map[string]map[string]any
	advisories []advisory

	mu   sync.Mutex
	gone map[string]bool
}

// forget lets the registry know nothing of a package any more.
func (r *registry) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = map[string]bool{}
	}
	r.gone[name] = true
}

// packument is nil where there is none.
func (r *registry) packument(name string) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone[name] {
		return nil
	}
	return r.packuments[name]
}

type advisory struct {
	id, name, severity string
	// ranges are pairs of introduced and fixed; an empty fixed is none.
	ranges [][2]string
}

func (a advisory) osv() string {
	var ranges []string
	for _, r := range a.ranges {
		fixed := ""
		if r[1] != "" {
			fixed = fmt.Sprintf(`,{"fixed":%q}`, r[1])
		}
		ranges = append(ranges, fmt.Sprintf(`{"type":"SEMVER","events":[{"introduced":%q}%s]}`, r[0], fixed))
	}
	return fmt.Sprintf(`{"id":%q,"modified":"2026-01-02T00:00:00Z","summary":"Hole %[1]s","references":[{"type":"ADVISORY","url":"https://example.test/%[1]s"}],`+
		`"affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[%s]}],"database_specific":{"severity":%q,"cwe_ids":["CWE-1"]}}`, a.id, a.name, strings.Join(ranges, ","), a.severity)
}

func (a advisory) bulk() map[string]any {
	var terms []string
	for _, r := range a.ranges {
		term := "<" + r[1]
		switch {
		case r[0] == "0" && r[1] == "":
			term = "*"
		case r[1] == "":
			term = ">=" + r[0]
		case r[0] != "0":
			term = ">=" + r[0] + " " + term
		}
		terms = append(terms, term)
	}
	return map[string]any{
		"id": a.id, "url": "https://example.test/" + a.id, "title": "Hole " + a.id, "severity": strings.ToLower(a.severity),
		"vulnerable_versions": strings.Join(terms, " || "), "cwe": []string{"CWE-1"}, "cvss": map[string]any{"score": 0, "vectorString": nil},
	}
}

// start serves the registry. Asked for advisories, it names those of every package asked
// for, in the order of their ids.
func (r *registry) start(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /-/npm/v1/security/advisories/bulk", func(w http.ResponseWriter, q *http.Request) {
		body := io.Reader(q.Body)
		if q.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(q.Body)
		}
		var asked map[string][]string
		if err := json.NewDecoder(body).Decode(&asked); err != nil {
			t.Errorf("bulk: %v", err)
		}
		answer := map[string][]any{}
		for _, a := range r.advisories {
			if asked[a.name] != nil {
				answer[a.name] = append(answer[a.name], a.bulk())
			}
		}
		json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("GET /{name...}", func(w http.ResponseWriter, q *http.Request) {
		if p := r.packument(q.PathValue("name")); p != nil {
			json.NewEncoder(w).Encode(p)
			return
		}
		http.NotFound(w, q)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func (r *registry) files(t *testing.T) fstest.MapFS {
	files := fstest.MapFS{}
	for name := range r.packuments {
		p := r.packument(name)
		if p == nil {
			continue
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		files[name+".json"] = &fstest.MapFile{Data: text}
	}
	return files
}

// npm runs npm in a folder, with a configuration and a cache of its own.
func npm(t *testing.T, dir, address string, args ...string) []byte {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(need.Program(t, "npm"), append(args, "--registry="+address, "--cache="+filepath.Join(home, "cache"), "--userconfig="+filepath.Join(home, "npmrc"), "--ignore-scripts", "--no-fund", "--no-update-notifier")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+home)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && out.Len() == 0 {
		t.Fatalf("npm %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes()
}

// ours is the same report as Panoply writes it.
func ours(t *testing.T, dir string, r *registry, format string, with bool) []byte {
	t.Helper()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
	var lines []string
	for _, a := range r.advisories {
		lines = append(lines, a.osv())
	}
	lines = append(lines, `{"id":"OTHER-1","modified":"2026-01-02T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"unheard-of"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`)
	name := filepath.Join(t.TempDir(), "all.jsonl")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	target := check.Target{Folder: dir, Advisories: name}
	report, err := audit.Run(t.Context(), []check.Target{target}, deps.Checks(), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := deps.Database(target)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &depreport.Subject{Report: report, Found: lockfile.Read(os.DirFS(dir)), Name: "shop", Look: db.Match}
	if with {
		s.Packuments = metavuln.Folder(r.files(t))
	}
	var out bytes.Buffer
	if err := depreport.Write(&out, format, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// anyOf forgets which of several packages a fix is told for that is another package's:
// npm takes the first, in an order that depends on when the registry answered.
func anyOf(doc map[string]any) {
	for name, v := range doc["vulnerabilities"].(map[string]any) {
		if fix, ok := v.(map[string]any)["fixAvailable"].(map[string]any); ok && fix["name"] != name {
			delete(fix, "name")
			delete(fix, "version")
		}
	}
}

// equal compares two documents and shows the first members that differ.
func equal(t *testing.T, got, want any, at string) {
	t.Helper()
	g, okG := got.(map[string]any)
	w, okW := want.(map[string]any)
	if !okG || !okW {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %v, npm says %v", at, got, want)
		}
		return
	}
	for name := range w {
		equal(t, g[name], w[name], at+"."+name)
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			t.Errorf("%s has %s, and npm has none", at, name)
		}
	}
}

// TestTheReportIsThatOfNPM installs made-up packages by npm, and lets npm and Panoply
// report of them.
func TestTheReportIsThatOfNPM(t *testing.T) {
	need.Program(t, "npm")
	seeds := 6
	if os.Getenv("PANOPLY_SEEDS") != "" {
		fmt.Sscan(os.Getenv("PANOPLY_SEEDS"), &seeds)
	}
	var some sync.Map
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, manifest := universe(uint64(seed))
			dir := t.TempDir()
			text, err := json.Marshal(manifest)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "package.json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			address := r.start(t)
			npm(t, dir, address, "install", "--package-lock-only", "--no-audit", "--json")
			want := decode(t, npm(t, dir, address, "audit", "--json"))
			got := decode(t, ours(t, dir, r, "npm-audit", true))
			anyOf(want)
			anyOf(got)
			equal(t, got, want, "report")
			if t.Failed() {
				lock, _ := os.ReadFile(filepath.Join(dir, "package-lock.json"))
				t.Logf("%s\n%+v", lock, r.advisories)
			}
			for _, v := range want["vulnerabilities"].(map[string]any) {
				for _, via := range v.(map[string]any)["via"].([]any) {
					some.Store(fmt.Sprintf("%T", via), true)
				}
				some.Store(fmt.Sprintf("fix %T", v.(map[string]any)["fixAvailable"]), true)
			}
			// Without packuments the direct hits are the same.
			plain := decode(t, ours(t, dir, r, "npm-audit", false))
			direct(t, plain, want)
		})
	}
	for _, kind := range []string{"string", "map[string]interface {}", "fix bool", "fix map[string]interface {}"} {
		if _, ok := some.Load(kind); !ok {
			t.Errorf("no tree showed a %s", kind)
		}
	}
}

// direct compares what a lockfile and advisories alone tell.
func direct(t *testing.T, got, want map[string]any) {
	t.Helper()
	if got["panoply"] == nil {
		t.Error("a report without meta-vulnerabilities does not say so")
	}
	equal(t, got["metadata"].(map[string]any)["dependencies"], want["metadata"].(map[string]any)["dependencies"], "dependencies")
	g := got["vulnerabilities"].(map[string]any)
	for name, v := range want["vulnerabilities"].(map[string]any) {
		w := v.(map[string]any)
		var about []any
		for _, via := range w["via"].([]any) {
			if _, ok := via.(map[string]any); ok {
				about = append(about, via)
			}
		}
		if len(about) == 0 {
			if g[name] != nil {
				t.Errorf("%s is no direct hit, and is told", name)
			}
			continue
		}
		mine, _ := g[name].(map[string]any)
		if mine == nil {
			t.Errorf("%s is a direct hit, and is not told", name)
			continue
		}
		equal(t, mine["via"], any(about), name+".via")
		if len(about) == len(w["via"].([]any)) {
			equal(t, mine["nodes"], w["nodes"], name+".nodes")
			equal(t, mine["severity"], w["severity"], name+".severity")
		}
		equal(t, mine["isDirect"], w["isDirect"], name+".isDirect")
	}
}
