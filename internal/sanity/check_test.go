package sanity_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

func step(t testing.TB, o sanity.Options) *sanity.Step {
	t.Helper()
	s, err := sanity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// silent keeps refusals out of the test's log.
func silent(context.Context, guard.Event) {}

// parse reads a request's head as net/http's server would.
func parse(t testing.TB, head string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("ReadRequest(%q) = %v", head, err)
	}
	return r
}

func get(t testing.TB, target string) *http.Request {
	return parse(t, "GET "+target+" HTTP/1.1\r\nHost: shop.example\r\n\r\n")
}

// verdict is "pass", or the refusal's status and rule.
func verdict(s *sanity.Step, r *http.Request) string {
	err := s.Check(r)
	if err == nil {
		return "pass"
	}
	var refusal *sanity.Refusal
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	return fmt.Sprint(refusal.Status, " ", refusal.Rule)
}

func TestCheckPath(t *testing.T) {
	tests := []struct{ target, want string }{
		// What correct apps and clients send.
		{"/", "pass"},
		{"/a/b.html?x=%00&y=../..", "pass"},
		{"/files/a%2Fb", "pass"},
		{"/files/a%5Cb", "pass"},
		{"/matrix;color=red/x", "pass"},
		{"//double//slash", "pass"},
		{"/100%25", "pass"},
		{"/%2525", "pass"},
		{"/a/./b/../c", "pass"},
		{"/lines/one%0Atwo", "pass"},
		{"/k%C3%A4se", "pass"},
		{"/legacy/%E4", "pass"},
		{"/.well-known/acme-challenge/x", "pass"},
		{"/...", "pass"},
		{"/a/..", "pass"},
		{"/a%7Cb|c", "pass"},
		// What none sends.
		{"/..", "400 path-climbs"},
		{"/../etc/passwd", "400 path-climbs"},
		{"/a/../../b", "400 path-climbs"},
		{"/%2e%2e/b", "400 path-climbs"},
		{"/.%2E/b", "400 path-climbs"},
		{"/a/..%2f../b", "400 path-climbs"},
		{"/..%5c..%5cwindows", "400 path-climbs"},
		{"/a%5Cb/../../x", "400 path-climbs"}, // for who takes no backslash
		{"/a//../../x", "400 path-climbs"},    // for who merges slashes
		{"/..;/manager", "400 path-climbs"},
		{"/..;a=b/manager", "400 path-climbs"},
		{"/a/..;/..;/manager", "400 path-climbs"},
		{"/a%00.png", "400 path-control"},
		{`/a\b`, "400 path-backslash"},
		{`/..\..\windows`, "400 path-backslash"},
	}
	s := step(t, sanity.Options{Hosts: []string{"shop.example"}})
	for _, test := range tests {
		if got := verdict(s, get(t, test.target)); got != test.want {
			t.Errorf("Check(GET %s) = %s, want %s", test.target, got, test.want)
		}
	}
}

func TestCheckRequest(t *testing.T) {
	tests := []struct {
		name string
		head string
		want string
	}{
		{"plain", "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"any case and port", "GET / HTTP/1.1\r\nHost: Shop.Example:8443\r\n\r\n", "pass"},
		{"trailing dot", "GET / HTTP/1.1\r\nHost: shop.example.\r\n\r\n", "pass"},
		{"below a wildcard", "GET / HTTP/1.1\r\nHost: a.b.cdn.example\r\n\r\n", "pass"},
		{"the wildcard's own name", "GET / HTTP/1.1\r\nHost: cdn.example\r\n\r\n", "421 unknown-host"},
		{"a name that only ends so", "GET / HTTP/1.1\r\nHost: evilcdn.example\r\n\r\n", "421 unknown-host"},
		{"unknown", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421 unknown-host"},
		{"address that is served", "GET / HTTP/1.1\r\nHost: [2001:DB8::0:1]:443\r\n\r\n", "pass"},
		{"another address", "GET / HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n", "421 unknown-host"},
		{"number for an address", "GET / HTTP/1.1\r\nHost: 3221225985\r\n\r\n", "421 unknown-host"},
		{"loopback that was not asked for", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "421 unknown-host"},
		{"missing", "GET / HTTP/1.0\r\n\r\n", "400 missing-host"},
		{"empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400 missing-host"},
		{"malformed", "GET / HTTP/1.1\r\nHost: shop.example/x\r\n\r\n", "400 malformed-host"},
		{"two in one", "GET / HTTP/1.1\r\nHost: shop.example,evil.example\r\n\r\n", "400 malformed-host"},
		{"user in host", "GET / HTTP/1.1\r\nHost: a@shop.example\r\n\r\n", "400 malformed-host"},
		{"absolute form", "GET http://shop.example/a HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"absolute form without path", "GET http://shop.example HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"absolute form of another host", "GET http://evil.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n", "421 unknown-host"},
		{"absolute form of another scheme", "GET ftp://shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n", "400 target"},
		{"absolute form with user", "GET http://a@shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n", "400 target"},
		{"opaque", "GET mailto:x HTTP/1.1\r\nHost: shop.example\r\n\r\n", "400 target"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"OPTIONS * elsewhere", "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421 unknown-host"},
		{"GET *", "GET * HTTP/1.1\r\nHost: shop.example\r\n\r\n", "400 target"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", "400 method"},
		{"WebDAV", "PROPFIND / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"M-SEARCH", "M-SEARCH / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"a method of one's own", "PURGE / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "pass"},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "405 method"},
		{"CONNECT", "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example\r\n\r\n", "405 method"},
		{"lower case", "get / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "501 method"},
		{"strange token", "GE$T / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "501 method"},
		{"long method", strings.Repeat("A", 33) + " / HTTP/1.1\r\nHost: shop.example\r\n\r\n", "501 method"},
		{"chunked", "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "pass"},
		{"length", "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc", "pass"},
		{"length zero", "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n", "pass"},
	}
	s := step(t, sanity.Options{Hosts: []string{"SHOP.example.", "*.cdn.example", "192.0.2.1", "[2001:db8::1]"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := parse(t, test.head)
			// What net/http's server does after ReadRequest.
			r.Header.Del("Host")
			if got := verdict(s, r); got != test.want {
				t.Errorf("Check(%q) = %s, want %s", test.head, got, test.want)
			}
		})
	}
}

// TestCheckLeftovers holds the step against servers that clean less than net/http.
func TestCheckLeftovers(t *testing.T) {
	tests := []struct {
		name   string
		change func(*http.Request)
		want   string
	}{
		{"nothing", func(*http.Request) {}, "pass"},
		{"same Host in the header", func(r *http.Request) { r.Header["Host"] = []string{"SHOP.example"} }, "pass"},
		{"another Host in the header", func(r *http.Request) { r.Header["Host"] = []string{"evil.example"} }, "400 host-mismatch"},
		{"two Hosts in the header", func(r *http.Request) { r.Header["Host"] = []string{"shop.example", "shop.example"} }, "400 host-mismatch"},
		{"absolute form with another Host", func(r *http.Request) { r.URL.Host = "evil.example" }, "400 host-mismatch"},
		{"Transfer-Encoding in the header", func(r *http.Request) { r.Header["Transfer-Encoding"] = []string{"chunked"} }, "400 framing"},
		{"another transfer coding", func(r *http.Request) { r.TransferEncoding = []string{"gzip", "chunked"} }, "400 framing"},
		{"identity", func(r *http.Request) { r.TransferEncoding = []string{"identity"} }, "400 framing"},
		{"chunked with a length", func(r *http.Request) {
			r.TransferEncoding, r.Header["Content-Length"] = []string{"chunked"}, []string{"3"}
		}, "400 framing"},
		{"chunked in HTTP/1.0", func(r *http.Request) { r.TransferEncoding, r.ProtoMinor = []string{"chunked"}, 0 }, "400 framing"},
		{"two lengths", func(r *http.Request) { r.Header["Content-Length"] = []string{"0", "0"} }, "400 framing"},
		{"list of lengths", func(r *http.Request) { r.Header["Content-Length"] = []string{"0, 0"} }, "400 framing"},
		{"signed length", func(r *http.Request) { r.Header["Content-Length"] = []string{"+0"} }, "400 framing"},
		{"empty length", func(r *http.Request) { r.Header["Content-Length"] = []string{""} }, "400 framing"},
		{"another length", func(r *http.Request) { r.Header["Content-Length"] = []string{"5"} }, "400 framing"},
		{"negative length", func(r *http.Request) { r.ContentLength, r.Header["Content-Length"] = -1, []string{"-1"} }, "400 framing"},
		{"line feed in a value", func(r *http.Request) { r.Header["X"] = []string{"a\nb"} }, "400 header"},
		{"carriage return in a value", func(r *http.Request) { r.Header["X"] = []string{"ok", "a\rb"} }, "400 header"},
		{"NUL in a value", func(r *http.Request) { r.Header["X"] = []string{"a\x00"} }, "400 header"},
		{"colon in a name", func(r *http.Request) { r.Header["X:y"] = []string{"a"} }, "400 header"},
		{"underscore in a name", func(r *http.Request) { r.Header["X_y"] = []string{"a"} }, "pass"},
		{"empty method", func(r *http.Request) { r.Method = "" }, "400 method"},
		{"method with a blank", func(r *http.Request) { r.Method = "GET /" }, "400 method"},
		{"blank in the query", func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" }, "400 target"},
		{"line feed in the query", func(r *http.Request) { r.URL.RawQuery = "a\nb" }, "400 target"},
		{"fragment in the query", func(r *http.Request) { r.URL.RawQuery = "a#b" }, "400 target"},
		{"all else in the query", func(r *http.Request) { r.URL.RawQuery = "a=\"<>[]{}|\\^`%zz%00\xe4" }, "pass"},
		{"path without slash", func(r *http.Request) { r.URL.Path = "a" }, "400 target"},
		{"empty path", func(r *http.Request) { r.URL.Path = "" }, "400 target"},
		{"raw control byte", func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/a\n", "/a\n" }, "400 path-control"},
		{"malformed escape", func(r *http.Request) { r.URL.RawPath = "/%zz" }, "400 path-escape"},
		{"escape cut short", func(r *http.Request) { r.URL.RawPath = "/%2" }, "400 path-escape"},
		{"path that RawPath does not show", func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/../a", "/a" }, "400 path-climbs"},
	}
	s := step(t, sanity.Options{Hosts: []string{"shop.example"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := get(t, "/")
			test.change(r)
			if got := verdict(s, r); got != test.want {
				t.Errorf("Check = %s, want %s", got, test.want)
			}
		})
	}
}

func TestLoopbackHosts(t *testing.T) {
	s := step(t, sanity.Options{Loopback: true})
	tests := map[string]bool{
		"localhost": true, "localhost:8443": true, "LOCALHOST": true, "app.localhost": true, "a.b.localhost.": true,
		"127.0.0.1": true, "127.9.9.9:1": true, "[::1]:8443": true, "[0:0:0:0:0:0:0:1]": true,
		"notlocalhost": false, "localhost.evil.example": false, "0.0.0.0": false, "[::]": false, "10.0.0.1": false,
		"127.0.0.1.evil.example": false, "[::ffff:127.0.0.1]": false, "": false, "a b": false, "::1": false,
	}
	for host, want := range tests {
		if got := s.Known(host); got != want {
			t.Errorf("Known(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestHostFromProxy(t *testing.T) {
	s := step(t, sanity.Options{Hosts: []string{"shop.example"}, Host: func(r *http.Request) string { return r.Header.Get("X-True-Host") }})
	tests := []struct{ host, said, want string }{
		{"10.0.0.1:8443", "shop.example", "pass"},
		{"shop.example", "evil.example", "421 unknown-host"},
		{"10.0.0.1:8443", "", "400 malformed-host"},
		{"a b", "shop.example", "400 malformed-host"},
	}
	for _, test := range tests {
		r := get(t, "/")
		r.Host = test.host
		r.Header.Del("Host")
		r.Header.Set("X-True-Host", test.said)
		if got := verdict(s, r); got != test.want {
			t.Errorf("Check(Host %q, true host %q) = %s, want %s", test.host, test.said, got, test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name   string
		o      sanity.Options
		fields string
	}{
		{"no host", sanity.Options{}, "Hosts"},
		{"everything", sanity.Options{Hosts: []string{"*"}}, "Hosts[0]"},
		{"star within", sanity.Options{Hosts: []string{"a.*.example"}}, "Hosts[0]"},
		{"star alone below", sanity.Options{Hosts: []string{"*."}}, "Hosts[0]"},
		{"port", sanity.Options{Hosts: []string{"ok.example", "shop.example:443"}}, "Hosts[1]"},
		{"URL", sanity.Options{Hosts: []string{"https://shop.example"}}, "Hosts[0]"},
		{"empty", sanity.Options{Hosts: []string{""}}, "Hosts[0]"},
		{"blank", sanity.Options{Hosts: []string{"a b"}}, "Hosts[0]"},
		{"mode", sanity.Options{Loopback: true, Mode: 9}, "Mode"},
		{"all at once", sanity.Options{Hosts: []string{"*", "a/b"}, Mode: 9}, "Hosts[0] Hosts[1] Mode"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := sanity.New(test.o)
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
			}
			if got := strings.Join(fields, " "); got != test.fields {
				t.Errorf("New(%q) = %v: fields %q, want %q", test.o.Hosts, err, got, test.fields)
			}
		})
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	s := step(t, sanity.Options{Hosts: []string{"shop.example", "*.cdn.example"}})
	inServer := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	for _, target := range []string{"/", "/assets/app.3f2a.js?v=1", "/.well-known/x", "/files/a%2Fb;x=1", "/k%C3%A4se"} {
		r := get(t, target)
		r.Header.Set("Content-Length", "0")
		r.Header.Set("Cookie", "sid=0123456789abcdef")
		if got := testing.AllocsPerRun(100, func() { s.Check(r) }); got != 0 {
			t.Errorf("Check(%s): %v allocations, want 0", target, got)
		}
		r = r.WithContext(inServer)
		if got := testing.AllocsPerRun(100, func() { s.Check(r) }); got != 0 {
			t.Errorf("Check(%s) within a server: %v allocations, want 0", target, got)
		}
	}
	h := s.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := get(t, "/assets/app.js"), httptest.NewRecorder()
	if got := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); got != 0 {
		t.Errorf("Handler: %v allocations, want 0", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := step(b, sanity.Options{Hosts: []string{"shop.example"}})
	r := parse(b, "GET /assets/app.3f2a.js?v=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"+
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"+
		"Referer: https://shop.example/\r\nCookie: sid=0123456789abcdef\r\nSec-Fetch-Dest: script\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: same-origin\r\n\r\n")
	served := r.WithContext(context.WithValue(context.Background(), http.ServerContextKey, &http.Server{}))
	for name, r := range map[string]*http.Request{"in net/http": served, "elsewhere": r} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Check(r)
			}
		})
	}
}
