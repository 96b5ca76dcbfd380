package observatory

import (
	"strings"
	"testing"
)

// TestParseAddress: what new URL of Node makes of addresses, with the path only where one
// is looked at.
func TestParseAddress(t *testing.T) {
	https := &address{scheme: "https", host: "base.example", path: "/"}
	blank := &address{scheme: "about", opaque: true}
	other := &address{scheme: "x", host: "base.example", path: "/"}
	for _, c := range []struct {
		name, in string
		base     *address
		want     string // empty: no address
		path     string
	}{
		{"plain", "https://a.example/b/c?d#e", nil, "https://a.example/", "/b/c"},
		{"no path", "https://a.example", nil, "https://a.example/", "/"},
		{"upper case", "HTTPS://A.Example/", nil, "https://a.example/", "/"},
		{"blanks and breaks", " \nht\ttps://a.ex\nample/ ", nil, "https://a.example/", "/"},
		{"slashes of all kinds", `https:\/\a.example\b`, nil, "https://a.example/", "/b"},
		{"no slashes", "https:a.example", nil, "https://a.example/", "/"},
		{"no slashes, same scheme as the base", "https:a.example", https, "https://base.example/", "/"},
		{"user and port", "https://u:p@a.example:8443/", nil, "https://a.example/", "/"},
		{"dots", "https://a/b/../c/./d/%2e%2e/..", nil, "https://a/", "/"},
		{"escaped host", "https://ex%61mple/", nil, "https://example/", "/"},
		{"Punycode", "https://Bücher.example/", nil, "https://xn--bcher-kva.example/", "/"},
		{"Punycode, all beyond ASCII", "https://例え.テスト/", nil, "https://xn--r8jz45g.xn--zckzah/", "/"},
		{"full width", "https://ｅｘ。example/", nil, "https://ex.example/", "/"},
		{"IPv6", "https://[0:0::1]:1/", nil, "https://[::1]/", "/"},
		{"IPv4 in hex", "https://0x7f.1/", nil, "https://127.0.0.1/", "/"},
		{"IPv4 in octal", "https://010.0.0.1/", nil, "https://8.0.0.1/", "/"},
		{"IPv4 as one number", "https://2130706433/", nil, "https://127.0.0.1/", "/"},
		{"IPv4 with a dot at the end", "https://1.2.3.4./", nil, "https://1.2.3.4/", "/"},
		{"opaque", "mailto:a@b", nil, "mailto:", "a@b"},
		{"file", "file://a/b", nil, "file:", "/"},
		{"drive", "file:///c|/b", nil, "file:", "/"},
		{"other scheme", "x://a/b", nil, "x:", "/b"},
		{"scheme-relative", `\\a.example`, https, "https://a.example/", "/"},
		{"scheme-relative to another scheme", `//a.example/c`, other, "x:", "/c"},
		{"relative", "a/b", https, "https://base.example/", "/"},
		{"fragment of a blank page", "#a", blank, "about:", ""},

		{"relative without a base", "a/b", nil, "", ""},
		{"relative to a blank page", "//a", blank, "", ""},
		{"no host", "https://", nil, "", ""},
		{"user without a host", "https://u@/", nil, "", ""},
		{"port without a host", "https://:80/", nil, "", ""},
		{"port too high", "https://a:65536/", nil, "", ""},
		{"port no number", "https://a:b/", nil, "", ""},
		{"broken escape", "https://%zz/", nil, "", ""},
		{"blank in the host", "https://a b/", nil, "", ""},
		{"open bracket", "https://[::1/", nil, "", ""},
		{"IPv4 part too big", "https://256.1.1.1/", nil, "", ""},
		{"IPv4 with too many parts", "https://1.2.3.4.5/", nil, "", ""},
		{"IPv4 number too big", "https://4294967296/", nil, "", ""},
		{"IPv4 number far too big", "https://1.99999999999999999999999/", nil, "", ""},
		{"broken octal", "https://1.2.3.08/", nil, "", ""},
		{"file with a broken host", "file://%zz/", nil, "", ""},
		{"other scheme with a broken host", "x://a b/", nil, "", ""},
		{"empty", "", nil, "", ""},
		{"scheme that begins with a digit", "1x:a", nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, ok := parseAddress(c.in, c.base)
			got := a.String()
			if !ok {
				got, a.path = "", ""
			}
			if got != c.want || a.path != c.path {
				t.Errorf("parseAddress(%q) = %q with path %q, want %q with %q", c.in, got, a.path, c.want, c.path)
			}
		})
	}
}

// TestSiteOf: registrable domains as tldts has them, without private suffixes.
func TestSiteOf(t *testing.T) {
	for in, want := range map[string]string{
		"a.b.example.com":                    "example.com",
		"https://a.b.example.com:80/":        "example.com",
		"https://u:p@a.example.co.uk?x@y":    "example.co.uk",
		"http://EXAMPLE.com.":                "example.com",
		"a.b.github.io":                      "github.io",
		"x.y.city.kawasaki.jp":               "city.kawasaki.jp",
		"a.b.c.ck":                           "b.c.ck",
		"a.www.ck":                           "www.ck",
		"a.b.intranet":                       "b.intranet",
		"a.食狮.公司.cn":                         "食狮.公司.cn",
		"com":                                "",
		"co.uk":                              "",
		"localhost":                          "",
		"127.0.0.1":                          "",
		"https://[::1]:443/":                 "",
		"https://[::1":                       "",
		"https://a..example.com/":            "",
		"https://a-.example.com/":            "",
		"https://a.-example.com/":            "",
		"https://":                           "",
		"":                                   "",
		strings.Repeat("a", 64) + ".example": "",
	} {
		if got := siteOf(in); got != want {
			t.Errorf("siteOf(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestLower: lower case as JavaScript has it.
func TestLower(t *testing.T) {
	for in, want := range map[string]string{
		"ABC":   "abc",
		"É":     "é",
		"İ":     "i̇",
		"ΑΣ":    "ας",
		"ΑΣ.":   "ας.",
		"ΑΣΑ":   "ασα",
		"Σ":     "σ",
		"Α.Σ.Α": "α.σ.α",
		"K":     "k",
	} {
		if got := lower(in); got != want {
			t.Errorf("lower(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestHead: lengths are in UTF-16 units.
func TestHead(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 2, "ab"}, {"abc", 3, "abc"}, {"éé", 1, "é"}, {"a😀b", 3, "a😀"}, {"a😀b", 2, "a"}, {"", 4, ""},
	} {
		if got := head(c.in, c.n); got != c.want {
			t.Errorf("head(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
