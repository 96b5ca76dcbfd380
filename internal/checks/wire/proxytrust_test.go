package wire_test

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/need"
)

// upstreamOn starts an app on this address and names it as the target's upstream.
func upstreamOn(address string, h http.HandlerFunc) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		up := httptest.NewUnstartedServer(h)
		up.Listener.Close()
		up.Listener = ln
		up.Start()
		t.Cleanup(up.Close)
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		return check.Target{URL: s.URL, Upstream: "127.0.0.1:" + port}
	}
}

// believer shows whatever address is claimed.
func believer(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "you are %s", cmp.Or(r.Header.Get("X-Forwarded-For"), r.RemoteAddr))
}

var proxyTrustTwins = []twin{
	{check: "proxy-trust", name: "what the app believes does not get through", handler: app("hello"), target: upstreamOn("127.0.0.1:0", believer)},
	// The app may count by a claimed address and show nothing of it.
	{check: "proxy-trust", name: "no effect anywhere", status: check.Unproven, handler: app("hello"), target: upstreamOn("127.0.0.1:0", app("hello"))},
	{check: "proxy-trust", name: "what the app believes gets through", bad: true, handler: believer, target: upstreamOn("127.0.0.1:0", believer), want: []string{"proxy-trust/forwarded-for"}},
	{check: "proxy-trust", name: "the app gives no answer", status: check.Unproven, handler: app("hello"), target: func(t *testing.T, s *httptest.Server) check.Target {
		return check.Target{URL: s.URL, Upstream: fmt.Sprintf("127.0.0.1:%d", need.Port(t))}
	}},
	{check: "proxy-trust", name: "the app's address is not known", status: check.Unproven, handler: app("hello")},
	{check: "proxy-trust", name: "the app is elsewhere", status: check.Unproven, handler: app("hello"),
		target: func(t *testing.T, s *httptest.Server) check.Target {
			return check.Target{URL: s.URL, Upstream: "192.0.2.1:3000"}
		}},
	{check: "proxy-trust", name: "the way around the door", bad: true, handler: app("hello"), target: upstreamOn("0.0.0.0:0", app("hello")), want: []string{"proxy-trust/around"}},
	{check: "proxy-trust", name: "address shown", bad: true, plain: true, want: []string{"proxy-trust/forwarded-for"}, handler: believer},
	{check: "proxy-trust", name: "links made from Host", bad: true, want: []string{"proxy-trust/host"}, handler: func(w http.ResponseWriter, r *http.Request) {
		app(`<a href="https://`+r.Host+`/reset?t=1">reset</a>`)(w, r)
	}},
	{check: "proxy-trust", name: "a page that says its name", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		app("<p>this is "+r.Host)(w, r)
	}},
	{check: "proxy-trust", name: "another path by a header", bad: true, want: []string{"proxy-trust/rewrite"}, handler: func(w http.ResponseWriter, r *http.Request) {
		if to := r.Header.Get("X-Rewrite-URL"); to != "" {
			r.URL.Path = to
		}
		app("<p>hello")(w, r)
	}},
	{check: "proxy-trust", name: "one page for every path", status: check.Unproven, handler: everything},
	{check: "proxy-trust", name: "host in a redirect", bad: true, want: []string{"proxy-trust/forwarded-host", "proxy-trust/host"}, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/start" {
			app("")(w, r)
			return
		}
		http.Redirect(w, r, "https://"+cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host)+"/login", http.StatusFound)
	}, target: loginTarget},
	{check: "proxy-trust", name: "secure cookie by claimed scheme", bad: true, plain: true, want: []string{"proxy-trust/forwarded-proto"}, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			w.Header().Set("Set-Cookie", "a=b; Secure")
		}
	}},
	{check: "proxy-trust", name: "redirect to https goes away", bad: true, plain: true, want: []string{"proxy-trust/forwarded-proto", "proxy-trust/host"}, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-Proto") != "https" {
			http.Redirect(w, r, "https://"+r.Host+"/", http.StatusMovedPermanently)
		}
	}},
	{check: "proxy-trust", name: "links change their scheme", bad: true, plain: true, want: []string{"proxy-trust/forwarded-proto", "proxy-trust/host"}, handler: func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, cmp.Or(r.Header.Get("X-Forwarded-Proto"), "http")+"://"+r.Host+"/pay")
	}},
}

// loginTarget starts where the app redirects.
func loginTarget(t *testing.T, s *httptest.Server) check.Target {
	return check.Target{URL: s.URL + "/start"}
}
