package fix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/internal/need"
)

func TestSetJSON(t *testing.T) {
	for _, c := range []struct{ name, text, path, value, want string }{
		{"replaces", `{"a": {"b" : "1", "c": "2"}}`, "a.b", "9", `{"a": {"b" : "9", "c": "2"}}`},
		{"adds with the file's indent", "{\n\t\"a\": {\n\t\t\"b\": \"1\"\n\t}\n}\n", "a.c", "9", "{\n\t\"a\": {\n\t\t\"b\": \"1\",\n\t\t\"c\": \"9\"\n\t}\n}\n"},
		{"makes objects", "{\n  \"a\": 1\n}\n", "x.y.z", "9", "{\n  \"a\": 1,\n  \"x\": {\n    \"y\": {\n      \"z\": \"9\"\n    }\n  }\n}\n"},
		{"fills an empty object", `{"a": {}}`, "a.b", "9", "{\"a\": {\n  \"b\": \"9\"\n}}"},
		{"keeps what looks like it", `{"b": {"a": "x"}, "s": "a", "a": "1"}`, "a", "<9>", `{"b": {"a": "x"}, "s": "a", "a": "<9>"}`},
		{"keeps the line ends of DOS", "{\r\n  \"a\": 1\r\n}\r\n", "x.y", "9", "{\r\n  \"a\": 1,\r\n  \"x\": {\r\n    \"y\": \"9\"\r\n  }\r\n}\r\n"},
		{"keeps the mark of an editor", "\ufeff{\"a\": \"1\"}", "a", "9", "\ufeff{\"a\": \"9\"}"},
		{"is no object", `["a"]`, "a", "9", ""},
		{"is no text", `{"a": 1}`, "a", "9", ""},
		{"is no object on the way", `{"a": "1"}`, "a.b", "9", ""},
		{"is no JSON", `{"a": `, "a", "9", ""},
	} {
		got, err := setJSON([]byte(c.text), strings.Split(c.path, "."), c.value)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: setJSON(%s, %s) = %s, %v, want %s", c.name, c.text, c.path, got, err, c.want)
		}
	}
}

func FuzzSetJSON(f *testing.F) {
	f.Add(`{"a": {"b": "1"}}`, "a", "b", "2")
	f.Add(`{"a":1}`, "x", "y", "é\"\\")
	f.Fuzz(func(t *testing.T, text, a, b, value string) {
		got, err := setJSON([]byte(text), []string{a, b}, value)
		if err != nil || !json.Valid([]byte(text)) || !utf8.ValidString(a+b) {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("setJSON(%q) = %q, which is no JSON", text, got)
		}
		have, ok := getJSON(got, a, b)
		want, _ := getJSON([]byte(quoteJSON(value)))
		if !ok || have != want {
			t.Fatalf("setJSON(%q) = %q, where %q.%q is %q, want %q", text, got, a, b, have, want)
		}
	})
}

func TestDropJSON(t *testing.T) {
	for _, c := range [][2]string{
		{`{"a": 1, "packageManager": "yarn@4", "b": 2}`, `{"a": 1,  "b": 2}`},
		{`{"packageManager": "yarn@4"}`, `{}`},
		{`{"a": 1, "packageManager": "yarn@4"}`, `{"a": 1}`},
		{`{"a": {"packageManager": "x"}}`, `{"a": {"packageManager": "x"}}`},
		{`{"packageManager": "yarn@4", "b": 2, "packageManager": "yarn@5"}`, `{ "b": 2}`},
		{`{"package\u004danager": "yarn@4", "b": [1]}`, `{ "b": [1]}`},
		{`["packageManager"]`, `["packageManager"]`},
	} {
		if got := string(dropJSON([]byte(c[0]), "packageManager")); got != c[1] {
			t.Errorf("dropJSON(%s) = %s, want %s", c[0], got, c[1])
		}
	}
}

func TestRespec(t *testing.T) {
	for _, c := range [][2]string{
		{"^1.0.0", "^2.0.0"}, {"~1.0.0", "~2.0.0"}, {"1.0.0", "2.0.0"}, {"=1.0.0", "=2.0.0"}, {"v1.0.0", "v2.0.0"}, {"1.x", "^2.0.0"}, {"", "^2.0.0"}, {"*", "^2.0.0"}, {">=1 <2", "^2.0.0"},
		{"npm:query@1.0.0", "npm:query@2.0.0"}, {"npm:@s/query@~1.0.0", "npm:@s/query@~2.0.0"}, {"latest", "^2.0.0"}, {"npm:^1.0.0", "npm:^2.0.0"},
	} {
		if got := respec(c[0], "2.0.0"); got != c[1] {
			t.Errorf("respec(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

func TestTame(t *testing.T) {
	got := string(tame("pnpm-workspace.yaml", []byte("packages:\n- 'a/*'\n  # x\nconfigDependencies:\n  evil: 1\n\"pnpmfile\": x\noverrides:\n  a: 1\nnodeOptions: --require ./x\n")))
	if want := "packages:\n- 'a/*'\n  # x\noverrides:\n  a: 1\n"; got != want {
		t.Errorf("tame = %q, want %q", got, want)
	}
	// A lone CR ends a line of YAML.
	if got := string(tame("pnpm-workspace.yaml", []byte("packages: [a]\rconfigDependencies:\r  evil: 1\r"))); got != "packages: [a]\n" {
		t.Errorf("tame = %q, want the packages alone", got)
	}
	if got := string(tame("package.json", []byte(`{"devEngines": {"packageManager": {"name": "pnpm"}, "a": 1}}`))); got != `{"devEngines": { "a": 1}}` {
		t.Errorf("tame = %q, want no package manager", got)
	}
	rc := pairsOf([]byte("legacy-peer-deps=true\nregistry=https://evil\n@s:registry=x\nnode-options=--x\nlegacy-peer-deps=$(x)\nomit-lockfile-registry-resolved = true\r\n"), "=", npmSettings)
	if want := "legacy-peer-deps= true\nomit-lockfile-registry-resolved= true\n"; rc != want {
		t.Errorf("pairsOf = %q, want %q", rc, want)
	}
}

// Differences are those that patch takes.
func TestDiffIsAPatch(t *testing.T) {
	patch := need.Program(t, "git")
	texts := []string{"", "a\n", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "x\na\nb\nd\ne\nf\nG\nh\ni\nj", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n", strings.Repeat("same\n", 40) + "end\n", "new\n" + strings.Repeat("same\n", 39) + "end"}
	for i, old := range texts {
		for j, now := range texts {
			if i == j || old == "" || now == "" {
				continue
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "f"), []byte(old), 0o600); err != nil {
				t.Fatal(err)
			}
			d := diff("f", []byte(old), []byte(now))
			cmd := exec.Command(patch, "apply", "-")
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(d)
			cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%d to %d: %v %s\n%s", i, j, err, out, d)
			}
			got, err := os.ReadFile(filepath.Join(dir, "f"))
			if err != nil || string(got) != now {
				t.Errorf("%d to %d: patched to %q, want %q\n%s", i, j, got, now, d)
			}
		}
	}
}

func FuzzDiff(f *testing.F) {
	f.Add("a\nb\n", "b\nc")
	f.Fuzz(func(t *testing.T, old, now string) {
		var a, b strings.Builder
		for _, e := range edits(splitLines([]byte(old)), splitLines([]byte(now))) {
			if e.kind != '+' {
				a.WriteString(e.text)
			}
			if e.kind != '-' {
				b.WriteString(e.text)
			}
		}
		if a.String() != old || b.String() != now {
			t.Fatalf("edits of %q and %q are of %q and %q", old, now, a.String(), b.String())
		}
	})
}

func TestReadPatch(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.js": "one\ntwo\nthree\nfour\n", "twice.js": "x\nx\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "out.js")
	if err := os.WriteFile(outside, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.js")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	head := func(name string) string { return "--- a/" + name + "\n+++ b/" + name + "\n" }
	for _, c := range []struct{ name, text, want string }{
		{"two hunks", head("a.js") + "@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n@@ -4 +4 @@\n-four\n+FOUR\n", ""},
		{"outside", head("../out.js") + "@@ -1 +1 @@\n-one\n+two\n", "no file below the folder"},
		{"absolute", "--- " + outside + "\n+++ " + outside + "\n@@ -1 +1 @@\n-one\n+two\n", "no file below the folder"},
		{"link", head("link.js") + "@@ -1 +1 @@\n-one\n+two\n", "no regular file"},
		{"linked folder", head("linked/out.js") + "@@ -1 +1 @@\n-one\n+two\n", "path escapes"},
		{"journal", head(Journal+"/0") + "@@ -1 +1 @@\n-one\n+two\n", "no file below the folder"},
		{"made", "--- /dev/null\n+++ b/new.js\n@@ -0,0 +1 @@\n+x\n", "made or removed"},
		{"other text", head("a.js") + "@@ -1 +1 @@\n-1\n+2\n", "is not there, or more than once"},
		{"twice", head("twice.js") + "@@ -1 +1 @@\n-x\n+y\n", "is not there, or more than once"},
		{"absent", head("no.js") + "@@ -1 +1 @@\n-x\n+y\n", "another folder"},
		{"short", head("a.js") + "@@ -1,9 +1 @@\n-one\n", "ends early"},
		{"empty", "", "no unified diff"},
	} {
		p, err := ReadPatch(dir, []byte(c.text))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := p.Apply(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		p.Close()
		if got, _ := os.ReadFile(filepath.Join(dir, "a.js")); string(got) != "ONE\ntwo\nthree\nFOUR\n" {
			t.Errorf("%s: the file is %q", c.name, got)
		}
	}
}

func FuzzReadPatch(f *testing.F) {
	f.Add([]byte("--- a/a.js\n+++ b/a.js\n@@ -1 +1 @@\n-one\n+two\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := parsePatch(text)
		for _, p := range files {
			if err == nil && !filepath.IsLocal(p.name) {
				t.Fatalf("parsePatch(%q) names %q", text, p.name)
			}
		}
	})
}

func FuzzPackument(f *testing.F) {
	f.Add([]byte(`{"versions": {"1.0.0": {"dependencies": [], "deprecated": "x", "dist": {"tarball": "https://r/a/-/a-1.0.0.tgz"}}}, "dist-tags": {"latest": "1.0.0"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := readPackument("a", text)
		if err != nil {
			return
		}
		s := &showcase{base: "http://127.0.0.1:1/", own: true, tarballs: map[string]tarball{}, hide: func(_, v string) bool { return v == "1.0.0" }}
		shown, err := s.shown("a", p)
		if err != nil {
			return
		}
		again, err := readPackument("a", shown)
		if err != nil || again.Versions["1.0.0"] != nil {
			t.Fatalf("shown(%q) = %q, %v", text, shown, err)
		}
	})
}

func FuzzNotes(f *testing.F) {
	f.Add("upstream: :3000\nignore:\n- id: x\n", "GHSA-1", "because: # not\n")
	f.Fuzz(func(t *testing.T, text, id, reason string) {
		n := Notes{Ignores: []Ignore{{ID: id, Path: "*", Reason: reason, Until: "2026-12-31"}}}
		now, err := n.add(text)
		if err == nil && !bytes.Contains([]byte(now), []byte(fmt.Sprintf("id: %s", quoteJSON(id)))) {
			t.Fatalf("add(%q) = %q, without the note", text, now)
		}
	})
}

func TestPackageName(t *testing.T) {
	for name, want := range map[string]bool{"web": true, "@s/web": true, "../web": false, "a/b": false, "@s/../x": false, "": false, "@s": false, "a b": false, "a?b": false, ".x": false, "@s/.x": false, "http://x": false} {
		if got := packageName(name); got != want {
			t.Errorf("packageName(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestWhatLeadsOut(t *testing.T) {
	for spec, want := range map[string]bool{
		"^1.0.0": false, "~1.0.0": false, "~1": false, "npm:a@^1": false, "latest": false, "": false, "*": false, "workspace:^": false, "workspace:~": false, "workspace:*": false,
		"file:../b": false, "link:../../x": true, "file:./x.tgz": false, "file:../../b": true, "portal:/etc": true, "file:/etc": true, "file:///etc": true, "../b": false, "../../b": true,
		"/etc": true, "~/x": true, "file:~/x": true, "C:\\x": true, "c:/x": true, "..\\..\\x": true, "file:%2e%2e/%2e%2e/x": true, "FILE:../../x": true, "workspace:../../x": true,
		"git+https://h/../../x": false, "github:a/b": false, "https://h/x.tgz": false, "patch:a@npm:1#~/.yarn/patches/a.patch": false, "patch:a@npm:1#../../x.patch": true, "patch:a@1#/etc/x": true,
		"exec:./x": true, "a/b": false,
	} {
		if err := specsInside("packages/a/..", "x", spec, false); (err != nil) != want {
			t.Errorf("%q leads out: %v, want %v", spec, err, want)
		}
	}
	for text, want := range map[string]bool{
		`{"workspaces": ["packages/*"]}`: false, `{"workspaces": ["{..,x}/../*"]}`: true, `{"workspaces": {"packages": ["/home/*"]}}`: true, `{"workspaces": ["a", "!b/**"]}`: false,
		`{"pnpm": {"patchedDependencies": {"a@1": "../x.patch"}}}`: true, `{"overrides": {"a": {"b": "$b", "c": "file:/x"}}}`: true, `{"overrides": {"a": "$a"}}`: false,
		`{"resolutions": {"a": "exec:./a.tgz"}}`: true, `{"scripts": {"test": "../x"}}`: false, `{"dependencies": 1}`: false, `nothing`: false,
	} {
		if err := manifestInside(".", []byte(text)); (err != nil) != want {
			t.Errorf("%s leads out: %v, want %v", text, err, want)
		}
	}
	for text, want := range map[string]bool{
		"packages:\n  - packages/*\n  - '!**/test/**'\n": false, "packages: ['../*']": true, "packages:\n- /home/*": true, "packages:\n- \"\\x2e./x\"": true,
		"overrides:\n  a: link:../x": true, "overrides:\n  a: '>=1.0.0 <2'": false, "overrides:\n  a: link:/x": true, "catalog:\n  a: ^1.0.0": false,
	} {
		if err := workspaceInside([]byte(text)); (err != nil) != want {
			t.Errorf("%q leads out: %v, want %v", text, err, want)
		}
	}
}
