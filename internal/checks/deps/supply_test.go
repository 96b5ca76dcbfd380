package deps_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/nodemodules"
)

// No real lockfile has a package from an odd place, but for the notes and what is so.
func TestRealLockfilesAreQuiet(t *testing.T) {
	var dirs []string
	for _, pattern := range []string{"vectors", "shop"} {
		found, err := filepath.Glob("../../lockfile/testdata/" + pattern + "/*/package.json")
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, found...)
	}
	if len(dirs) < 19 {
		t.Fatalf("%d folders, want the vectors and the shop", len(dirs))
	}
	for _, name := range dirs {
		r := runOn("dependencies", &check.Session{Folder: os.DirFS(filepath.Dir(name))})
		for _, f := range r.Findings {
			if f.Severity > check.Info {
				t.Errorf("%s: %s %s", name, f.ID, f.Message)
			}
		}
	}
}

func lockOf(entries string) string {
	return `{"lockfileVersion":3,"packages":{"":{"dependencies":{"express":"4"}},` + entries + `}}`
}

const twoPackages = `"node_modules/express":{"version":"4.17.1","dependencies":{"qs":"6.7.0"}},"node_modules/qs":{"version":"6.7.0"}`

// Each folder has express, which needs qs, and qs has the hole.
func TestReachability(t *testing.T) {
	for name, c := range map[string]struct {
		entries string
		files   map[string]string
		want    check.Reachability
		said    string
	}{
		"imported":         {twoPackages, map[string]string{"server.js": "require('express')\nrequire('qs')"}, check.Reachability{Label: check.Imported, At: []string{"server.js:2"}}, "; imported at server.js:2"},
		"transitive":       {twoPackages, map[string]string{"server.js": "\nrequire('express')"}, check.Reachability{Label: check.Transitive, Reason: "by express@4.17.1 > qs@6.7.0", At: []string{"server.js:2"}}, "; imported only transitively at server.js:2"},
		"never":            {twoPackages, map[string]string{"server.js": "require('fs')"}, check.Reachability{Label: check.Never}, "; never imported"},
		"tests":            {twoPackages, map[string]string{"server.js": "", "test/a.js": "require('qs')"}, check.Reachability{Label: check.TestsOnly, At: []string{"test/a.js:1"}}, "; imported only by tests"},
		"tests need it":    {twoPackages, map[string]string{"server.js": "", "test/a.js": "require('express')"}, check.Reachability{Label: check.TestsOnly, Reason: "by express@4.17.1 > qs@6.7.0", At: []string{"test/a.js:1"}}, "; imported only by tests"},
		"made name":        {twoPackages, map[string]string{"server.js": "require(name)"}, check.Reachability{Label: check.NotKnown, Reason: "server.js:1 loads a module whose name is made at run time"}, "; not known whether the app reaches it"},
		"named":            {twoPackages, map[string]string{"server.js": "load('qs')"}, check.Reachability{Label: check.NotKnown, Reason: "server.js:1 names it in a text"}, ""},
		"needer named":     {twoPackages, map[string]string{"server.js": "load('express')"}, check.Reachability{Label: check.NotKnown, Reason: "server.js:1 names express in a text"}, ""},
		"stray":            {twoPackages, map[string]string{"server.js": "", "jobs/a.js": "require('express')"}, check.Reachability{Label: check.NotKnown, Reason: "jobs/a.js:1 imports express@4.17.1, and no entry point leads there"}, ""},
		"no files":         {twoPackages, nil, check.Reachability{Label: check.NotKnown, Reason: "the folder has no JavaScript that imports anything"}, ""},
		"not that version": {`"node_modules/express":{"version":"4.17.1","dependencies":{"qs":"6.7.0"}},"node_modules/express/node_modules/qs":{"version":"6.7.0"},"node_modules/qs":{"version":"6.14.1"}`, map[string]string{"server.js": "require('qs')"}, check.Reachability{Label: check.Never}, ""},
		"alias":            {`"node_modules/query":{"name":"qs","version":"6.7.0"}`, map[string]string{"server.js": "require('query')"}, check.Reachability{Label: check.Imported, At: []string{"server.js:1"}}, ""},
		"of a member": {`"packages/a":{"name":"a"},"node_modules/a":{"resolved":"packages/a","link":true},"packages/a/node_modules/qs":{"version":"6.7.0"}`,
			map[string]string{"packages/a/package.json": `{"name":"a","main":"m.js"}`, "packages/a/m.js": "import 'qs'"}, check.Reachability{Label: check.Imported, At: []string{"packages/a/m.js:1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ownCache(t)
			fsys := fstest.MapFS{"package-lock.json": {Data: []byte(lockOf(c.entries))}, "package.json": {Data: []byte(`{"dependencies":{"express":"4"}}`)}}
			for name, text := range c.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			r := runOn("dependencies", &check.Session{Folder: fsys, Target: check.Target{Advisories: own}})
			i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.Dependency != nil })
			if i < 0 {
				t.Fatalf("findings = %+v, want one of qs", r.Findings)
			}
			got := r.Findings[i].Dependency.Reachability
			if got == nil || got.Label != c.want.Label || got.Reason != c.want.Reason || !slices.Equal(got.At, c.want.At) {
				t.Errorf("reachability = %+v, want %+v", got, c.want)
			}
			if f := r.Findings[i]; f.Severity != check.High || !strings.HasSuffix(f.Message, c.said) {
				t.Errorf("%s: %q, want high, and %q at its end", f.Severity, f.Message, c.said)
			}
		})
	}
}

// Each folder has express and qs installed, and qs has the hole.
func TestReachabilityOfInstalled(t *testing.T) {
	express, qs := `{"name":"express","version":"4.17.1"}`, `{"name":"qs","version":"6.7.0"}`
	for name, c := range map[string]struct {
		files map[string]string
		want  check.Reachability
	}{
		"imported": {map[string]string{"server.js": "require('express')\nrequire('qs')"}, check.Reachability{Label: check.Imported, At: []string{"server.js:2"}}},
		"loaded by another": {map[string]string{"server.js": "\nrequire('express')", "node_modules/express/index.js": "require('./lib')", "node_modules/express/lib.js": "\n\nrequire('qs')"},
			check.Reachability{Label: check.Transitive, Reason: "by express@4.17.1 > qs@6.7.0", At: []string{"server.js:2"}, Files: []string{"server.js:2", "node_modules/express/index.js:1", "node_modules/express/lib.js:3", "node_modules/qs/index.js"}}},
		"loaded by none":   {map[string]string{"server.js": "require('express')"}, check.Reachability{Label: check.Never, Reason: "none of the 1 packages that an entry point leads to loads it"}},
		"made name":        {map[string]string{"server.js": "require('express')", "node_modules/express/index.js": "require(name)"}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/express/index.js:1 loads a module whose name is made at run time; by the lockfile express@4.17.1 > qs@6.7.0"}},
		"other version":    {map[string]string{"server.js": "require('express')", "node_modules/express/index.js": "require('qs')", "node_modules/qs/package.json": `{"name":"qs","version":"6.14.1"}`}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/qs is qs 6.14.1, the lockfile has qs@6.7.0, and it was not followed"}},
		"other needer":     {map[string]string{"server.js": "require('express')\nrequire('./a')", "a.js": "require('b')", "node_modules/express/package.json": `{"name":"express","version":"5.0.0"}`, "node_modules/b/package.json": `{"name":"b","version":"1.0.0"}`}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/express is express 5.0.0, the lockfile has express@4.17.1, and it was not followed; by the lockfile express@4.17.1 > qs@6.7.0"}},
		"not installed":    {map[string]string{"server.js": "require('express')", "node_modules/express/index.js": "require('qs')", "node_modules/qs/package.json": ""}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/express/index.js:1: qs is loaded, and not installed"}},
		"nothing of it":    {map[string]string{"server.js": "require('express')", "node_modules/express/package.json": "", "node_modules/qs/package.json": ""}, check.Reachability{Label: check.Transitive, Reason: "by express@4.17.1 > qs@6.7.0", At: []string{"server.js:1"}}},
		"begun name":       {map[string]string{"server.js": "require('b')", "node_modules/b/package.json": `{"name":"b","version":"1.0.0"}`, "node_modules/b/index.js": "require(`q${x}`)"}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/b/index.js:1: q begins the name of a module that is loaded"}},
		"table of names":   {map[string]string{"server.js": "require('b')", "node_modules/b/package.json": `{"name":"b","version":"1.0.0"}`, "node_modules/b/index.js": "require({ x: 'qs' }[k])"}, check.Reachability{Label: check.NotKnown, Reason: "node_modules/b/index.js:1: qs is named in a text"}},
		"plug and play":    {map[string]string{"server.js": "require('express')", ".pnp.cjs": "", "node_modules/express/package.json": "", "node_modules/qs/package.json": ""}, check.Reachability{Label: check.Transitive, Reason: "by express@4.17.1 > qs@6.7.0; by the lockfile alone: packages that Yarn's PnP keeps in archives are not followed", At: []string{"server.js:1"}}},
		"undeclared":       {map[string]string{"server.js": "require('b')", "node_modules/b/package.json": `{"name":"b","version":"1.0.0"}`, "node_modules/b/index.js": "require('qs')"}, check.Reachability{Label: check.Transitive, Reason: "by b@1.0.0 > qs@6.7.0", At: []string{"server.js:1"}, Files: []string{"server.js:1", "node_modules/b/index.js:1", "node_modules/qs/index.js"}}},
		"loaded by a tool": {map[string]string{"server.js": "", "package.json": "{\"scripts\":{\"start\":\"b server.js\"}}", "node_modules/b/package.json": `{"name":"b","version":"1.0.0","bin":"cli.js"}`, "node_modules/b/cli.js": "require('qs')"}, check.Reachability{Label: check.Transitive, Reason: "by b@1.0.0 > qs@6.7.0", At: []string{"package.json:1"}, Files: []string{"package.json:1", "node_modules/b/cli.js:1", "node_modules/qs/index.js"}}},
	} {
		t.Run(name, func(t *testing.T) {
			ownCache(t)
			fsys := fstest.MapFS{"package-lock.json": {Data: []byte(lockOf(twoPackages + `,"node_modules/b":{"version":"1.0.0"}`))}, "package.json": {Data: []byte(`{"dependencies":{"express":"4"}}`)}}
			files := map[string]string{"node_modules/express/package.json": express, "node_modules/express/index.js": "", "node_modules/qs/package.json": qs, "node_modules/qs/index.js": ""}
			maps.Copy(files, c.files)
			for name, text := range files {
				if dir := nodemodules.Folder(name); dir == "" || files[dir+"/package.json"] != "" {
					fsys[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			r := runOn("dependencies", &check.Session{Folder: fsys, Target: check.Target{Advisories: own}})
			i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.Dependency != nil })
			if i < 0 {
				t.Fatalf("findings = %+v, want one of qs", r.Findings)
			}
			got := r.Findings[i].Dependency.Reachability
			if got == nil || got.Label != c.want.Label || got.Reason != c.want.Reason || !slices.Equal(got.At, c.want.At) || !slices.Equal(got.Files, c.want.Files) {
				t.Errorf("reachability = %+v\nwant           %+v", got, c.want)
			}
		})
	}
}

// The Go app of goreach calls one symbol of a record, and not another.
func TestReachabilityOfGo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module shop.example/shop\n\ngo 1.25\n\ntoolchain go1.25.0\n",
		"main.go": "package main\n\nimport \"strings\"\n\nfunc main() { strings.ToUpper(\"x\") }\n",
		"advisories/a.jsonl": `{"id":"T-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"strings","symbols":["ToUpper"]}]}}]}
{"id":"T-2","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"strings","symbols":["Title"]}]}}]}
{"id":"T-3","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"net/http"}]}}]}
{"id":"T-4","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
`,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, asked := range []bool{true, false} {
		ownGo := os.Getenv("GOCACHE")
		s := &check.Session{Folder: os.DirFS(dir), Target: check.Target{Folder: dir, Advisories: filepath.Join(dir, "advisories"), Reachability: asked}}
		if t.Setenv("XDG_CACHE_HOME", t.TempDir()); ownGo == "" {
			t.Setenv("GOCACHE", t.TempDir())
		}
		want := map[string]check.Reach{"T-1": check.Called, "T-2": check.NotCalled, "T-3": check.NotImported, "T-4": check.Imported}
		n := 0
		for _, f := range runOn("dependencies", s).Findings {
			if f.Dependency == nil {
				continue
			}
			n++
			got := f.Dependency.Reachability
			switch {
			case !asked && (got.Label != check.NotKnown || !strings.Contains(got.Reason, "--reachability")):
				t.Errorf("%s, not asked: %+v, want not known", f.Dependency.Advisory, got)
			case asked && got.Label != want[f.Dependency.Advisory]:
				t.Errorf("%s: %+v, want %s", f.Dependency.Advisory, got, want[f.Dependency.Advisory])
			case asked && got.Label == check.Called && (len(got.Calls) != 2 || got.Calls[0] != "shop.example/shop.main (main.go:5)"):
				t.Errorf("calls = %q, want main and ToUpper", got.Calls)
			}
		}
		if n != len(want) {
			t.Errorf("%d findings, want %d", n, len(want))
		}
	}
}

func TestDriftOfMembersAndOfGo(t *testing.T) {
	found := func(fsys fstest.MapFS) (all []string) {
		for _, f := range runOn("dependencies", &check.Session{Folder: fsys}).Findings {
			if f.ID == "dependencies/drift" || f.ID == "dependencies/unlocked" {
				all = append(all, f.Message)
			}
		}
		return all
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	member := file(`{"name":"m","dependencies":{"qs":"^6.0.0","ms":"^1.0.0","new":"1","m":"*"}}`)
	manifest := file(`{"workspaces":["packages/*"]}`)
	want := []string{"packages/m/package.json asks for ms ^1.0.0, and LOCK has 2.0.0", "packages/m/package.json asks for new, which LOCK does not have"}
	for lock, text := range map[string]string{
		"package-lock.json": `{"lockfileVersion":3,"packages":{"":{"workspaces":["packages/*"]},"packages/m":{"name":"m"},"node_modules/qs":{"version":"6.1.0"},"packages/m/node_modules/ms":{"version":"2.0.0"}}}`,
		"yarn.lock":         "# yarn lockfile v1\n\nms@^1.0.0:\n  version \"2.0.0\"\n\nqs@^6.0.0:\n  version \"6.1.0\"\n",
		"pnpm-lock.yaml":    "lockfileVersion: '9.0'\nimporters:\n  .: {}\n  packages/m:\n    dependencies:\n      ms: {specifier: ^1.0.0, version: 2.0.0}\n      qs: {specifier: ^6.0.0, version: 6.1.0}\npackages:\n  ms@2.0.0: {}\n  qs@6.1.0: {}\nsnapshots:\n  ms@2.0.0: {}\n  qs@6.1.0: {}\n",
		"bun.lock":          `{"lockfileVersion":1,"workspaces":{"":{},"packages/m":{"name":"m","dependencies":{"qs":"^6.0.0","ms":"^1.0.0"}}},"packages":{"qs":["qs@6.1.0","",{},""],"ms":["ms@2.0.0","",{},""]}}`,
	} {
		got := found(fstest.MapFS{"package.json": manifest, "packages/m/package.json": member, lock: file(text)})
		if s := strings.ReplaceAll(strings.Join(want, "\n"), "LOCK", lock); strings.Join(got, "\n") != s {
			t.Errorf("%s: %q, want %q", lock, got, s)
		}
	}
	mod := file("module m\n\ngo 1.25\n\nrequire (\n\ta.test/x v1.0.0\n\tb.test/y v1.0.0\n\tc.test/z v1.0.0\n)\n\nreplace c.test/z => ./z\n")
	for sum, want := range map[string]string{
		"": "go.mod requires 2 modules, and go.sum has the checksum of none",
		"a.test/x v1.0.0 h1:x=\nb.test/y v0.9.0 h1:x=\n":      "go.mod requires b.test/y v1.0.0, which go.sum does not have",
		"a.test/x v1.0.0 h1:x=\nb.test/y v1.0.0/go.mod h1:x=": "",
	} {
		if got := strings.Join(found(fstest.MapFS{"go.mod": mod, "go.sum": file(sum)}), "\n"); got != want {
			t.Errorf("go.sum %q: %q, want %q", sum, got, want)
		}
	}
}

// What the app itself asks for by address, or in any version, is no injection and no drift.
func TestWhatTheAppAsksFor(t *testing.T) {
	const sum = `"integrity":"sha512-AAAA"`
	entries := `"node_modules/vary":{"version":"1.0.0-beta.1","resolved":"https://registry.example/vary/-/vary-1.0.0-beta.1.tgz",` + sum + `},
"node_modules/etag":{"version":"1.8.1","resolved":"https://registry.example/etag/-/etag-1.8.1.tgz",` + sum + `},
"node_modules/xlsx":{"version":"0.20.3","resolved":"https://cdn.example/xlsx-0.20.3/xlsx-0.20.3.tgz",` + sum + `}`
	for manifest, want := range map[string]string{
		`{"dependencies":{"vary":"*","etag":"","xlsx":"https://cdn.example/xlsx-0.20.3/xlsx-0.20.3.tgz"}}`: "dependencies/archive low xlsx@0.20.3",
		`{"dependencies":{"vary":"*","etag":"","xlsx":"0.20.3"}}`:                                          "dependencies/other-registry medium xlsx@0.20.3",
	} {
		r := runOn("dependencies", &check.Session{Folder: fstest.MapFS{
			"package-lock.json": {Data: []byte(`{"lockfileVersion":3,"packages":{"":` + manifest + `,` + entries + `}}`)}, "package.json": {Data: []byte(manifest)},
		}})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.ID+" "+f.Severity.String()+" "+f.Subject)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", manifest, got, want)
		}
	}
}
