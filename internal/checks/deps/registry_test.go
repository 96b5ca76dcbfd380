package deps_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
)

// told is a registry that knows what it is given.
type told struct {
	answer check.RegistryAnswer
	err    error
	asked  map[string][]string
}

func (r *told) Advisories(_ context.Context, versions map[string][]string) (check.RegistryAnswer, error) {
	r.asked = versions
	return r.answer, r.err
}

func knows(name string, all ...check.RegistryAdvisory) *told {
	return &told{answer: check.RegistryAnswer{From: []string{"registry.example"}, Advisories: map[string][]check.RegistryAdvisory{name: all}}}
}

const locked = `{
  "lockfileVersion": 3,
  "packages": {
    "": {"dependencies": {"qs": "*"}},
    "node_modules/qs": {"version": "6.7.1-rc.1"},
    "node_modules/other": {"version": "1.0.0", "resolved": "file:other-1.0.0.tgz"},
    "node_modules/private": {"resolved": "../private", "link": true},
    "../private": {"name": "private", "version": "1.0.0"}
  }
}`

func ask(t *testing.T, advisories string, r *told) check.Result {
	t.Helper()
	ownCache(t)
	return runOn("dependencies", &check.Session{Folder: fstest.MapFS{"package-lock.json": {Data: []byte(locked)}}, Target: check.Target{Advisories: advisories, Registry: r}})
}

// found are the messages of the holes.
func found(r check.Result) (all []string) {
	for _, f := range r.Findings {
		if f.ID == "dependencies/vulnerable" {
			all = append(all, strings.TrimSuffix(f.Message, "; not known whether the app reaches it"))
		}
	}
	return all
}

func TestRegistryAlone(t *testing.T) {
	r := knows("qs",
		check.RegistryAdvisory{ID: "GHSA-hrpp-h998-j3pp", URL: "https://example.test/a", Title: "one", Severity: "high", Range: ">=6.7.0 <6.7.3 || <6.2.4", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"},
		check.RegistryAdvisory{ID: "npm-2", Title: "two", Severity: "moderate", Range: "<=6.7.1"},
		check.RegistryAdvisory{ID: "npm-3", Title: "three", Severity: "critical", Range: "6.6.x"},
		check.RegistryAdvisory{ID: "npm-4", Title: "four", Severity: "low", Range: "*"},
		check.RegistryAdvisory{ID: "npm-5", Title: "five", Severity: "low", Range: "~6.7.0"})
	got := ask(t, "", r)
	want := []string{
		"qs 6.7.1-rc.1: GHSA-hrpp-h998-j3pp, one; CVSS 7.5; fixed in 6.7.3; by qs@6.7.1-rc.1",
		"qs 6.7.1-rc.1: npm-2, two; no fixed version is known; by qs@6.7.1-rc.1",
		"qs 6.7.1-rc.1: npm-4, four; no fixed version is known; by qs@6.7.1-rc.1",
		"qs 6.7.1-rc.1: npm-5, five; fixed in 6.8.0; by qs@6.7.1-rc.1",
	}
	if !slices.Equal(found(got), want) || got.Status != check.Broken || got.Partial {
		t.Errorf("found %q (%s, %s), want %q", found(got), got.Status, got.Reason, want)
	}
	if len(r.asked) != 1 || !slices.Equal(r.asked["qs"], []string{"6.7.1-rc.1"}) {
		t.Errorf("asked about %v, want what comes from a registry alone", r.asked)
	}
	if got := ask(t, "", knows("none")); got.Status != check.Proved || !strings.Contains(got.Reason, "registry.example was asked about 1 packages") {
		t.Errorf("result = %+v, want that the registry was asked", got)
	}
}

// One hole that both know is one finding, with the severity that only the registry knows.
func TestRegistryBeside(t *testing.T) {
	dir := t.TempDir() + "/a.jsonl"
	record := `{"id":"CVE-1","aliases":["GHSA-hrpp-h998-j3pp"],"modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.7.2"}]}]}]}`
	if err := os.WriteFile(dir, []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ask(t, dir, knows("qs", check.RegistryAdvisory{ID: "GHSA-hrpp-h998-j3pp", Title: "one", Severity: "critical", Range: "<6.7.3"}, check.RegistryAdvisory{ID: "GHSA-2", Title: "two", Severity: "low", Range: "<7"}))
	if all := found(got); len(all) != 2 || !strings.HasPrefix(all[0], "qs 6.7.1-rc.1: CVE-1 (GHSA-hrpp-h998-j3pp); fixed in 6.7.2") || !strings.HasPrefix(all[1], "qs 6.7.1-rc.1: GHSA-2, two") {
		t.Errorf("found %q, want the two holes once each", all)
	}
	i := slices.IndexFunc(got.Findings, func(f check.Finding) bool { return f.ID == "dependencies/vulnerable" })
	if i < 0 || got.Findings[i].Severity != check.Critical {
		t.Errorf("findings = %+v, want the registry's severity", got.Findings)
	}
}

func TestRegistryThatDoesNotAnswer(t *testing.T) {
	for name, r := range map[string]*told{
		"error":     {err: errors.New("registry.example answers 503")},
		"odd range": knows("qs", check.RegistryAdvisory{ID: "npm-1", Title: "x", Range: "nothing at all"}),
	} {
		got := ask(t, "", r)
		if got.Status != check.Unproven || !got.Partial || len(found(got)) > 0 || got.Failed != (r.err != nil) {
			t.Errorf("%s: result = %+v, want nothing proven", name, got)
		}
	}
	// What is not npm's is not asked about.
	r := knows("qs")
	got := runOn("dependencies", &check.Session{Folder: fstest.MapFS{"go.mod": {Data: []byte("module m\n\ngo 1.25\n")}}, Target: check.Target{Registry: r}})
	if got.Status != check.Unproven || r.asked != nil || !strings.Contains(got.Reason, "of npm alone, and no advisories were given") {
		t.Errorf("result = %+v, asked %v, want that nobody knows of Go", got, r.asked)
	}
}
