package csrf_test

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
)

// FuzzOrigin: what passes as the own origin is that to a URL parser too, and to net/http,
// apart from the scheme's own port and case.
func FuzzOrigin(f *testing.F) {
	for _, o := range []string{"https://shop.example", "http://shop.example:443", "https://SHOP.example:443", "https://u@shop.example", "https://shop.example/", "null", "https://shop.example,https://evil.test", "https://[::1]:1"} {
		f.Add(o, "shop.example")
		f.Add(o, "[::1]:1")
	}
	g := newGuard(f, csrf.Options{})
	f.Fuzz(func(t *testing.T, origin, host string) {
		for _, name := range []string{"Origin", "Referer"} {
			r := request(t, "POST https://shop.example/x", form, cookie)
			r.Host = host
			r.Header[name] = []string{origin}
			if g.Check(r) != nil || origin == "" {
				continue
			}
			u, err := url.Parse(origin)
			if err != nil && name == "Referer" { // its path may be anything
				end := strings.Index(origin, "://") + 3
				u, err = url.Parse(origin[:end] + strings.FieldsFunc(origin[end:], func(c rune) bool { return c == '/' || c == '?' || c == '#' })[0])
			}
			if err != nil || u.Scheme != "https" || u.User != nil {
				t.Fatalf("%s %q passes for Host %q; url.Parse = %v, %v", name, origin, host, u, err)
			}
			if got, want := strings.TrimSuffix(strings.ToLower(u.Host), ":443"), strings.TrimSuffix(strings.ToLower(host), ":443"); got != want {
				t.Fatalf("%s %q passes for Host %q, and its host is %q", name, origin, host, got)
			}
		}
	})
}

// FuzzCleanOrigin: what comes out is what comes out again, and a URL parser reads it as
// nothing but a scheme and a host.
func FuzzCleanOrigin(f *testing.F) {
	for _, o := range []string{"https://a.example", "HTTPS://A.example:0443/x?y#z", "https://u@[::1]:1", "a.example", "https://127.1", "wss://x", "https://a:00"} {
		f.Add(o)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean, why := csrf.CleanOrigin(s)
		if (clean == "") == (why == "") {
			t.Fatalf("CleanOrigin(%q) = %q, %q: want one of the two", s, clean, why)
		}
		if clean == "" {
			return
		}
		if again, _ := csrf.CleanOrigin(clean); again != clean {
			t.Fatalf("CleanOrigin(%q) = %q, and of that %q", s, clean, again)
		}
		u, err := url.Parse(clean)
		if err != nil || u.Scheme+"://"+u.Host != clean || u.User != nil {
			t.Fatalf("CleanOrigin(%q) = %q, which a URL parser reads as %v, %v", s, clean, u, err)
		}
	})
}

// FuzzExempt: no path passes as exempt that another program reads as one outside, however
// it decodes and cleans.
func FuzzExempt(f *testing.F) {
	for _, p := range []string{"/hook/a", "/hook/../x", "/hook/..%2fx", "/hook/%252e%252e%252fx", "/hook/..;/x", "/hook//../../x", "/hook/%c0%ae", `/hook/..\x`, "/hook/.%00./x"} {
		f.Add(p)
	}
	g := newGuard(f, csrf.Options{Routes: []csrf.Route{{Pattern: "POST /hook/", Exempt: "x"}}})
	decode := func(s string) string {
		out, err := url.PathUnescape(s)
		if err != nil {
			return s
		}
		return out
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		r := &http.Request{Method: "POST", Host: "shop.example", URL: u, Header: http.Header{"Sec-Fetch-Site": {"cross-site"}}}
		if g.Check(r) != nil {
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		once := decode(raw)
		for _, read := range []string{raw, once, decode(once), strings.ReplaceAll(once, `\`, "/"), strings.ReplaceAll(raw, ";", "/"), strings.ReplaceAll(once, "\x00", "")} {
			var bare []string
			for s := range strings.SplitSeq(read, "/") {
				s, _, _ = strings.Cut(s, ";")
				bare = append(bare, s)
			}
			for _, p := range []string{read, strings.Join(bare, "/")} {
				if clean := path.Clean(p) + "/"; !strings.HasPrefix(clean, "/hook/") {
					t.Fatalf("%q is exempt, and may be read as %q", target, clean)
				}
			}
		}
	})
}

// FuzzOverride: what net/url reads as _method is found.
func FuzzOverride(f *testing.F) {
	for _, q := range []string{"_method=DELETE", "%5Fmethod=put", "a=1&_method[]=PATCH", "_method=GET&_method=POST", "_method", "a=%zz&_method=PUT", "x=_method=1"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: "GET", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		got := csrf.Override(r)
		values, _ := url.ParseQuery(query) // it returns what it could read
		for name, all := range values {
			if name != "_method" && !strings.HasPrefix(name, "_method[") {
				continue
			}
			for _, v := range all {
				if m := strings.ToUpper(strings.TrimSpace(v)); m != "" && m != "GET" && m != "HEAD" && m != "OPTIONS" && (got == "" || got == "GET" || got == "HEAD" || got == "OPTIONS") {
					t.Fatalf("Override(?%s) = %q, and net/url reads %s=%q", query, got, name, v)
				}
			}
		}
	})
}
