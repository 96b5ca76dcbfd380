package lockfile_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

func readText(name, text string) *lockfile.Found {
	return lockfile.Read(fstest.MapFS{name: {Data: []byte(text)}})
}

const whole = `{
  "lockfileVersion": 3,
  "packages": {
    "": {"dependencies": {"a": "1"}},
    "node_modules/a": {"version": "1.0.0"}
  }
}`

// Whatever is no whole lockfile is an error with its file and place, and no lockfile.
func TestMalformed(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"empty":                {"package-lock.json", "", "package-lock.json:1: ends in the middle"},
		"cut short":            {"package-lock.json", whole[:80], "package-lock.json:5: ends in the middle"},
		"no object":            {"package-lock.json", "[]", "package-lock.json:1: is no JSON object"},
		"twice":                {"package-lock.json", strings.Replace(whole, `"1.0.0"}`, "\"1.0.0\"},\n\"node_modules/a\": {}", 1), `package-lock.json:6: the key "node_modules/a" stands twice`},
		"after the end":        {"package-lock.json", whole + "{}", `has "{}" after its end`},
		"merge":                {"package-lock.json", strings.Replace(whole, "\n    \"node", "\n<<<<<<< HEAD\n    \"node", 1), "package-lock.json:5: is in the middle of a merge"},
		"deep":                 {"package-lock.json", strings.Repeat(`{"a":`, 100_000), "nested more than 256 deep"},
		"deep list":            {"bun.lock", strings.Repeat("[", 100_000), "nested more than 256 deep"},
		"nested tree":          {"package-lock.json", `{"lockfileVersion":1,` + strings.Repeat(`"dependencies":{"a":{"version":"1.0.0",`, 60) + `"dependencies":{}` + strings.Repeat("}}", 60) + "}", "too many node_modules"},
		"version":              {"package-lock.json", `{"lockfileVersion": 9}`, `package-lock.json:1: has lockfileVersion "9"`},
		"no packages":          {"package-lock.json", "{\"lockfileVersion\": 2,\n\"dependencies\": {}}", "has no object of packages"},
		"entry":                {"package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/a\": 1}}", `package-lock.json:2: has an entry "node_modules/a"`},
		"no name":              {"package-lock.json", `{"lockfileVersion": 3, "packages": {"node_modules/": {"version":"1.0.0"}}}`, "has an entry without a name"},
		"control":              {"package-lock.json", "{\"a\x1b[2Jb\": 1}", "a control character"},
		"shrinkwrap":           {"npm-shrinkwrap.json", "{", "npm-shrinkwrap.json:1: ends in the middle"},
		"manifest":             {"package.json", `{"dependencies": []}`, "package.json:1: has dependencies that are no object"},
		"yarn cut short":       {"yarn.lock", "a@1:\n  version \"1.0", "yarn.lock:2: has a quote without an end"},
		"yarn indent":          {"yarn.lock", "a@1:\n      version \"1.0.0\"", "yarn.lock:2: is indented like nothing"},
		"yarn no version":      {"yarn.lock", "a@1:\n  resolved \"x\"", "yarn.lock:1: has an entry without a name or a version"},
		"yarn twice":           {"yarn.lock", "a@1:\n  version \"1.0.0\"\n\na@1:\n  version \"2.0.0\"\n", `yarn.lock:4: the key "a@1" stands twice`},
		"yarn two for one":     {"yarn.lock", "a@1:\n  version \"1.0.0\"\n\na@1, a@2:\n  version \"2.0.0\"\n", `yarn.lock:4: has two entries for "a@1"`},
		"yarn empty":           {"yarn.lock", "", "yarn.lock: is no yarn.lock"},
		"berry cut short":      {"yarn.lock", "__metadata:\n  version: 8\n\n\"a@npm:1\":\n  version: 1.0.0\n  resolution: \"a@npm:1", "yarn.lock:6: has a quote without an end"},
		"berry no resolution":  {"yarn.lock", "__metadata:\n  version: 8\n\n\"a@npm:1\":\n  version: 1.0.0\n", "yarn.lock:4: has an entry without a resolution"},
		"pnpm no version":      {"pnpm-lock.yaml", "packages:\n  a: {}\n", "pnpm-lock.yaml:1: has no lockfileVersion"},
		"pnpm new":             {"pnpm-lock.yaml", "lockfileVersion: '10.0'\n", `has lockfileVersion "10.0"`},
		"pnpm flow":            {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: x\n", "pnpm-lock.yaml:4: ends inside of brackets"},
		"pnpm twice":           {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n  a@1.0.0: {}\n", `pnpm-lock.yaml:4: the key "a@1.0.0" stands twice`},
		"pnpm anchor":          {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: &a\n  x: *a\n", `pnpm-lock.yaml:2: has "&a `},
		"pnpm two documents":   {"pnpm-lock.yaml", "lockfileVersion: '9.0'\n---\nlockfileVersion: '9.0'\n", "pnpm-lock.yaml:2: begins a second document"},
		"pnpm three documents": {"pnpm-lock.yaml", "---\nlockfileVersion: '9.0'\n---\nlockfileVersion: '9.0'\n---\nlockfileVersion: '9.0'\n", "pnpm-lock.yaml:5: begins a second document"},
		"pnpm mixed":           {"pnpm-lock.yaml", "lockfileVersion: '9.0'\n- a\n", "pnpm-lock.yaml:2: has a list where the lines above are a map"},
		"pnpm list":            {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n    - a\n    b: c\n", "pnpm-lock.yaml:4: is indented like nothing above it"},
		"pnpm tab":             {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n\ta: {}\n", "pnpm-lock.yaml:3: is indented with a tab"},
		"pnpm deep":            {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: " + strings.Repeat("[", 10_000), "nested more than 256 deep"},
		"pnpm no package":      {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: {}\nsnapshots:\n  a@1.0.0: {}\n", "pnpm-lock.yaml:4: has a snapshot of no package"},
		"pnpm no snapshot":     {"pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\nsnapshots: {}\n", "pnpm-lock.yaml:3: has a package without a snapshot"},
		"pnpm leads nowhere":   {"pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: 1, version: 1.0.0}\n", `pnpm-lock.yaml:5: needs "a" "1.0.0", which it does not have`},
		"pnpm other version":   {"pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n  /a@1.0.0:\n    version: 2.0.0\n", `pnpm-lock.yaml:3: has an entry "/a@1.0.0" whose version is "2.0.0"`},
		"pnpm inside":          {"pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n  /a@1.0.0:\n    engines:\n      /b@1.0.0:\n        resolution: {integrity: sha512-x}\n", "pnpm-lock.yaml:5: has the entry of a package where none belongs"},
		"inside an entry":      {"package-lock.json", strings.Replace(whole, `"1.0.0"}`, "\"1.0.0\", \"engines\": {\n\"node_modules/b\": {}}}", 1), "package-lock.json:6: has the entry of a package where none belongs"},
		"beside the entries":   {"package-lock.json", strings.Replace(whole, "\n  }\n", "\n  },\n\"b\": {\"version\": \"1.0.0\", \"integrity\": \"sha512-x\"}\n", 1), "package-lock.json:7: has the entry"},
		"ranges of objects":    {"package-lock.json", strings.Replace(whole, `"1.0.0"}`, `"1.0.0", "dependencies": {"b": {}}}`, 1), "whose dependencies is of a wrong type"},
		"v1 beside":            {"package-lock.json", "{\"lockfileVersion\": 1, \"dependencie\": {\n\"a\": {\"version\": \"1.0.0\", \"integrity\": \"sha512-x\"}}}", "package-lock.json:2: has the entry of a package where none belongs"},
		"v1 inside":            {"package-lock.json", "{\"lockfileVersion\": 1, \"dependencies\": {\"a\": {\"version\": \"1.0.0\", \"x\":\n{\"version\": \"1.0.0\", \"resolved\": \"https://host.test/b\"}}}}", "package-lock.json:1: has the entry of a package where none belongs"},
		"name":                 {"package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/a\u2028\": {\"version\": \"1.0.0\"}}}", "package-lock.json:2: has a name that no registry has"},
		"yarn new":             {"yarn.lock", "# yarn lockfile v2\n", `yarn.lock:1: is of version "2"`},
		"berry new":            {"yarn.lock", "__metadata:\n  version: 99\n", `yarn.lock:2: has __metadata.version "99": 1 to 10 are known`},
		"pnpm 13":              {"pnpm-lock.yaml", "{\n\t\"lockfileVersion\": \"13.0\",\n}\n", `pnpm-lock.yaml:2: has lockfileVersion "13.0"`},
		"yarn control":         {"yarn.lock", "a@1:\n  version \"1.0.0\"\n\n\ab@1:\n  version \"1.0.0\"\n", "yarn.lock:4: holds a control character"},
		"bun entry":            {"bun.lock", "{\"lockfileVersion\": 1, \"workspaces\": {\"\": {}},\n\"packages\": {\"a\": {}}}", "bun.lock:2: has an entry that is no list"},
		"bun without apps":     {"bun.lock", `{"lockfileVersion": 1, "packages": {}}`, "has no workspaces"},
		"bun binary":           {"bun.lockb", "x", "bun.lockb: is bun's old binary form"},
		"go.mod":               {"go.mod", "module m\n\nrequire x\n", "go.mod:3: "},
		"go.mod twice":         {"go.mod", "module m\n\ngo 1.25\n\nrequire (\n\ta.test/x v1.0.0\n\ta.test/x v1.1.0\n)\n", `go.mod:7: requires "a.test/x" twice`},
		"go.mod in a merge":    {"go.mod", "module m\n<<<<<<< HEAD\n", "go.mod:2: is in the middle of a merge"},
		"workspace pattern":    {"package.json", `{"workspaces": ["[a"]}`, "a pattern of workspaces that is none"},
		"string escapes":       {"package-lock.json", `{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "\x"}}}`, "has a string that is none"},
		"number":               {"package-lock.json", `{"lockfileVersion": 0x3}`, "where a value belongs"},
		"no value":             {"package-lock.json", `{"lockfileVersion": }`, "where a value belongs"},
		"comment":              {"package-lock.json", "{ // no\n}", "where a key belongs"},
		"comment of bun":       {"bun.lock", "{ /* no\n}", "has a comment without an end"},
		"trailing comma":       {"package-lock.json", `{"lockfileVersion": 3,}`, "where a key belongs"},
		"dependencies no dict": {"package-lock.json", `{"lockfileVersion": 1, "dependencies": []}`, "has dependencies that are no object"},
	} {
		t.Run(name, func(t *testing.T) {
			found := readText(c.file, c.text)
			if len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), c.want) || len(found.Locks) > 0 {
				t.Fatalf("Read = %d lockfiles, errors %v, want one error with %q", len(found.Locks), found.Errors, c.want)
			}
			var e *lockfile.Error
			if !errors.As(found.Errors[0], &e) || e.File != c.file {
				t.Errorf("error %#v, want a *lockfile.Error of %s", found.Errors[0], c.file)
			}
		})
	}
}

// A million entries cost a bounded amount of memory, and are told.
func TestManyEntries(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"lockfileVersion":3,"packages":{"":{}`)
	for i := range 1_000_000 {
		b.WriteString(`,"node_modules/`)
		b.WriteString(strconv.Itoa(i))
		b.WriteString(`":{}`)
	}
	b.WriteString("}}")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	found := readText("package-lock.json", b.String())
	runtime.ReadMemStats(&after)
	if len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "more than 200001 entries in one place") {
		t.Errorf("errors = %v, want one about too many entries", found.Errors)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
		t.Errorf("%d MiB were allocated, want at most 100", used>>20)
	}
	if found := readText("yarn.lock", strings.Repeat("a", lockfile.MaxFile+1)); len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "more than 32 MiB") {
		t.Errorf("errors = %v, want one about 32 MiB", found.Errors)
	}
	// The files of Go are counted before they are parsed.
	mod := "module x\n\ngo 1.25\n\nrequire (\n" + strings.Repeat("\ta.test/b v1.0.0\n", 300_000) + ")\n"
	if found := readText("go.mod", mod); len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "go.mod:300006: has more than 200000 lines") {
		t.Errorf("errors = %v, want one about too many lines", found.Errors)
	}
	if found := readText("go.work", "go 1.25\n"+strings.Repeat("use ./a\n", 300_000)); len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "go.work:300001: has more than 200000 lines") {
		t.Errorf("errors = %v, want one about too many lines", found.Errors)
	}
	var sum strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&sum, "a.test/m%d v1.0.0 h1:x\n", i)
	}
	found = lockfile.Read(fstest.MapFS{"go.mod": {Data: []byte("module x\n\ngo 1.16\n")}, "go.sum": {Data: []byte(sum.String())}})
	if len(found.Errors) != 1 || !strings.Contains(found.Errors[0].Error(), "go.sum:200001: has more than 200000 modules") {
		t.Errorf("errors = %v, want one about too many modules", found.Errors)
	}
}

// Packages that need each other are no loop for the reader, and their ways end.
func TestCycles(t *testing.T) {
	found := readText("package-lock.json", `{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},
"node_modules/a":{"version":"1.0.0","dependencies":{"b":"1","a":"1"}},
"node_modules/b":{"version":"1.0.0","dependencies":{"a":"1","c":"1"}},
"node_modules/c":{"version":"1.0.0","dependencies":{"b":"1"}},
"node_modules/d":{"version":"1.0.0","dependencies":{"e":"1"}},
"node_modules/e":{"version":"1.0.0","dependencies":{"d":"1"}}}}`)
	if len(found.Errors) > 0 {
		t.Fatal(found.Errors)
	}
	l := found.Locks[0]
	for i, want := range []string{"[[a@1.0.0]]", "[[a@1.0.0 b@1.0.0]]", "[[a@1.0.0 b@1.0.0 c@1.0.0]]", "[]", "[]"} {
		if got := fmt.Sprint(l.Ways(i, 5)); got != want {
			t.Errorf("Ways(%s) = %s, want %s", l.Packages[i].Name, got, want)
		}
	}
}

func TestGoMod(t *testing.T) {
	for name, c := range map[string]struct{ mod, sum, want string }{
		"modern": {`module m

go 1.25.0

toolchain go1.25.3

require (
	a.test/x v1.2.3
	b.test/y v0.0.0-20200131131040-063a3fb69896 // indirect
	c.test/z v2.0.0+incompatible
)

replace a.test/x => ../x

replace b.test/y => fork.test/y v1.1.0

replace c.test/z v1.0.0 => fork.test/z v1.0.0
`, "", "stdlib@1.25.3 a.test/x@ from ../x fork.test/y@1.1.0 as b.test/y c.test/z@2.0.0+incompatible"},
		"older toolchain": {"module m\n\ngo 1.25.4\n\ntoolchain go1.25.3\n", "", "stdlib@1.25.4 least"},
		"own toolchain":   {"module m\n\ngo 1.25\n\ntoolchain go1.25.3-corp.7\n", "", "stdlib@1.25.3"},
		"replaced twice": {"module m\n\ngo 1.25\n\nrequire a.test/x v1.2.3\n\nreplace a.test/x => b.test/x v1.0.0\n\nreplace a.test/x v1.2.3 => c.test/x v1.0.0\n", "",
			"stdlib@1.25 least c.test/x@1.0.0 as a.test/x"},
		"new directives": {"module m // x\n\ngo 1.26.0\n\ngodebug default=go1.21\n\ntool a.test/x/cmd\n\nignore ./node_modules\n\nrequire a.test/x v1.2.3\n\nexclude a.test/x v1.2.4\n\nretract [v1.0.0, v1.1.0]\n", "",
			"stdlib@1.26.0 least a.test/x@1.2.3"},
		"no toolchain": {"module m\n\ngo 1.25\n", "", "stdlib@1.25 least"},
		"old": {"module m\n\ngo 1.16\n\nrequire a.test/x v1.0.0\n", `a.test/x v1.0.0 h1:x=
a.test/x v1.1.0 h1:x=
a.test/x v1.2.0/go.mod h1:x=
b.test/y v0.3.0 h1:x=
`, "stdlib@1.16 least a.test/x@1.1.0 b.test/y@0.3.0"},
	} {
		found := lockfile.Read(fstest.MapFS{"go.mod": {Data: []byte(c.mod)}, "go.sum": {Data: []byte(c.sum)}})
		if len(found.Errors) > 0 {
			t.Errorf("%s: %v", name, found.Errors)
			continue
		}
		var got []string
		for _, p := range found.Locks[0].Packages {
			s := p.Name + "@" + p.Version
			if p.Alias != "" {
				s += " as " + p.Alias
			}
			if p.Address != "" {
				s += " from " + p.Address
			}
			if p.Least {
				s += " least"
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: packages = %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
	found := lockfile.Read(fstest.MapFS{"go.mod": {Data: []byte("module m\n\ngo 1.16\n")}, "go.sum": {Data: []byte("a b\n")}})
	if len(found.Errors) != 1 || found.Errors[0].Error() != "go.sum:1: is no line of MODULE VERSION HASH" {
		t.Errorf("errors = %v, want one of go.sum", found.Errors)
	}
}

func TestShrinkwrapWins(t *testing.T) {
	found := lockfile.Read(fstest.MapFS{
		"npm-shrinkwrap.json": {Data: []byte(whole)},
		"package-lock.json":   {Data: []byte(strings.Replace(whole, "1.0.0", "2.0.0", 1))},
	})
	if len(found.Locks) != 1 || found.Locks[0].File != "npm-shrinkwrap.json" || found.Locks[0].Packages[0].Version != "1.0.0" {
		t.Errorf("Read = %+v, want the shrinkwrap alone", found.Locks)
	}
}

func TestSources(t *testing.T) {
	found := readText("package-lock.json", `{"lockfileVersion":3,"packages":{"":{},
"node_modules/g":{"version":"1.0.0","resolved":"git+ssh://git@host.test/g.git#abc"},
"node_modules/f":{"version":"1.0.0","resolved":"file:f-1.0.0.tgz"},
"node_modules/r":{"version":"1.0.0","resolved":"https://registry.example/r/-/r-1.0.0.tgz"}}}`)
	v1 := readText("package-lock.json", `{"lockfileVersion":1,"dependencies":{
"g":{"version":"git+https://host.test/g.git#abc"},
"h":{"version":"https://host.test/h.tgz"},
"n":{"version":"npm:real@2.0.0"}}}`)
	var got []string
	for _, f := range []*lockfile.Found{found, v1} {
		if len(f.Errors) > 0 {
			t.Fatal(f.Errors)
		}
		for _, p := range f.Locks[0].Packages {
			got = append(got, fmt.Sprintf("%s@%s:%d", p.Name, p.Version, p.Source))
		}
	}
	const want = "g@1.0.0:1 f@1.0.0:3 r@1.0.0:0 g@:1 h@:2 real@2.0.0:0"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("packages = %s, want %s", s, want)
	}
}
