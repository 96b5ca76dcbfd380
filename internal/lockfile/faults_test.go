package lockfile_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// A form is a whole file of one format, in which "qs" is a package of version 6.7.0, and a
// part of it that the faults need.
type form struct {
	file, text string
	// entry is the line of the package, and inside a place within a value.
	entry, inside string
	// mistyped are texts and what is put in their place.
	mistyped [][2]string
	// deep is a text that nests, and many one of many entries; empty where the format has
	// no such thing.
	deep func(n int) string
	many func(n int) string
}

func repeat(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

func npmForm(file string, version int) form {
	f := form{file: file, entry: `    "node_modules/qs": {"version": "6.7.0"}`, inside: `"6.7.`}
	f.text = fmt.Sprintf("{\n  \"lockfileVersion\": %d,\n  \"packages\": {\n    \"\": {\"dependencies\": {\"qs\": \"6.7.0\"}},\n%s\n  }\n}\n", version, f.entry)
	f.mistyped = [][2]string{{`"6.7.0"}` + "\n", "6.7}\n"}, {`"6.7.0"}` + "\n", "{}}\n"}, {`{"version": "6.7.0"}`, `["6.7.0"]`}, {`{"version": "6.7.0"}`, `{"version": "6.7.0", "dependencies": "ms"}`},
		{fmt.Sprintf(`"lockfileVersion": %d`, version), `"lockfileVersion": {}`}, {`"packages": {`, `"packages": [{`}}
	f.deep = func(n int) string { return `{"lockfileVersion":3,"packages":` + strings.Repeat(`{"a":`, n) }
	f.many = func(n int) string {
		return `{"lockfileVersion":3,"packages":{` + repeat(n, func(i int) string { return fmt.Sprintf("\"node_modules/%d\":{},\n", i) }) + `"":{}}}`
	}
	return f
}

func forms() map[string]form {
	v1 := form{file: "package-lock.json", entry: `    "qs": {"version": "6.7.0"}`, inside: `"6.7.`}
	v1.text = "{\n  \"lockfileVersion\": 1,\n  \"dependencies\": {\n" + v1.entry + "\n  }\n}\n"
	v1.mistyped = [][2]string{{`"6.7.0"}`, "6.7}"}, {`{"version": "6.7.0"}`, "true"}, {`"dependencies": {` + "\n", `"dependencies": [{`}, {`{"version": "6.7.0"}`, `{"version": "6.7.0", "requires": ["ms"]}`}}
	v1.deep = func(n int) string {
		return `{"lockfileVersion":1,` + strings.Repeat(`"dependencies":{"a":{"version":"1.0.0",`, n)
	}
	v1.many = func(n int) string {
		return `{"lockfileVersion":1,"dependencies":{` + repeat(n, func(i int) string { return fmt.Sprintf("\"p%d\":{},\n", i) }) + `"q":{}}}`
	}
	yarn := form{file: "yarn.lock", text: "# yarn lockfile v1\n\n\nqs@6.7.0:\n  version \"6.7.0\"\n", entry: "qs@6.7.0:\n  version \"6.7.0\"", inside: `"6.7.`}
	yarn.mistyped = [][2]string{{`version "6.7.0"`, "version:\n    a \"b\""}, {`version "6.7.0"`, "version \"6.7.0\"\n  dependencies \"ms\""}, {`version "6.7.0"`, `version`}}
	yarn.deep = func(n int) string {
		return "# yarn lockfile v1\n" + repeat(min(n, 1000), func(i int) string { return strings.Repeat("  ", i) + "a:\n" })
	}
	yarn.many = func(n int) string {
		return "# yarn lockfile v1\n" + repeat(n, func(i int) string { return fmt.Sprintf("p%d@1:\n  version \"1.0.0\"\n", i) })
	}
	const resolved = "\"qs@npm:6.7.0\":\n  version: 6.7.0\n  resolution: \"qs@npm:6.7.0\""
	berry := form{file: "yarn.lock", text: "__metadata:\n  version: 8\n\n" + resolved + "\n", entry: resolved, inside: `n: "qs@npm:6.`}
	berry.mistyped = [][2]string{{`resolution: "qs@npm:6.7.0"`, "resolution: [x]"}, {resolved, "\"qs@npm:6.7.0\": x"}, {resolved, resolved + "\n  dependencies: ms"}}
	berry.deep = func(n int) string { return "__metadata:\n  version: 8\na: " + strings.Repeat("[", n) }
	berry.many = func(n int) string {
		return "__metadata:\n  version: 8\n" + repeat(n, func(i int) string { return fmt.Sprintf("p%d: {resolution: \"p%d@npm:1.0.0\"}\n", i, i) })
	}
	all := map[string]form{
		"package-lock 1": v1, "package-lock 2": npmForm("package-lock.json", 2), "package-lock 3": npmForm("package-lock.json", 3), "npm-shrinkwrap": npmForm("npm-shrinkwrap.json", 3),
		"yarn 1": yarn, "yarn berry": berry,
	}
	for version, key := range map[string]string{"5.4": "/qs/6.7.0", "6.0": "/qs@6.7.0", "9.0": "qs@6.7.0"} {
		entry := "  '" + key + "':\n    resolution: {integrity: sha512-x}"
		f := form{file: "pnpm-lock.yaml", entry: entry, text: "lockfileVersion: '" + version + "'\npackages:\n" + entry + "\n", inside: "{integrity: sha"}
		f.mistyped = [][2]string{{"packages:\n" + entry, "packages: x"}, {entry, "  '" + key + "': x"}, {entry, entry + "\n    dependencies: [ms]"}, {"'" + version + "'", "{}"}}
		f.deep = func(n int) string {
			return "lockfileVersion: '" + version + "'\npackages: " + strings.Repeat("{a: ", n)
		}
		f.many = func(n int) string {
			return "lockfileVersion: '" + version + "'\npackages:\n" + repeat(n, func(i int) string { return fmt.Sprintf("  /p%d@1.0.0: {}\n", i) })
		}
		all["pnpm "+version] = f
	}
	bun := form{file: "bun.lock", entry: `    "qs": ["qs@6.7.0", "", {}, "sha512-x"],`, inside: `"sha51`}
	bun.text = "{\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\"\": {\"dependencies\": {\"qs\": \"6.7.0\"}}},\n  \"packages\": {\n" + bun.entry + "\n  }\n}\n"
	bun.mistyped = [][2]string{{`["qs@6.7.0", "", {}, "sha512-x"]`, `{}`}, {`"qs@6.7.0"`, `[]`}, {`{"": {"dependencies"`, `{"x": 1, "": {"dependencies"`}, {"\"packages\": {\n", "\"packages\": [{"}}
	bun.deep = func(n int) string { return `{"lockfileVersion":1,"packages":` + strings.Repeat("[", n) }
	bun.many = func(n int) string {
		return `{"lockfileVersion":1,"workspaces":{"":{}},"packages":{` + repeat(n, func(i int) string { return fmt.Sprintf("\"p%d\":[\"p@1\"],\n", i) }) + `}}`
	}
	all["bun"] = bun
	return all
}

// check holds that a file is refused with its name, and its line where that is told.
func refused(t *testing.T, fault string, f form, text string, line bool) {
	t.Helper()
	found := readText(f.file, text)
	var e *lockfile.Error
	if len(found.Locks) > 0 || len(found.Errors) != 1 || !errors.As(found.Errors[0], &e) || e.File != f.file || line && e.Line < 1 {
		t.Errorf("%s: %d lockfiles, errors %v, want one error with file and line", fault, len(found.Locks), found.Errors)
	}
}

// Every format with every fault is an error of that file, and no lockfile.
func TestFaults(t *testing.T) {
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			whole := readText(f.file, f.text)
			if len(whole.Errors) > 0 || len(whole.Locks) != 1 || len(whole.Locks[0].Packages) != 1 || whole.Locks[0].Packages[0].Name != "qs" || whole.Locks[0].Packages[0].Version != "6.7.0" {
				t.Fatalf("the whole file = %+v, want qs 6.7.0", whole)
			}
			// These are one lockfile however they are written.
			for fault, text := range map[string]string{"byte order mark": "\ufeff" + f.text, "lines of DOS": strings.ReplaceAll(f.text, "\n", "\r\n"), "no last line end": strings.TrimRight(f.text, "\n")} {
				got := readText(f.file, text)
				if len(got.Errors) > 0 || len(got.Locks) != 1 || fmt.Sprint(got.Locks[0].Packages) != fmt.Sprint(whole.Locks[0].Packages) {
					t.Errorf("%s: %+v, want the same packages", fault, got)
				}
			}
			cut := strings.Index(f.text, f.inside) + len(f.inside)
			twice := strings.Replace(f.text, f.entry, f.entry+"\n"+f.entry, 1)
			if strings.HasSuffix(f.file, ".json") {
				twice = strings.Replace(f.text, f.entry, f.entry+",\n"+f.entry, 1)
			}
			at := strings.Index(f.text, f.entry)
			for fault, text := range map[string]string{
				"empty": "", "cut in a value": f.text[:cut], "key twice": twice, "merge": f.text[:at] + "<<<<<<< HEAD\n" + f.entry + "\n=======\n" + f.entry + "\n>>>>>>> main\n",
				"nul": f.text[:cut] + "\x00" + f.text[cut:], "no UTF-8": f.text[:cut] + "\xff" + f.text[cut:], "UTF-16": "\xff\xfe{\x00", "name too long": strings.ReplaceAll(f.text, "qs", strings.Repeat("q", 5000)),
				"version too long": strings.ReplaceAll(f.text, "6.7.0", strings.Repeat("6", 5000)), "deep": f.deep(100_000), "something else": "<!DOCTYPE html>\n<p>502 Bad Gateway</p>\n",
			} {
				refused(t, fault, f, text, fault != "empty")
			}
			for _, c := range f.mistyped {
				if text := strings.Replace(f.text, c[0], c[1], 1); text == f.text {
					t.Errorf("the file has no %q", c[0])
				} else {
					refused(t, "of a wrong type: "+c[1], f, text, true)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, n := range []int{250_000, 900_000} {
				text := f.many(n)
				runtime.ReadMemStats(&before)
				refused(t, fmt.Sprintf("%d entries", n), f, text, n < 900_000)
				runtime.ReadMemStats(&after)
				if used := after.TotalAlloc - before.TotalAlloc; used > 160<<20 {
					t.Errorf("%d entries: %d MiB were allocated, want at most 160", n, used>>20)
				}
			}
		})
	}
}

func TestFaultsOfGo(t *testing.T) {
	const mod, sum, work = "module m\n\ngo 1.25\n\nrequire a.test/x v1.0.0\n", "a.test/x v1.0.0 h1:AA=\n", "go 1.25\n\nuse ./a\n"
	for fault, c := range map[string]struct{ mod, sum, work, want string }{
		"mod of wrong type":  {"module m\n\ngo [\n", sum, "", "go.mod:3: "},
		"mod nul":            {"module m\x00\n", sum, "", "go.mod:1: holds bytes"},
		"mod no UTF-8":       {"module m\n// \xff\n", sum, "", "go.mod:2: holds bytes"},
		"mod cut":            {"module m\n\nrequire (\n\ta.test/x v1.0.0\n", sum, "", "go.mod:"},
		"mod long":           {"module m\n\nrequire a.test/" + strings.Repeat("x", 5000) + " v1.0.0\n", "", "", "go.mod:3: has a name"},
		"sum twice":          {mod, sum + "a.test/x v1.0.0 h1:BB=\n", "", "go.sum:2: has two checksums"},
		"sum merge":          {mod, "<<<<<<< HEAD\n" + sum, "", "go.sum:1: is in the middle of a merge"},
		"sum cut":            {mod, "a.test/x v1.0.0\n", "", "go.sum:1: is no line of MODULE VERSION HASH"},
		"sum nul":            {mod, sum + "\x00", "", "go.sum:2: holds bytes"},
		"sum of many lines":  {mod, strings.Repeat("a v1 h1:=\n", 1_000_001), "", "go.sum:1000001: has more than a million lines"},
		"work":               {mod, sum, "use (\n", "go.work:"},
		"work merge":         {mod, sum, "<<<<<<< HEAD\n", "go.work:1: is in the middle of a merge"},
		"work leads out":     {mod, sum, "go 1.25\n\nuse ../b\n", "go.work:3: uses \"../b\", which is outside"},
		"work leads nowhere": {mod, sum, work, "go.work:3: uses \"./a\", which has no go.mod"},
	} {
		fsys := fstest.MapFS{"go.mod": {Data: []byte(c.mod)}, "go.sum": {Data: []byte(c.sum)}}
		if c.work != "" {
			fsys["go.work"] = &fstest.MapFile{Data: []byte(c.work)}
		}
		found := lockfile.Read(fsys)
		if len(found.Errors) != 1 || !strings.HasPrefix(found.Errors[0].Error(), c.want) {
			t.Errorf("%s: errors %v, want one with %q", fault, found.Errors, c.want)
		}
	}
	found := lockfile.Read(fstest.MapFS{"go.work": {Data: []byte(work)}, "a/go.mod": {Data: []byte(mod)}, "a/go.sum": {Data: []byte(sum)}})
	if len(found.Errors) > 0 || len(found.Locks) != 1 || found.Locks[0].File != "a/go.mod" || found.Locks[0].Packages[1].Origin.Sum != "h1:AA=" {
		t.Errorf("a workspace = %+v, want the module that it uses", found)
	}
}
