package ignorefile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/ignorefile"
	"github.com/panoplysec/panoply/internal/lockfile"
)

const policy = `# Snyk (https://snyk.io) policy file, patches or ignores known vulnerabilities.
version: v1.25.0
# ignores vulnerabilities until expiry date; change duration by modifying expiry date
ignore:
  SNYK-JS-QS-3153490:
    - '* > qs@6.x':
        reason: nobody sends us queries
        expires: 2026-03-01T00:00:00.000Z
        created: 2025-12-01T09:00:00.000Z
        disregardIfFixable: true
    - express > debug > ms:
        reason: >-
          a long
          reason
        expires: 2026-03-01T12:30:00.000Z
  'npm:ms:20170412':
    - '*': {}
patch:
  'npm:tar:20151103':
    - tar:
        patched: '2026-01-01T00:00:00.000Z'
`

func told(entries []ignorefile.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%d %s [%s%s] %q %s %v", e.Line, e.ID, e.Scope, e.Path, e.Reason, e.Until, e.Unfixable))
	}
	return strings.Join(all, "\n")
}

func TestSnyk(t *testing.T) {
	entries, err := ignorefile.Snyk(".snyk", policy)
	const want = `6 SNYK-JS-QS-3153490 [* > qs@6.x] "nobody sends us queries" 2026-02-28 true
11 SNYK-JS-QS-3153490 [express > debug > ms] "a long\nreason" 2026-03-01 false
17 npm:ms:20170412 [*] "(no reason is given)" 9999-12-31 false`
	if err != nil || told(entries) != want {
		t.Errorf("Snyk =\n%s, %v, want\n%s", told(entries), err, want)
	}
	for _, text := range []string{"", "version: v1.25.0\n", "version: v1\nignore: {}\npatch: {}\n"} {
		if entries, err := ignorefile.Snyk(".snyk", text); err != nil || len(entries) > 0 {
			t.Errorf("Snyk(%q) = %v, %v, want nothing", text, entries, err)
		}
	}
}

const scanner = `# ignores
[[IgnoredVulns]]
id = "GO-2022-0968"
ignoreUntil = 2026-11-09 # a day
reason = "No ssh servers are connected to or hosted in Go lang"

[[IgnoredVulns]]
id = 'CVE-2024-1'
ignoreUntil = 2026-11-09T10:00:00Z
reason = """
two
lines"""

[[IgnoredVulns]]
id = "GHSA-aaaa-bbbb-cccc"
ignoreUntil = 2026-11-09 10:00:00

[[PackageOverrides]]
name = "qs"
version = "6.7.0"
ecosystem = "npm"
ignore = true
effectiveUntil = 2026-11-09
reason = "abc"

[[PackageOverrides]]
name = "lodash"
ecosystem = "npm"
vulnerability.ignore = true
license.override = ["MIT", "BSD" ]

[[PackageOverrides]]
name = "ms"
[PackageOverrides.vulnerability]
ignore = true

[[PackageOverrides]]
name = "left"
license = { override = ["MIT"], x = 1.5 }

[[PackageOverrides]]
ecosystem = "PyPI"
ignore = true
`

func TestOSVScanner(t *testing.T) {
	entries, err := ignorefile.OSVScanner("osv-scanner.toml", scanner)
	const want = `2 GO-2022-0968 [*] "No ssh servers are connected to or hosted in Go lang" 2026-11-08 false
7 CVE-2024-1 [*] "two\nlines" 2026-11-09 false
14 GHSA-aaaa-bbbb-cccc [*] "(no reason is given)" 2026-11-09 false
18  [qs@6.7.0 *] "abc" 2026-11-08 false
26  [lodash@* *] "(no reason is given)" 9999-12-31 false
32  [ms@* *] "(no reason is given)" 9999-12-31 false`
	if err != nil || told(entries) != want {
		t.Errorf("OSVScanner =\n%s, %v, want\n%s", told(entries), err, want)
	}
}

// What cannot be read is an error with its place, and ignores nothing.
func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"snyk list":           {".snyk", "- a\n", ".snyk:1: is no map"},
		"snyk ignore":         {".snyk", "ignore:\n  - a\n", ".snyk:1: has an ignore that is no map"},
		"snyk no list":        {".snyk", "ignore:\n  A-1:\n    '*':\n      reason: x\n", ".snyk:2: ignores \"A-1\" by no list"},
		"snyk text":           {".snyk", "ignore:\n  A-1:\n    - x\n", ".snyk:3: has a rule that is no map"},
		"snyk date":           {".snyk", "ignore:\n  A-1:\n    - '*':\n        expires: soon\n", ".snyk:4: has the end \"soon\""},
		"snyk anchor":         {".snyk", "ignore: &a\n  b: *a\n", ".snyk:1: has \"&a"},
		"snyk twice":          {".snyk", "ignore: {}\nignore: {}\n", ".snyk:2: the key \"ignore\" stands twice"},
		"snyk merge":          {".snyk", "<<<<<<< HEAD\nignore: {}\n", ".snyk:1: is in the middle of a merge"},
		"toml cut":            {"t", "[[IgnoredVulns]]\nid = \"x", "t:2: has a quote without an end"},
		"toml twice":          {"t", "a = 1\na = 2\n", "t:2: the key \"a\" stands twice"},
		"toml table twice":    {"t", "[a]\n[a]\n", "t:2: has the table \"a\" twice"},
		"toml mixed":          {"t", "a = 1\n[[a]]\n", "t:2: has the key \"a\" as a list"},
		"toml into text":      {"t", "a = 1\nb.c = 1\na.b = 2\n", "t:3: has the key \"a\" as a table"},
		"toml no value":       {"t", "a =\n", "t:1: has \"\" where a value belongs"},
		"toml no equals":      {"t", "a\n", "t:1: has no = after the key"},
		"toml word":           {"t", "a = yes\n", "t:1: has \"yes\" where a value belongs"},
		"toml after":          {"t", "a = 1 b\n", "t:1: has \"b\" after a value"},
		"toml header":         {"t", "[[a]\n", "t:1: has a header without its ]]"},
		"toml deep":           {"t", "a = " + strings.Repeat("[", 10_000), "nested more than 32 deep"},
		"toml deep key":       {"t", strings.Repeat("a.", 10_000) + "a = 1", "nested more than 32 deep"},
		"toml list":           {"t", "a = [1,\n2", "t:2: ends in the middle"},
		"toml list, no comma": {"t", "a = [1 2]", "where a comma or ] belongs"},
		"toml table of lines": {"t", "a = { b = 1,\n c = 2 }", "where a key belongs"},
		"toml control":        {"t", "a = \"\x1b[2J\"", "a control character"},
		"toml escape":         {"t", `a = "\x"`, "an escape that is none"},
		"toml binary":         {"t", "a = \"\xff\"", "is no text in UTF-8"},
		"toml long":           {"t", strings.Repeat("#", ignorefile.MaxFile+1), "has more than 1 MiB"},
		"no id":               {"t", "[[IgnoredVulns]]\nreason = \"x\"\n", "t:1: has an IgnoredVulns without an id"},
		"bad date":            {"t", "[[IgnoredVulns]]\nid = \"A-1\"\nignoreUntil = \"soon\"\n", "has the end \"soon\""},
		"group":               {"t", "[[PackageOverrides]]\ngroup = \"dev\"\nignore = true\n", "t:1: overrides a group"},
	} {
		read := ignorefile.OSVScanner
		if c.file == ".snyk" {
			read = ignorefile.Snyk
		}
		entries, err := read(c.file, c.text)
		var e *lockfile.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || entries != nil {
			t.Errorf("%s: %v, %v, want an error with %q", name, entries, err, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	const way = "express@4.17.1 > @a/b@1.0.0 > qs@6.7.0"
	for rule, want := range map[string]bool{
		"*": true, "* > qs": true, "* > qs@6.x": true, "* > qs@>=6.7.0 <7": true, "* > qs@<6": false, "express": true, "express > qs": false,
		"express > * > qs@6.7.0": true, "express > @a/b > qs": true, "express@4 > @a/b@^1.0.0": true, "qs": false, "* > @a/b": true, "* > express > *": true,
		"* > qs > *": true, "* > qs > ms": false, "": false, "express@4.17.1 > @a/b@1.0.0 > qs@6.7.0": true, "* > * > qs@*": true, "express@next": false,
	} {
		if got := ignorefile.Match(rule, way); got != want {
			t.Errorf("Match(%q) = %v, want %v", rule, got, want)
		}
	}
	if !ignorefile.Match("* > qs@7.0.0-rc.1", "qs@7.0.0-rc.1") || ignorefile.Match(strings.Repeat("* > a > ", 500)+"b", strings.Repeat("a@1.0.0 > ", 500)+"a@1.0.0") {
		t.Error("Match of a prerelease, or of a long rule, is wrong")
	}
}

func FuzzSnyk(f *testing.F) {
	f.Add(policy)
	f.Fuzz(func(t *testing.T, text string) { check(t, text, ignorefile.Snyk) })
}

func FuzzOSVScanner(f *testing.F) {
	f.Add(scanner)
	f.Fuzz(func(t *testing.T, text string) { check(t, text, ignorefile.OSVScanner) })
}

func check(t *testing.T, text string, read func(file, text string) ([]ignorefile.Entry, error)) {
	entries, err := read("f", text)
	var e *lockfile.Error
	if err != nil && (!errors.As(err, &e) || entries != nil || e.File != "f") {
		t.Errorf("%v with %d entries, want an error of the file alone", err, len(entries))
	}
	lines := strings.Count(text, "\n") + 1
	for _, e := range entries {
		if e.Line < 1 || e.Line > lines || e.Reason == "" || len(e.Until) < 10 {
			t.Errorf("entry %+v of %d lines, want all of it", e, lines)
		}
		ignorefile.Match(e.Path, "a@1.0.0 > b@2.0.0")
	}
}
