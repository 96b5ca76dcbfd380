package hardcheck_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/door/hardcheck"
)

func ids(found []hardcheck.Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, f.ID)
	}
	return strings.Join(out, " ")
}

func TestAround(t *testing.T) {
	// 127.0.0.2 stands for an address that others can reach.
	addresses := func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil }
	for _, tt := range []struct{ listen, host, want string }{
		{"0.0.0.0:0", "localhost", "around"},
		{"0.0.0.0:0", "127.0.0.1", "around"},
		{"127.0.0.1:0", "localhost", ""},
		{"0.0.0.0:0", "app.internal", ""}, // another machine: not ours to judge
	} {
		ln, err := net.Listen("tcp4", tt.listen)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		found := hardcheck.Around(t.Context(), net.JoinHostPort(tt.host, port), addresses)
		ln.Close()
		if got := ids(found); got != tt.want {
			t.Errorf("Around(%s on %s) = %q, want %q", tt.host, tt.listen, got, tt.want)
		}
		for _, f := range found {
			if want := "UNPROTECTED: the application answers on 127.0.0.2:" + port + " too, around the door; use app.listen(" + port + ", '127.0.0.1')"; f.Line != want || !f.Degrades {
				t.Errorf("finding = %+v, want %q", f, want)
			}
		}
	}
}

func TestProbe(t *testing.T) {
	const trace = "<pre>URIError: Failed to decode param &#39;%c0&#39;<br> &nbsp; &nbsp;at decode_param (/app/node_modules/router/lib/layer.js:200:19)</pre>"
	tests := []struct {
		name string
		app  http.HandlerFunc
		want string
	}{
		{"sound", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, ""},
		{"stack trace", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.RequestURI, "/%") {
				w.WriteHeader(400)
				_, _ = io.WriteString(w, trace)
			}
		}, "node-env"},
		{"page about stack traces", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, trace) }, ""},
		{"https loop", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://"+r.Host+r.RequestURI)
			w.WriteHeader(302)
		}, "trust-proxy"},
		{"https redirect that trusts", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Forwarded-Proto") != "https" {
				w.Header().Set("Location", "https://"+r.Host+r.RequestURI)
				w.WriteHeader(302)
			}
		}, ""},
		{"own address as http", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://"+r.Host+"/home")
			w.WriteHeader(302)
		}, "trust-proxy"},
		{"to the identity provider", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://id.example/login?back=https://shop.example/")
			w.WriteHeader(302)
		}, ""},
		{"relative", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, ""},
	}
	for _, tt := range tests {
		app := httptest.NewServer(tt.app)
		base, err := url.Parse(app.URL)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(hardcheck.Probe(t.Context(), base, "shop.example:8443")); got != tt.want {
			t.Errorf("%s: Probe = %q, want %q", tt.name, got, tt.want)
		}
		app.Close()
	}
	if got := hardcheck.Probe(context.Background(), &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, "x"); got != nil {
		t.Errorf("Probe of nobody = %v, want nothing", got)
	}
}

func TestWatch(t *testing.T) {
	type exchange struct {
		method, target, cookie string
		status                 int
		header                 http.Header
	}
	login := exchange{"POST", "/login", "", 302, http.Header{"Location": {"/"}}}
	tests := []struct {
		name string
		seen []exchange
		want string
	}{
		{"loop", []exchange{{"GET", "/a?b=1", "", 301, http.Header{"Location": {"https://shop.example/a?b=1"}}}}, "trust-proxy"},
		{"other page", []exchange{{"GET", "/a", "", 301, http.Header{"Location": {"https://shop.example/b"}}}}, ""},
		{"told once", []exchange{
			{"GET", "/a", "", 301, http.Header{"Location": {"https://shop.example/a"}}}, {"GET", "/b", "", 301, http.Header{"Location": {"https://shop.example/b"}}},
		}, "trust-proxy"},
		{"logins without a cookie", []exchange{login, login, login}, "no-cookie"},
		{"too few logins", []exchange{login, login}, ""},
		{"failed logins", []exchange{{"POST", "/login", "", 401, nil}, {"POST", "/login", "", 401, nil}, {"POST", "/login", "", 401, nil}}, ""},
		{"a cookie was set", []exchange{{"GET", "/", "", 200, http.Header{"Set-Cookie": {"a=1"}}}, login, login, login}, ""},
		{"a cookie was sent", []exchange{{"GET", "/", "a=1", 200, nil}, login, login, login}, ""},
	}
	for _, tt := range tests {
		var found []hardcheck.Finding
		w := hardcheck.NewWatch(func(f hardcheck.Finding) { found = append(found, f) })
		for _, e := range tt.seen {
			r := httptest.NewRequest(e.method, e.target, nil)
			r.Host = "shop.example"
			if e.cookie != "" {
				r.Header.Set("Cookie", e.cookie)
			}
			w.Answer(r, e.status, e.header)
		}
		if got := ids(found); got != tt.want {
			t.Errorf("%s: told %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestStackIsToldOnce(t *testing.T) {
	n := 0
	w := hardcheck.NewWatch(func(f hardcheck.Finding) {
		if f.ID == hardcheck.Development {
			n++
		}
	})
	w.Stack()
	w.Stack()
	if n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}
