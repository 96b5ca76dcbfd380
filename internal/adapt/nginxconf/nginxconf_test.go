package nginxconf_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
	"github.com/panoplysec/panoply/internal/need"
)

// tree writes directives as Go would a list, for comparison.
func tree(all []*nginxconf.Directive) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%d%q", d.Line, append([]string{d.Name}, d.Args...))
		if d.HasBlock {
			b.WriteString("{" + tree(d.Block) + "}")
		}
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"comments", "# a; {\nuser www; # b }\n", `2["user" "www"]`},
		{"nested", "http {\n server {\n  listen 80;\n }\n}", `1["http"]{2["server"]{3["listen" "80"]}}`},
		{"quotes", `add_header X "a; {b} # c" 'd"e';`, `1["add_header" "X" "a; {b} # c" "d\"e"]`},
		{"escapes", `a "x\"y\\z\n\q";` + "\n" + `b \;\ c;`, `1["a" "x\"y\\z\n\\q"]2["b" "\\;\\ c"]`},
		{"variables", "a ${b}c$d;", `1["a" "${b}c$d"]`},
		{"no space", "a{b c;}d;", `1["a"]{1["b" "c"]}1["d"]`},
		{"hash within", "a b#c;", `1["a" "b#c"]`},
		{"regex", `location ~ \.php$ { }`, `1["location" "~" "\\.php$"]{}`},
		{"empty word", `a "";`, `1["a" ""]`},
		{"lua", "a_by_lua_block {\n local t = {'}', \"}\\\"\"} -- }\n --[[ }\n ]] x = [=[ } ]=]\n}\nb;", `1["a_by_lua_block"]{}6["b"]`},
		{"quoted over lines", "a 'b\nc';\nd;", `1["a" "b\nc"]3["d"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := nginxconf.Parse("f", []byte(tt.in))
			if err != nil || tree(got) != tt.want {
				t.Errorf("Parse(%q) = %s, %v, want %s", tt.in, tree(got), err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"a":                       "f:1: unexpected end of file, a ; or } is missing",
		"a {":                     "f:1: unexpected end of file, a } is missing",
		"\n}":                     "f:2: unexpected }",
		"a { b }":                 "f:1: unexpected }",
		"a 'b":                    "f:1: unexpected end of file in a quoted word",
		"a 'b'c;":                 `f:1: unexpected 'c' after a quoted word`,
		";":                       `f:1: unexpected ";"`,
		"x_by_lua_block { '}":     "f:1: unexpected end of file in a block of Lua",
		strings.Repeat("a {", 40): "f:1: blocks nest deeper than 32",
	} {
		if _, err := nginxconf.Parse("f", []byte(in)); err == nil || err.Error() != want {
			t.Errorf("Parse(%.20q) = %v, want %s", in, err, want)
		}
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadIncludes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"nginx.conf":    "http { include conf.d/*.conf; include none/*.conf; }",
		"conf.d/b.conf": "b;",
		// Relative to the main file, not to this one.
		"conf.d/a.conf":   "a; include snippets/s.conf;",
		"snippets/s.conf": "s;",
		"loop.conf":       "include loop.conf;",
		"missing.conf":    "\ninclude gone.conf;",
		"wide.conf":       "include wide.d/*;",
		"wide.d/1":        strings.Repeat("include wide.d/2;", 40),
		"wide.d/2":        strings.Repeat("include snippets/s.conf;", 40),
	})
	got, err := nginxconf.Load(filepath.Join(dir, "nginx.conf"))
	if want := `1["http"]{1["a"]1["s"]1["b"]}`; err != nil || tree(got) != want {
		t.Errorf("Load = %s, %v, want %s", tree(got), err, want)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"loop.conf": "nest deeper", "missing.conf": "missing.conf:2: includes", "wide.conf": "more than 1000 files", "folder": "is no file", "none.conf": "cannot be read",
	} {
		if _, err := nginxconf.Load(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %s", name, err, want)
		}
	}
}

// nginx itself says which texts are configurations: what it takes, Parse takes, and the
// words are those that nginx complains of.
func TestParseAsNginxDoes(t *testing.T) {
	nginx := need.Program(t, "nginx")
	dir := t.TempDir()
	name := filepath.Join(dir, "t.conf")
	test := func(text string) (string, error) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(nginx, "-t", "-q", "-p", dir, "-c", name, "-g", "pid "+dir+"/p;").CombinedOutput()
		return string(out), err
	}
	for _, word := range []string{`a`, `"a b"`, `'a"b'`, `a\ b`, `a\;b`, `"a\"b"`, `'a\'b'`, `a#b`, `a\\b`, `"\t"`, `"a;b{c}"`, `a}b`, `a"b`, `${a`, `${a}`, `"x\y"`, `a'b'`} {
		// The name of an unknown directive is shown as nginx has read it.
		out, err := test("events {}\nhttp { " + word + "; }")
		got, ours := nginxconf.Parse("f", []byte("events {}\nhttp { "+word+"; }"))
		if err == nil {
			t.Fatalf("nginx takes the directive %s", word)
		}
		_, rest, known := strings.Cut(out, `unknown directive "`)
		if known != (ours == nil) {
			t.Errorf("%s: nginx says %q, Parse %v", word, out, ours)
			continue
		}
		if shown := strings.LastIndex(rest, `" in `); known && got[1].Block[0].Name != rest[:shown] {
			t.Errorf("%s is %q, nginx says %q", word, got[1].Block[0].Name, rest[:shown])
		}
	}
	for _, text := range []string{"events {}\nhttp { server { listen 127.0.0.1:1; } }", "events {", "events {} }", "events {}}", "events { ; }", `error_log "a`, `error_log 'a'b;`} {
		_, err := test(text)
		if _, ours := nginxconf.Parse("f", []byte(text)); (err == nil) != (ours == nil) {
			t.Errorf("%q: nginx says %v, Parse %v", text, err, ours)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"http { server { listen 443 ssl; } }", `a "b\"";`, "x_by_lua_block { [=[ }", "a ${b}", "#", "a 'b'c;"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := nginxconf.Parse("f", text)
		if err != nil {
			return
		}
		// Written out with quotes and read again, it is the same.
		var b strings.Builder
		writeOut(&b, got)
		again, err := nginxconf.Parse("f", []byte(b.String()))
		if err != nil || !slices.Equal(words(got), words(again)) {
			t.Errorf("%q was read as %q, and as %q from %q, %v", text, words(got), words(again), b.String(), err)
		}
	})
}

func writeOut(b *strings.Builder, all []*nginxconf.Directive) {
	for _, d := range all {
		for _, w := range append([]string{d.Name}, d.Args...) {
			b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `" `)
		}
		switch {
		case strings.HasSuffix(d.Name, "_by_lua_block") && d.HasBlock:
			b.WriteString("{}")
		case d.HasBlock:
			b.WriteString("{")
			writeOut(b, d.Block)
			b.WriteString("}")
		default:
			b.WriteString(";")
		}
	}
}

func words(all []*nginxconf.Directive) []string {
	var out []string
	for _, d := range all {
		out = append(append(out, d.Name), d.Args...)
		if d.HasBlock {
			out = append(append(append(out, "{"), words(d.Block)...), "}")
		}
		out = append(out, ";")
	}
	return out
}
