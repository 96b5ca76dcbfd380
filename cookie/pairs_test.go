package cookie_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/cookie"
)

func collect(lines ...string) []string {
	var all []string
	for name, value := range cookie.Pairs(lines) {
		all = append(all, name+"|"+value)
	}
	return all
}

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"none", nil, nil},
		{"two lines", []string{"a=1; b=2", "c=3"}, []string{"a|1", "b|2", "c|3"}},
		{"every duplicate", []string{"a=1; a=2"}, []string{"a|1", "a|2"}},
		{"space, comma, quote", []string{`a=x y; b=1,2; c="q; d=\`}, []string{"a|x y", "b|1,2", `c|"q`, `d|\`}},
		{"name that is no token", []string{"a b=1; (x)=2; a@b=3"}, []string{"a b|1", "(x)|2", "a@b|3"}},
		{"bytes beyond ASCII", []string{"ü=\xff"}, []string{"ü|\xff"}},
		{"no cookie", []string{"a; ;; b=1;"}, []string{"b|1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := collect(c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("Pairs(%q) = %q, want %q", c.lines, got, c.want)
			}
		})
	}
}

func TestLookupTakesTheFirst(t *testing.T) {
	if got, ok := cookie.Lookup([]string{"b=0; a=1", "a=2"}, "a"); got != "1" || !ok {
		t.Errorf(`Lookup(a) = %q, %t, want "1", true`, got, ok)
	}
	if got, ok := cookie.Lookup([]string{"A=1"}, "a"); ok {
		t.Errorf("Lookup(a) = %q, true, want none: names are case-sensitive", got)
	}
}

func TestRewrite(t *testing.T) {
	rename := func(from, to string) func(string, string) (string, string, bool) {
		return func(name, value string) (string, string, bool) {
			if name == from {
				name = to
			}
			return name, value, true
		}
	}
	drop := func(which string) func(string, string) (string, string, bool) {
		return func(name, value string) (string, string, bool) { return name, value, name != which }
	}
	for _, c := range []struct {
		name    string
		lines   []string
		edit    func(string, string) (string, string, bool)
		want    string
		changed bool
	}{
		{"nothing to do", []string{"a=1;b=2"}, rename("x", "y"), "", false},
		{"only the name differs", []string{` a=1;b = "x y" ;;junk;c=3 `}, rename("b", "longer"), `a=1;longer = "x y" ;;junk;c=3 `, true},
		{"every duplicate", []string{"a=1; a=2"}, rename("a", "b"), "b=1; b=2", true},
		{"drop the first", []string{"a=1; b=2; c=3"}, drop("a"), "b=2; c=3", true},
		{"drop the last", []string{"a=1; b=2; c=3"}, drop("c"), "a=1; b=2", true},
		{"drop all", []string{"a=1; a=2"}, drop("a"), "", true},
		{"lines are joined", []string{"a=1", "b=2", " c=3"}, rename("b", "x"), "a=1; x=2; c=3", true},
		{"a dropped line leaves no gap", []string{"a=1", "b=2; c=3"}, drop("b"), "a=1; c=3", true},
		{"a name that would split", []string{"a=1; b=2"}, rename("a", "x;y"), "", false},
		{"a name that would break the line", []string{"a=1"}, rename("a", "x\r\ny"), "", false},
		{"a name with an equals sign", []string{"a=1"}, rename("a", "x=y"), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, changed := cookie.Rewrite(c.lines, c.edit)
			if got != c.want || changed != c.changed {
				t.Errorf("Rewrite(%q) = %q, %t, want %q, %t", c.lines, got, changed, c.want, c.changed)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for raw, want := range map[string]string{
		"":                "",
		"plain":           "plain",
		`"quoted"`:        "quoted",
		`"`:               "",
		`"half`:           `"half`,
		"a%20b":           "a b",
		"%e4%bd%a0":       "你",
		"%E4%BD":          "%E4%BD",
		"%E4%BDx":         "%E4%BDx",
		"%80":             "%80",
		"%ED%A0%80":       "%ED%A0%80", // a lone surrogate
		"\xc3%A9":         "\xc3%A9",   // an escape does not complete a raw byte
		"%":               "%",
		"%4":              "%4",
		"%zz":             "%zz",
		"ok%20bad%":       "ok%20bad%",
		"%F0%9F%98%80%41": "😀A",
	} {
		if got := cookie.Decode(raw); got != want {
			t.Errorf("Decode(%q) = %q, want %q", raw, got, want)
		}
	}
}

// FuzzRewrite holds that what edit does not touch keeps its bytes, and that what it does
// touch is read back as given, in the same order, with no new cookie beside it.
func FuzzRewrite(f *testing.F) {
	for _, c := range vectors(f).CookieParse {
		f.Add(c.Header, "b=2", "a", "__Host-abcdef")
	}
	f.Add("a=1;;a=2; x", "", "a", "b;c")
	f.Fuzz(func(t *testing.T, line1, line2, from, to string) {
		lines := []string{line1, line2}
		before := collect(lines...)
		if got, changed := cookie.Rewrite(lines, func(n, v string) (string, string, bool) { return n, v, true }); changed {
			t.Fatalf("Rewrite(%q) without a change = %q", lines, got)
		}
		var want []string
		header, changed := cookie.Rewrite(lines, func(n, v string) (string, string, bool) {
			if n == from {
				n = to
			}
			return n, v, true
		})
		if !changed {
			return
		}
		for _, pair := range before {
			if rest, ok := strings.CutPrefix(pair, from+"|"); ok && !strings.Contains(from, "|") {
				pair = to + "|" + rest
			}
			want = append(want, pair)
		}
		if got := collect(header); !strings.Contains(from, "|") && !slices.Equal(got, want) {
			t.Fatalf("Rewrite(%q, %q to %q) = %q: reads as %q, want %q", lines, from, to, header, got, want)
		}
		if strings.ContainsAny(header, "\r\n") && !strings.ContainsAny(line1+line2, "\r\n") {
			t.Fatalf("Rewrite(%q, %q to %q) = %q: a new line break", lines, from, to, header)
		}
		if n := strings.Count(line1, ";") + strings.Count(line2, ";") + 1; strings.Count(header, ";") > n {
			t.Fatalf("Rewrite(%q, %q to %q) = %q: a new semicolon", lines, from, to, header)
		}
	})
}

// FuzzDecode holds that Decode turns back what EncodeSigned wrote, for any value, and
// that a signature never passes for another value.
func FuzzDecode(f *testing.F) {
	f.Add("abc", "s:abc.def")
	f.Add("é\x00;", `"%41"`)
	f.Fuzz(func(t *testing.T, value, raw string) {
		key := []byte("0123456789abcdef")
		cookie.Decode(raw)
		signed := cookie.EncodeSigned(value, key)
		if len(collect("a="+signed)) != 1 {
			t.Fatalf("EncodeSigned(%q) = %q, which is more than one cookie", value, signed)
		}
		// What is no UTF-8 cannot be written by JavaScript either.
		if got, _, ok := cookie.DecodeSigned(signed, key); strings.ToValidUTF8(value, "") == value && (!ok || got != value) {
			t.Fatalf("DecodeSigned(EncodeSigned(%q)) = %q, %t", value, got, ok)
		}
		if got, _, ok := cookie.DecodeSigned(raw, key); ok && cookie.Sign(got, key) != strings.TrimPrefix(cookie.Decode(raw), "s:") {
			t.Fatalf("DecodeSigned(%q) = %q, which signs otherwise", raw, got)
		}
	})
}
