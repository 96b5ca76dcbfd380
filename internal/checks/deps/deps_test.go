package deps_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/deps"
)

var _ = flag.Bool("update", false, "there is nothing to update here")

const own = "testdata/advisories"

// on runs f on a day of its own: lines of Node.js end, and advisories grow old.
func on(t *testing.T, day string, f func(*testing.T)) {
	t.Helper()
	when, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(when))
		f(t)
	})
}

// ownCache keeps indexes out of the cache of whoever runs the tests, on each system.
func ownCache(t *testing.T) {
	t.Helper()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
}

func run(t *testing.T, id, dir, advisories string) check.Result {
	t.Helper()
	ownCache(t)
	return runOn(id, &check.Session{Folder: os.DirFS(dir), Target: check.Target{Folder: dir, Advisories: advisories}})
}

func runOn(id string, s *check.Session) check.Result {
	for _, c := range deps.Checks() {
		if c.ID == id {
			return c.Run(context.Background(), s)
		}
	}
	panic("no check " + id)
}

func TestFixtures(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, dir := range dirs {
		class := filepath.Base(filepath.Dir(dir))
		if class != "bad" && class != "good" {
			continue
		}
		t.Run(class+"/"+filepath.Base(dir), func(t *testing.T) {
			var want, got []string
			if text, err := os.ReadFile(filepath.Join(dir, "want.txt")); err == nil {
				want = strings.Split(strings.TrimSpace(string(text)), "\n")
			}
			for _, c := range deps.Checks() {
				var r check.Result
				on(t, "2026-01-20", func(t *testing.T) { r = run(t, c.ID, dir, own) })
				if class == "good" && r.Status != check.Proved {
					t.Errorf("%s = %s (%s), want proved", c.ID, r.Status, r.Reason)
				}
				for _, f := range r.Findings {
					if len(f.Evidence) == 0 || f.Evidence[0].Seen == "" || f.Message == "" {
						t.Errorf("finding %+v, want an excerpt and a message", f)
						continue
					}
					shown[f.ID] = true
					got = append(got, fmt.Sprintf("%s:%d %s %s %s", f.Evidence[0].File, f.Evidence[0].Line, f.Severity, f.ID, f.Subject))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("findings =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
	for _, id := range []string{"stale-advisories", "drift", "advisories"} { // see TestStale, TestDrift and TestFetched
		shown["dependencies/"+id] = true
	}
	for _, id := range []string{"signature-invalid", "signature-missing", "signature-key", "attestations"} {
		shown["dependencies/"+id] = true // see package npmsign, whose registries need a port
	}
	for _, c := range deps.Checks() {
		for _, r := range c.Rules {
			if !shown[r.ID] {
				t.Errorf("no folder shows %s", r.ID)
			}
		}
	}
}

func TestFindingTellsAll(t *testing.T) {
	r := run(t, "dependencies", "testdata/bad/npm", own)
	i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.ID == "dependencies/vulnerable" })
	if i < 0 {
		t.Fatalf("findings = %+v, want one of qs", r.Findings)
	}
	f := r.Findings[i]
	const want = "qs 6.7.0: TEST-1 (CVE-0-1), Prototype poisoning in a made-up way; CVSS 7.5; fixed in 6.7.3; by express@4.17.1 > qs@6.7.0; not known whether the app reaches it"
	if f.Message != want {
		t.Errorf("message = %q, want %q", f.Message, want)
	}
	if d := f.Dependency; d == nil || d.Name != "qs" || d.Version != "6.7.0" || d.Advisory != "TEST-1" || d.CVSS != "7.5" || d.URL != "https://example.test/TEST-1" || d.Dev ||
		!slices.Equal(d.Paths, []string{"express@4.17.1 > qs@6.7.0"}) || !slices.Equal(d.Fixed, []string{"6.7.3"}) {
		t.Errorf("dependency = %+v, want qs with its advisory and way", d)
	}
	if !strings.Contains(f.Fix.Express, "upgrade express") || f.Layer != check.Locked {
		t.Errorf("fix %+v in layer %s, want an upgrade of express, in the lockfile", f.Fix, f.Layer)
	}
	r = run(t, "dependencies", "testdata/bad/yarn", own)
	if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool {
		return strings.HasPrefix(f.Message, "tar 4.4.1") && strings.HasSuffix(f.Message, "; for development only; never imported") && strings.Contains(f.Message, "severity unknown; no fixed version is known")
	}) {
		t.Errorf("findings = %+v, want tar for development only", r.Findings)
	}
}

func TestStale(t *testing.T) {
	for day, old := range map[string]bool{"2026-01-31": false, "2026-02-10": true} {
		on(t, day, func(t *testing.T) {
			r := run(t, "dependencies", "testdata/good/npm", own)
			noted := slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == "dependencies/stale-advisories" })
			if r.Status != check.Proved || noted != old || strings.Contains(r.Reason, "39 days old: holes published since") != old {
				t.Errorf("on %s: %s (%s), noted %v, want proved, and that they are old: %v", day, r.Status, r.Reason, noted, old)
			}
		})
	}
}

// A line of Node.js is good until the day it ends.
func TestLinesOfNodeEnd(t *testing.T) {
	for day, want := range map[string]check.Status{"2026-04-30": check.Proved, "2026-05-01": check.Broken} {
		on(t, day, func(t *testing.T) {
			ownCache(t)
			r := runOn("supported-versions", &check.Session{
				Folder: fstest.MapFS{"package.json": {Data: []byte("{}")}, "package-lock.json": {Data: []byte(`{"lockfileVersion":3,"packages":{}}`)}, "Dockerfile": {Data: []byte("FROM node:20-slim\n")}},
				Target: check.Target{Advisories: own},
			})
			if r.Status != want {
				t.Errorf("on %s: %s (%s), want %s", day, r.Status, r.Reason, want)
			}
		})
	}
}

func TestPlacesOfNode(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"nvmrc":         {".nvmrc", "v18.20.3\n", ".nvmrc:1 node 18.20.3"},
		"node-version":  {".node-version", "node-22.4.0", ".node-version:1 node 22.4.0"},
		"tool-versions": {".tool-versions", "ruby 3.3.0\nnodejs 22.4.0\n", ".tool-versions:2 node 22.4.0"},
		"alias":         {".nvmrc", "lts/*\n", ""},
		"last stage":    {"Dockerfile", "FROM node:22.4.0 AS build\nFROM debian:12\n", ""},
		"named stage":   {"Dockerfile", "FROM --platform=linux/amd64 docker.io/library/node:22.4.0-slim@sha256:aa AS base\nFROM debian:12\nFROM base\n", "Dockerfile:1 node 22.4.0"},
		"floating":      {"Dockerfile", "FROM node:22\n", ""},
		"other image":   {"Dockerfile", "FROM mynode:22.4.0\n", ""},
		"variable":      {"Dockerfile", "FROM node:${NODE}\n", ""},
		"engines":       {"package.json", "{\n\"engines\": {\"node\": \">=22.4.0\"}}", "package.json:2 node 22.4.0"},
		"any":           {"package.json", "{\"engines\": {\"node\": \"*\"}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, "2025-01-01", func(t *testing.T) {
				ownCache(t)
				r := runOn("supported-versions", &check.Session{Folder: fstest.MapFS{c.file: {Data: []byte(c.text)}}, Target: check.Target{Advisories: own}})
				got := ""
				for _, f := range r.Findings {
					_, version, _ := strings.Cut(f.Subject, " ")
					got = fmt.Sprintf("%s:%d %s", f.Evidence[0].File, f.Evidence[0].Line, version)
				}
				if got != c.want {
					t.Errorf("found %q, want %q (%s)", got, c.want, r.Reason)
				}
			})
		})
	}
}

// No real lockfile drifts, whichever manager wrote it.
func TestDrift(t *testing.T) {
	drifts := func(s *check.Session) (all []string) {
		for _, f := range runOn("dependencies", s).Findings {
			if f.ID == "dependencies/drift" {
				all = append(all, f.Message)
			}
		}
		return all
	}
	for _, pattern := range []string{"vectors", "shop"} {
		dirs, err := filepath.Glob("../../lockfile/testdata/" + pattern + "/*/package.json")
		if err != nil || len(dirs) < 9 {
			t.Fatalf("Glob = %v, %v, want lockfiles", dirs, err)
		}
		for _, name := range dirs {
			if got := drifts(&check.Session{Folder: os.DirFS(filepath.Dir(name))}); len(got) > 0 {
				t.Errorf("%s: %v, want none", name, got)
			}
		}
	}
	lock, err := os.ReadFile("testdata/good/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	got := drifts(&check.Session{Folder: fstest.MapFS{"package-lock.json": {Data: lock}, "package.json": {Data: []byte(
		`{"dependencies":{"express":"^4.0.0","new":"1","tag":"latest"},"optionalDependencies":{"maybe":"1"},"peerDependencies":{"theirs":"1"}}`)}}})
	want := []string{
		"package.json asks for express ^4.0.0, and package-lock.json has 5.1.0",
		"package.json asks for new, which package-lock.json does not have",
		"package.json asks for tag, which package-lock.json does not have",
	}
	if !slices.Equal(got, want) {
		t.Errorf("drifts = %q, want %q", got, want)
	}
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `"x%d":"1",`, i)
	}
	got = drifts(&check.Session{Folder: fstest.MapFS{"package-lock.json": {Data: lock}, "package.json": {Data: []byte(`{"dependencies":{` + many.String() + `"express":"^5.0.0"}}`)}}})
	if len(got) != 101 || got[100] != "package-lock.json differs in 4900 more from what is asked for" {
		t.Errorf("%d drifts, the last %q, want 100 and how many more", len(got), got[len(got)-1])
	}
}

// What was not looked at is never proved.
func TestNeverProvedWithoutKnowing(t *testing.T) {
	good, err := os.ReadFile("testdata/good/npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	lock := func(text string) fstest.MapFS {
		return fstest.MapFS{"package-lock.json": {Data: []byte(text)}}
	}
	for name, c := range map[string]struct {
		folder     fstest.MapFS
		advisories string
		reason     string
		failed     bool
	}{
		"no advisories":     {lock(string(good)), "", "no advisories were given", false},
		"bad advisories":    {lock(string(good)), "deps.go", "want a folder", true},
		"other ecosystem":   {fstest.MapFS{"go.mod": {Data: []byte("module m\n\ngo 1.25\n")}}, "testdata/advisories/core.json", "know nothing of Go", false},
		"cut short":         {lock(string(good[:200])), own, "package-lock.json:6: ends in the middle", true},
		"no version":        {lock(strings.Replace(string(good), `"version": "6.14.0"`, "", 1)), own, "package-lock.json:7: the version of qs is not told", false},
		"repository":        {lock(strings.Replace(string(good), `"version": "6.14.0"`, `"resolved": "git+ssh://git@example.test/qs.git#1"`, 1)), own, "the version of qs is not told", false},
		"odd version":       {lock(strings.Replace(string(good), "6.14.0", "next", 2)), own, `"next" is no version`, false},
		"twice":             {lock(strings.Replace(string(good), `"node_modules/qs"`, `"node_modules/express"`, 1)), own, `package-lock.json:7: the key "node_modules/express" stands twice`, true},
		"nothing":           {fstest.MapFS{}, own, "no lockfile and names no dependencies", false},
		"one of two broken": {fstest.MapFS{"package-lock.json": {Data: good}, "yarn.lock": {Data: []byte("a@1:\n  version \"1.0")}}, own, "yarn.lock:2:", true},
	} {
		t.Run(name, func(t *testing.T) {
			ownCache(t)
			r := runOn("dependencies", &check.Session{Folder: c.folder, Target: check.Target{Advisories: c.advisories}})
			want := check.Unproven
			if name == "repository" {
				want = check.Broken // that it is one is found
			}
			if r.Status != want || !strings.Contains(r.Reason, c.reason) || r.Failed != c.failed {
				t.Errorf("status %s, failed %v (%s), want not proven, failed %v, with %q", r.Status, r.Failed, r.Reason, c.failed, c.reason)
			}
		})
	}
}

func TestNodeWithoutDataIsNotProved(t *testing.T) {
	r := run(t, "supported-versions", "testdata/good/npm", "")
	if r.Status != check.Unproven || !strings.Contains(r.Reason, "the version of Node.js was not judged") {
		t.Errorf("status %s (%s), want not proven for Node.js", r.Status, r.Reason)
	}
}

// The vectors' lists hold for one set of advisories, which is not part of this module.
func TestVectorsAreExact(t *testing.T) {
	path := os.Getenv("PANOPLY_ADVISORIES")
	if path == "" {
		t.Skip("PANOPLY_ADVISORIES names no advisories")
	}
	names, err := filepath.Glob("../../lockfile/testdata/vectors/*/expected.json")
	if err != nil || len(names) < 9 {
		t.Fatalf("Glob = %v, %v, want the vectors", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var expected struct {
				Findings []struct{ Package, Version, ID string }
			}
			if err := json.Unmarshal(text, &expected); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, f := range expected.Findings {
				want = append(want, f.Package+"@"+f.Version+" "+f.ID)
			}
			r := run(t, "dependencies", filepath.Dir(name), path)
			for _, f := range r.Findings {
				if f.ID == "dependencies/vulnerable" {
					got = append(got, f.Subject)
				}
			}
			slices.Sort(want)
			want = slices.Compact(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("findings =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(want) == 0 && r.Status != check.Proved {
				t.Errorf("status = %s (%s), want proved", r.Status, r.Reason)
			}
		})
	}
}

func TestMetadataIsWhole(t *testing.T) {
	for _, c := range deps.Checks() {
		if c.ID != c.Practice || c.Title == "" || c.Why == "" || c.Bad == "" || c.Good == "" || c.Needs != check.Lockfile {
			t.Errorf("check %+v, want all metadata", c)
		}
		for _, r := range c.Rules {
			if !strings.HasPrefix(r.ID, c.ID+"/") || r.Title == "" || r.Severity > check.Info && r.CWE == 0 {
				t.Errorf("rule %+v of %s, want an id, a title and a weakness", r, c.ID)
			}
		}
	}
}
