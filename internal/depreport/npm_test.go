package depreport_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
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
		if p := r.packuments[q.PathValue("name")]; p != nil {
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
	for name, p := range r.packuments {
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

// versions makes a packument: each line is a version and what it depends on.
func versions(name string, all map[string]map[string]string) map[string]any {
	p := map[string]any{"name": name, "dist-tags": map[string]string{}, "versions": map[string]any{}}
	latest := ""
	for v, on := range all {
		p["versions"].(map[string]any)[v] = map[string]any{
			"name": name, "version": v, "dependencies": on,
			"dist": map[string]string{"tarball": "http://registry.test/" + name + "-" + v + ".tgz", "integrity": "sha512-" + strings.Repeat("A", 86) + "=="},
		}
		if !strings.Contains(v, "-") && (latest == "" || newer(v, latest)) {
			latest = v
		}
	}
	p["dist-tags"].(map[string]string)["latest"] = latest
	return p
}

func newer(a, b string) bool {
	var x, y [3]int
	fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return false
}

// universe makes packages that depend on each other at random, but only on later ones of
// the alphabet, so that npm can install each.
func universe(seed uint64) (*registry, map[string]any) {
	rnd := rand.New(rand.NewPCG(seed, 9))
	names := []string{"alder", "birch", "cedar-x", "cedar", "elm.js", "@wood/fir", "gum_t", "hazel"}
	r := &registry{packuments: map[string]map[string]any{}}
	known := map[string][]string{}
	for i := len(names) - 1; i >= 0; i-- {
		all := map[string]map[string]string{}
		for major := range 1 + rnd.IntN(3) {
			for minor := range 1 + rnd.IntN(3) {
				for patch := range 1 + rnd.IntN(4) {
					v := fmt.Sprintf("%d.%d.%d", major+1, minor, patch)
					if rnd.IntN(6) == 0 {
						v += fmt.Sprintf("-beta.%d", rnd.IntN(3))
					}
					on := map[string]string{}
					for _, other := range names[i+1:] {
						if rnd.IntN(3) == 0 {
							some := known[other]
							on[other] = []string{"^", "~", "", ">="}[rnd.IntN(4)] + some[rnd.IntN(len(some))]
						}
					}
					all[v] = on
				}
			}
		}
		all["1.0.0"] = map[string]string{}
		for v := range all {
			if !strings.Contains(v, "-") {
				known[names[i]] = append(known[names[i]], v)
			}
		}
		// The order of a map is none.
		sortVersions(known[names[i]])
		r.packuments[names[i]] = versions(names[i], all)
	}
	for i := range 5 {
		name := names[rnd.IntN(len(names))]
		some := known[name]
		a := advisory{id: fmt.Sprintf("TEST-%d", i), name: name, severity: []string{"LOW", "MODERATE", "HIGH", "CRITICAL"}[rnd.IntN(4)]}
		from, to := some[rnd.IntN(len(some))], some[rnd.IntN(len(some))]
		switch {
		case rnd.IntN(4) == 0:
			a.ranges = [][2]string{{from, ""}}
		case newer(to, from):
			a.ranges = [][2]string{{from, to}}
		default:
			a.ranges = [][2]string{{"0", to}}
		}
		r.advisories = append(r.advisories, a)
	}
	needs, dev := map[string]string{}, map[string]string{}
	for _, name := range names {
		some := known[name]
		spec := []string{"^", "~", ""}[rnd.IntN(3)] + some[rnd.IntN(len(some))]
		switch rnd.IntN(4) {
		case 0, 1:
			needs[name] = spec
		case 2:
			dev[name] = spec
		}
	}
	needs["alder"] = "^1.0.0"
	delete(dev, "alder")
	return r, map[string]any{"name": "shop", "version": "1.0.0", "dependencies": needs, "devDependencies": dev}
}

func sortVersions(all []string) {
	for i := range all {
		for j := range i {
			if newer(all[j], all[i]) {
				all[i], all[j] = all[j], all[i]
			}
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
