package caddyconf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/adapt/caddyconf"
)

func tree(all []*caddyconf.Directive) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%d%q", d.Line, append([]string{d.Name}, d.Args...))
		if d.HasBlock {
			b.WriteString("{" + tree(d.Block) + "}")
		}
	}
	return b.String()
}

func whole(f *caddyconf.File) string {
	var b strings.Builder
	if len(f.Global) > 0 {
		b.WriteString("global{" + tree(f.Global) + "}")
	}
	for _, s := range f.Sites {
		fmt.Fprintf(&b, "%q{%s}", s.Addresses, tree(s.Block))
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"no braces", "localhost\nreverse_proxy :3000 # app\n", `["localhost"]{2["reverse_proxy" ":3000"]}`},
		{"block without a site's braces", "localhost\nhandle /a {\n respond b\n}", `["localhost"]{2["handle" "/a"]{3["respond" "b"]}}`},
		{"addresses", "a.example, b.example,\nc.example {\n}", `["a.example" "b.example" "c.example"]{}`},
		{"global", "{\n email a@b.example\n}\na {\n}", `global{2["email" "a@b.example"]}["a"]{}`},
		{"quotes", "a {\n respond \"x \\\"y\\\" {\n}\" `z \"`\n log\n}", `["a"]{2["respond" "x \"y\" {\n}" "z \""]4["log"]}`},
		{"placeholders", "a {\n redir https://{host}{uri} {$CODE:301}\n}", `["a"]{2["redir" "https://{host}{uri}" "{$CODE:301}"]}`},
		{"continued", "a {\n header \\\n  X y\n}", `["a"]{2["header" "X" "y"]}`},
		{"hash within", "a {\n redir /x#y\n}", `["a"]{2["redir" "/x#y"]}`},
		{"heredoc", "a {\n respond <<END\n  hi\n    {there}\n  END 200\n log\n}", `["a"]{2["respond" "hi\n  {there}" "200"]6["log"]}`},
		{"no heredoc", "a {\n x << y\n}", `["a"]{2["x" "<<" "y"]}`},
		{"snippet", "(s) {\n header X {args[0]}\n respond {args[:]}\n}\na {\n import s one two\n}", `["a"]{2["header" "X" "one"]3["respond" "one" "two"]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := caddyconf.Parse("f", []byte(tt.in))
			if err != nil || whole(got) != tt.want {
				t.Errorf("Parse(%q) = %v, %v, want %s", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"a {":                                    "f:1: unexpected end of file, a } is missing",
		"}":                                      "f:1: unexpected }",
		"a {\n x { y\n}\n}":                      `f:2: unexpected "y" after {`,
		"a {\n x {\n } y\n}":                     `f:3: unexpected "y" after }`,
		"a {\n \"b\n":                            "f:2: unexpected end of file in a quoted word",
		"a {\n `b\n":                             "f:2: unexpected end of file in a quoted word",
		"a {\n b <<C\n":                          "f:2: unexpected end of file before C",
		"a {\n}\nb\n":                            "f:3: a block is missing: b",
		"a {\n}\n{\n}":                           "f:3: a block without an address",
		"(s) {\n import s\n}\na {\n import s\n}": "f:2: imports nest deeper than 32",
		strings.Repeat("a {\n", 40):              "f:33: blocks nest deeper than 32",
		"(s) {\n" + strings.Repeat("import t\n", 400) + "}\n(t) {\n" + strings.Repeat("import u\n", 400) + "}\n(u) {\n a\n}\nb {\n import s\n}": "f:741: there are more than 100000 directives or 1000000 words",
	} {
		if _, err := caddyconf.Parse("f", []byte(in)); err == nil || err.Error() != want {
			t.Errorf("Parse(%.20q) = %v, want %s", in, err, want)
		}
	}
}

func TestLoadImports(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Caddyfile": "import sites/*.caddy\nimport none/*\n", "sites/b.caddy": "b {\n}\n", "sites/a.caddy": "a {\n import ../part\n}\n", "part": "log\n",
		"loop": "import loop\n", "missing": "a {\n import gone\n}\n", "pipe": "import folder\n", "folder/x": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := caddyconf.Load(filepath.Join(dir, "Caddyfile"))
	if err != nil || whole(got) != `["a"]{1["log"]}["b"]{}` {
		t.Errorf("Load = %v, %v", got, err)
	}
	for name, want := range map[string]string{"loop": "nest deeper", "missing": "missing:2: imports gone", "pipe": "is no file", "none": "cannot be read"} {
		if _, err := caddyconf.Load(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %s", name, err, want)
		}
	}
}

// What is read can be written out and read again as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a {\n reverse_proxy :3000\n}", "(s) {\n x {args[0]}\n}\na {\n import s y\n}", "a\nb <<C\n d\nC", "{\n e f\n}\na, b {\n}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := caddyconf.Parse("f", text)
		if err != nil || strings.ContainsRune(string(text), '`') {
			return
		}
		var b strings.Builder
		for _, s := range got.Sites {
			if len(s.Addresses) == 0 {
				return
			}
			b.WriteString("s")
			writeOut(&b, s.Block, true)
		}
		again, err := caddyconf.Parse("f", []byte(b.String()))
		if err != nil {
			t.Fatalf("%q was read, and written as %q, which is not: %v", text, b.String(), err)
		}
		for i, s := range got.Sites {
			if names(s.Block) != names(again.Sites[i].Block) {
				t.Errorf("%q was read as %s, and again as %s", text, names(s.Block), names(again.Sites[i].Block))
			}
		}
	})
}

func writeOut(b *strings.Builder, all []*caddyconf.Directive, open bool) {
	if !open {
		b.WriteString("\n")
		return
	}
	b.WriteString(" {\n")
	for _, d := range all {
		for i, w := range append([]string{d.Name}, d.Args...) {
			if i > 0 || w != "" || len(d.Args) > 0 || !d.HasBlock {
				b.WriteString("`" + w + "` ")
			}
		}
		writeOut(b, d.Block, d.HasBlock)
	}
	b.WriteString("}\n")
}

func names(all []*caddyconf.Directive) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%q%v{%s}", append([]string{d.Name}, d.Args...), d.HasBlock, names(d.Block))
	}
	return b.String()
}
