package sanity_test

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

func route(t testing.TB, pattern string) sanity.Route {
	t.Helper()
	r, err := sanity.ParseRoute(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoute(t *testing.T) {
	tests := []struct {
		pattern, request string
		match, may       bool
	}{
		{"POST /login", "POST /login", true, true},
		{"POST /login", "POST /login?next=/../x", true, true},
		{"POST /login", "GET /login", false, false},
		{"POST /login", "POST /loginx", false, false},
		{"POST /login", "POST /logout", false, false},
		{"POST /login", "POST /login/", false, true},
		{"POST /login", "POST /LOGIN", false, true},
		{"POST /login", "POST /log%69n", false, true},
		{"POST /login", "POST /login;x=1", false, true},
		{"POST /login", "POST //login", false, true},
		{"POST /login", "POST /a/../login", false, true},
		{"POST /login", "POST /./login", false, true},
		{"POST /login", "POST /%2flogin", false, true},
		{"POST /login", "POST /a/..%2flogin", false, true},
		{"POST /login", "POST /a/%5c..%5c..%5clogin", false, true},
		{"POST /login", "POST /%256cogin", false, true},
		{"POST /login", "POST /%25256cogin", false, true},
		{"POST /login", "POST /a;x/..;y/login;z", false, true},
		{"POST /login", "POST /a%2Fb", false, false},
		{"POST /login", "POST /login/a%2Fb", false, false},
		{"GET /feed", "HEAD /feed", true, true},
		{"HEAD /feed", "GET /feed", false, false},
		{"/hooks/", "PUT /hooks/a/b", true, true},
		{"/hooks/", "POST /hooks/", true, true},
		{"/hooks/", "POST /hooks", false, true},
		{"/hooks/", "POST /hooksy", false, false},
		{"/hooks/", "POST /Hooks/a", false, true},
		{"/hooks/", "POST /hooks/../admin", false, true}, // a router of prefixes would
		{"/hooks/", "POST /hooks/%2e%2e/admin", false, true},
		{"/hooks/", "POST /hooks/..%2fadmin", false, true},
		{"/hooks/", "POST /hooks/a//b", false, true},
		{"/hooks/", "POST /hooks/a;b", false, true},
		{"/hooks/", "POST /hooks/%25", true, true},
		{"/hooks/", "POST /hooks/%252e", false, true},
		{"/hooks/", "POST /hooks/k%C3%A4se%20x", true, true},
		{"/hooks/", "POST /hooks/%61%40b", true, true},
		{"/hooks/", "POST /hooks/%C0%AF", false, true},
		{"/hooks/", "POST /%68ooks/a", false, true},
		{"/hooks/", "POST /hooks/a\x7f", false, true},
		{"/hooks/", "POST /x/" + strings.Repeat("a;", 3000), false, true}, // too long to judge
		{"/hooks/", "POST /x/" + strings.Repeat("a", 9000), false, false},
		{"GET /käse", "GET /k%C3%A4se", true, true},
		{"GET /k%C3%A4se", "GET /k%C3%A4se", true, true},
		{"GET /käse", "GET /k%c3%a4se", false, true},
		{"GET /a b", "GET /a%20b", true, true},
		{"/", "GET /anything", true, true},
		{"/", "OPTIONS *", false, true},
	}
	for _, test := range tests {
		method, target, _ := strings.Cut(test.request, " ")
		var r *http.Request
		if strings.Contains(target, "\x7f") {
			r = &http.Request{Method: method, URL: &url.URL{Path: target}}
		} else {
			r = parse(t, method+" "+target+" HTTP/1.1\r\nHost: shop.example\r\n\r\n")
		}
		p := route(t, test.pattern)
		if got := p.Match(r); got != test.match {
			t.Errorf("%q: Match(%.60s) = %v, want %v", test.pattern, test.request, got, test.match)
		}
		if got := p.MayReach(r); got != test.may {
			t.Errorf("%q: MayReach(%.60s) = %v, want %v", test.pattern, test.request, got, test.may)
		}
	}
	t.Run("zero", func(t *testing.T) {
		var zero sanity.Route
		if r := get(t, "/"); zero.Match(r) || zero.MayReach(r) {
			t.Error("the zero Route takes a request")
		}
	})
	t.Run("path that RawPath does not show", func(t *testing.T) {
		r := get(t, "/")
		r.URL.Path, r.URL.RawPath = "/admin", "/hooks/a"
		if route(t, "/hooks/").Match(r) {
			t.Error("Match believes RawPath alone")
		}
	})
}

func TestParseRoute(t *testing.T) {
	for pattern, want := range map[string]string{
		"POST /login": "POST /login", "  POST   /login ": "POST /login", "/hooks/": "/hooks/", "GET /käse": "GET /k%C3%A4se",
		"/a b": "/a%20b", "M-SEARCH /x": "M-SEARCH /x",
	} {
		if got := route(t, pattern).String(); got != want {
			t.Errorf("ParseRoute(%q) = %s, want %s", pattern, got, want)
		}
	}
	for _, pattern := range []string{
		"", "login", "POST login", "POST", "post /login", "TRACE /x", "GE T /x", "/users/{id}", "/a/*", "/a?b", "/a#b",
		"/a//b", "/a/../b", "/a/./b", "/a;b", "/a%2fb", "/a%5cb", `/a\b`, "/a%00b", "/100%", "/100%25", "/a%zz", "/%c0%af", "//",
	} {
		if r, err := sanity.ParseRoute(pattern); len(guard.OptionErrors(err)) != 1 {
			t.Errorf("ParseRoute(%q) = %v, %v, want an OptionError", pattern, r, err)
		}
	}
}

func TestAmbiguous(t *testing.T) {
	tests := map[string]bool{
		"/": false, "/a/b.c": false, "/a/": false, "/a.b/c..d": false, "/%20a": false, "/k%C3%A4se": false, "/käse": false, "/%41": false, "/100%25": false,
		"/.a": false, "/a/..b": false, "/a/ b": false, "/a%20": false,
		"": true, "a": true, "*": true, "//": true, "/a//b": true, "/.": true, "/a/..": true, "/a/%2e": true, "/%2E%2e/": true, "/...": true, "/.. /": true, "/a/%20/b": true, "/%20": true,
		"/a%2Fb": true, "/a%2fb": true, "/a%5cb": true, `/a\b`: true, "/a;b": true, "/a%3bb": true, "/%252f": true, "/%25%32f": true, "/%2541": true,
		"/a%00": true, "/a%0a": true, "/a%7f": true, "/%": true, "/%4": true, "/%zz": true, "/%C0%AF": true, "/%ff": true, "/\xff": true,
	}
	for p, want := range tests {
		if got := sanity.Ambiguous(p); got != want {
			t.Errorf("Ambiguous(%q) = %v, want %v", p, got, want)
		}
	}
}

func TestCleanPath(t *testing.T) {
	tests := []struct {
		target, want string
		ok           bool
	}{
		{"/a/b", "/a/b", true},
		{"/k%c3%a4se", "/käse", true},
		{"/%61", "/a", true},
		{"/a%2Fb", "/a/b", false},
		{"/a/../b", "/a/../b", false},
		{"/a;b", "/a;b", false},
		{"/%FF", "/\xff", false},
	}
	for _, test := range tests {
		u, err := url.ParseRequestURI(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := sanity.CleanPath(u); got != test.want || ok != test.ok {
			t.Errorf("CleanPath(%s) = %q, %v, want %q, %v", test.target, got, ok, test.want, test.ok)
		}
	}
}

func TestRouteAllocatesNothing(t *testing.T) {
	p := route(t, "POST /login")
	for _, target := range []string{"/login", "/assets/app.js", "/%6cogin"} {
		r := get(t, target)
		r.Method = "POST"
		if got := testing.AllocsPerRun(100, func() { p.Match(r) }); got != 0 {
			t.Errorf("Match(%s): %v allocations, want 0", target, got)
		}
	}
	r := get(t, "/assets/app.js")
	r.Method = "POST"
	if got := testing.AllocsPerRun(100, func() { p.MayReach(r) }); got != 0 {
		t.Errorf("MayReach: %v allocations, want 0", got)
	}
}

func BenchmarkRoute(b *testing.B) {
	p := route(b, "POST /login")
	for name, target := range map[string]string{"same": "/login", "other": "/assets/app.3f2a.js", "odd": "/a/..%2flogout"} {
		r := get(b, target)
		r.Method = "POST"
		b.Run("Match "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Match(r)
			}
		})
		b.Run("MayReach "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.MayReach(r)
			}
		})
	}
}

// backends are the ways in which servers turn the path on the wire into what they
// match or open. Each returns a decoded path, or false where it would answer 400.
var backends = map[string]func(wire string) (string, bool){
	"Go's ServeMux": func(wire string) (string, bool) { return decodeAnd(wire, clean) },
	"Express router": func(wire string) (string, bool) {
		// It matches the wire itself, and decodes parameters only.
		return wire, true
	},
	"Express static": func(wire string) (string, bool) { return decodeAnd(wire, clean) },
	"nginx": func(wire string) (string, bool) {
		return decodeAnd(wire, func(p string) string { return clean(strings.ReplaceAll(p, "//", "/")) })
	},
	"servlet container": func(wire string) (string, bool) {
		parts := strings.Split(wire, "/")
		for i, part := range parts {
			parts[i], _, _ = strings.Cut(part, ";")
		}
		return decodeAnd(strings.Join(parts, "/"), clean)
	},
	"parameters cut after decoding": func(wire string) (string, bool) {
		return decodeAnd(wire, func(p string) string {
			parts := strings.Split(p, "/")
			for i, part := range parts {
				parts[i], _, _ = strings.Cut(part, ";")
			}
			return clean(strings.Join(parts, "/"))
		})
	},
	"backslashes": func(wire string) (string, bool) {
		return decodeAnd(wire, func(p string) string { return clean(strings.ReplaceAll(p, `\`, "/")) })
	},
	"decoded twice": func(wire string) (string, bool) {
		once, err := url.PathUnescape(wire)
		if err != nil {
			return "", false
		}
		twice, err := url.PathUnescape(once)
		if err != nil {
			twice = once
		}
		return clean(twice), true
	},
	"C strings": func(wire string) (string, bool) {
		return decodeAnd(wire, func(p string) string { p, _, _ = strings.Cut(p, "\x00"); return clean(p) })
	},
}

func decodeAnd(wire string, then func(string) string) (string, bool) {
	p, err := url.PathUnescape(wire)
	if err != nil {
		return "", false
	}
	return then(p), true
}

// clean is path.Clean that keeps a slash at the end.
func clean(p string) string {
	c := path.Clean("/" + p)
	if c != "/" && strings.HasSuffix(p, "/") {
		c += "/"
	}
	return c
}

// FuzzRoute: where Match says yes, every backend sees a path within the pattern; and
// where some backend sees one within it, MayReach says yes.
func FuzzRoute(f *testing.F) {
	for _, p := range []string{"/hooks/a", "/hooks/../admin", "/hooks/%2e%2e/admin", "/hooks/..%2fadmin", "/hooks/..%5cadmin", "/hooks/..;/admin",
		"/hooks/%252e%252e/x", "//hooks/x", "/hooks//x", "/login", "/LOGIN/", "/x/../login", "/log%69n", "/login%00x", "/login;a", "/hooks/k%C3%A4", "/hooks/%c0%af..", "/hooks/a|b%2fc"} {
		f.Add(p)
	}
	prefix, exact := route(f, "/hooks/"), route(f, "/login")
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, " \r\n?") {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(target, "/") {
			return
		}
		r := &http.Request{Method: "POST", URL: u, Host: "shop.example"}
		wire := u.EscapedPath() // what an upstream is sent
		for _, s := range []struct {
			route  sanity.Route
			within func(string) bool
			name   string
		}{
			{prefix, func(p string) bool { return strings.HasPrefix(p, "/hooks/") }, "/hooks/"},
			{exact, func(p string) bool { return p == "/login" }, "/login"},
		} {
			match, may := s.route.Match(r), s.route.MayReach(r)
			if match && !may {
				t.Errorf("%s: Match(%q) without MayReach", s.name, target)
			}
			for name, read := range backends {
				p, ok := read(wire)
				if match && (!ok || !s.within(p)) {
					t.Errorf("%s: Match(%q), and %s sees %q, %v", s.name, target, name, p, ok)
				}
				if name == "C strings" {
					continue // an encoded NUL is refused before any route
				}
				if ok && s.within(p) && !may {
					t.Errorf("%s: not MayReach(%q), and %s sees %q", s.name, target, name, p)
				}
			}
		}
	})
}

// FuzzCheckPath: a path that passes climbs out of the root for no backend, and what
// Handler makes of it means the same.
func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"/a/../b", "/..", "/%2e%2e", "/a%5cb/../../c", "/a//../..", "/..;x/", "/a%2fb|c", "/a%2f..%2f..", "/\xff%2f"} {
		f.Add(p)
	}
	s := step(f, sanity.Options{Hosts: []string{"shop.example"}})
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(target, "/") {
			return
		}
		r := &http.Request{Method: "GET", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, URL: u, Host: "shop.example", Header: http.Header{}}
		if s.Check(r) != nil {
			return
		}
		var got *url.URL
		s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL })).ServeHTTP(nil, r)
		sent := got.EscapedPath()
		if decoded, err := url.PathUnescape(sent); err != nil || decoded != u.Path {
			t.Errorf("%q is sent as %q, which decodes to %q, %v, want %q", target, sent, decoded, err, u.Path)
		}
		before, _, _ := strings.Cut(target, "?")
		if strings.Count(strings.ToLower(sent), "%2f") != strings.Count(strings.ToLower(before), "%2f") {
			t.Errorf("%q is sent as %q: an encoded slash came or went", target, sent)
		}
		for _, separators := range []string{"/", `/\`} {
			for _, text := range []string{sent, u.Path} {
				depth := 0
				for _, part := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
					part, _ = url.PathUnescape(part)
					part, _, _ = strings.Cut(part, ";")
					switch part {
					case "", ".":
					case "..":
						depth--
					default:
						depth++
					}
					if depth < 0 {
						t.Fatalf("Check passes %q, which climbs as %q", target, text)
					}
				}
			}
		}
	})
}
