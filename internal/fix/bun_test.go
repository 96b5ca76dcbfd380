package fix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/need"
)

// bun puts the program of npm's package bun on the PATH. It lies in a package of its own
// for each kind of machine; what bun itself has there fetches it by a script.
func bun(t *testing.T) string {
	t.Helper()
	modules := need.Modules(t, "bun")
	found, err := filepath.Glob(filepath.Join(modules, "@oven", "bun-*", "bin", "bun*"))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s has no @oven/bun-* for this machine", modules)
	}
	need.Service(t, "bun", err)
	t.Setenv("PATH", filepath.Dir(found[0])+string(os.PathListSeparator)+os.Getenv("PATH"))
	return found[0]
}

var bunLocks = []string{"install", "--lockfile-only", "--ignore-scripts"}

func TestScenariosWithBun(t *testing.T) {
	program := bun(t)
	all := append(yarnScenarios("override query of web with ^1.0.1 in package.json", `"web": {`),
		scenario{
			name:       "override everywhere",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0 query@1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"override query with ^1.0.1 in package.json"},
			holds:      map[string]string{"package.json": "\"overrides\": {\n    \"query\": \"^1.0.1\"\n  }"},
		},
		scenario{
			name:       "a resolution that is there is changed",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}, "resolutions": {"query": "1.0.0"}`)},
			then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"override query with ^1.0.1 in package.json"},
			holds:      map[string]string{"package.json": `"resolutions": {"query": "^1.0.1"}`},
		},
		scenario{
			name:       "in range, and what it needs stays",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0", "other": "^1.0.0"}`)},
			then:       "web@1.0.0 query@^2.0.0\nother@1.0.0\nquery@2.0.0 deep@^1.0.0\ndeep@1.0.0",
			now:        "web@1.1.0 query@^2.0.0\nother@1.1.0\nquery@2.0.1 deep@^1.0.0\ndeep@1.1.0",
			advisories: "GHSA-1 query 2.0.1",
			steps:      []string{"update query 2.0.0 to 2.0.1 in the lockfile"},
			holds:      map[string]string{"bun.lock": `"deep@1.0.0"`},
			lacks:      map[string]string{"bun.lock": "1.1.0"},
		},
		scenario{
			name:       "another name",
			files:      map[string]string{"package.json": app(`"dependencies": {"q1": "npm:query@^1.0.0", "query": "^2.0.0"}`)},
			then:       "query@1.0.0\nquery@2.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"update q1 1.0.0 to 1.0.1 in the lockfile"},
			holds:      map[string]string{"bun.lock": `"q1": ["query@1.0.1"`},
		},
		scenario{
			name:       "another name that is asked for exactly",
			files:      map[string]string{"package.json": app(`"dependencies": {"q1": "npm:query@1.0.0", "query": "^2.0.0"}`)},
			then:       "query@1.0.0\nquery@2.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"ask for q1 npm:query@1.0.1 in place of npm:query@1.0.0 in package.json"},
		},
		scenario{
			name:       "a peer keeps the next major away, and the one after it goes",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0", "plugin": "^1.0.0"}`)},
			then:       "web@1.0.0\nplugin@1.0.0 peer:web@^1.0.0||^3.0.0",
			now:        "web@2.0.0\nweb@3.0.0",
			advisories: "GHSA-1 web 2.0.0",
			breaking:   true,
			steps:      []string{"ask for web ^3.0.0 in place of ^1.0.0 in package.json, breaking (major)"},
		},
		scenario{
			name:       "bundled",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0 bundle:query@^1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			left:       map[string]string{"query@1.0.0": "query is bundled inside of web"},
		},
		scenario{
			name:       "cyclic",
			files:      map[string]string{"package.json": app(`"dependencies": {"a": "^1.0.0"}`)},
			then:       "a@1.0.0 b@1.0.0\nb@1.0.0 c@1.0.0\nc@1.0.0 a@^1.0.0",
			now:        "a@1.0.1 b@1.0.1\nb@1.0.1 c@1.0.1\nc@1.0.1 a@^1.0.0",
			advisories: "GHSA-1 c 1.0.1",
			steps:      []string{"update a 1.0.0 to 1.0.1 in the lockfile", "update b 1.0.0 to 1.0.1 in the lockfile", "update c 1.0.0 to 1.0.1 in the lockfile"},
		},
	)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // the PATH stays until all of them are done
			dir := folder(t, s.files)
			r := s.lock(t, dir, program, bunLocks...)
			if s.lacks == nil {
				s.lacks = map[string]string{"bun.lock": "panoply"}
			}
			s.prove(t, dir, client(t, r))
		})
	}
}

// What bun has from npm's own registry it writes without an address, and so does fix.
func TestBunKeepsAddressesAsTheyAre(t *testing.T) {
	program := bun(t)
	s := scenario{then: "web@1.0.0 query@^1.0.0\nquery@1.0.0", now: "query@1.0.1"}
	dir := folder(t, map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)})
	r := s.lock(t, dir, program, bunLocks...)
	lock := strings.ReplaceAll(read(t, dir, "bun.lock"), r.URL+"/web/-/web-1.0.0.tgz", "")
	if err := os.WriteFile(filepath.Join(dir, "bun.lock"), []byte(lock), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir, fix.Options{Advisories: advisories(t, "npm", "GHSA-1 query 1.0.1"), Registry: client(t, r)})
	out, err := f.Fix(bounded(t))
	if err != nil || len(out.Changes) != 1 {
		t.Fatalf("Fix = %+v, %v, want one change", out, err)
	}
	if err := f.Write(out, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"web@1.0.0", "",`, `"query@1.0.1", "` + r.URL + `/query/-/query-1.0.1.tgz",`} {
		if now := read(t, dir, "bun.lock"); !strings.Contains(now, want) {
			t.Errorf("bun.lock has no %s:\n%s", want, now)
		}
	}
}
