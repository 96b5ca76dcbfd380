package sanity_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

// raw sends bytes to a server of its own over loopback and returns the answer's status
// line and body.
func raw(t *testing.T, addr, text string) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func serve(t *testing.T, o sanity.Options, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(step(t, o).Handler(h))
	srv.Config.DisableGeneralOptionsHandler = true
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func TestHandlerOverHTTP(t *testing.T) {
	var events []guard.Event
	addr := serve(t, sanity.Options{Loopback: true, Sink: func(_ context.Context, e guard.Event) { events = append(events, e) }},
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s cl=%d te=%v conn=%q up=%q", r.Method, r.URL.RequestURI(), r.ContentLength, r.TransferEncoding, r.Header["Connection"], r.Header["Upgrade"])
		})
	const host = "\r\nHost: localhost\r\n"
	tests := []struct {
		name   string
		text   string
		status int
		body   string // a piece of
		rule   string
	}{
		{"plain", "GET /a HTTP/1.1" + host + "\r\n", 200, "GET /a cl=0", ""},
		{"encoded slash beside a byte to encode", "GET /f/a%2Fb|c HTTP/1.1" + host + "\r\n", 200, "GET /f/a%2Fb%7Cc cl=0", ""},
		{"unknown host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "Misdirected", "unknown-host"},
		{"no host", "GET / HTTP/1.0\r\n\r\n", 400, "Bad Request", "missing-host"},
		{"climbing", "GET /%2e%2e%2f HTTP/1.1" + host + "\r\n", 400, "Bad Request", "path-climbs"},
		{"TRACE", "TRACE / HTTP/1.1" + host + "\r\n", 405, "Method Not Allowed", "method"},
		{"preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "Bad Request", "method"},
		{"OPTIONS *", "OPTIONS * HTTP/1.1" + host + "\r\n", 200, "", ""},
		{"OPTIONS of a path", "OPTIONS /a HTTP/1.1" + host + "\r\n", 200, "OPTIONS /a", ""},
		{"h2c", "GET / HTTP/1.1" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200, `conn=[] up=[]`, "h2c-upgrade"},
		{"h2c beside another", "GET / HTTP/1.1" + host + "Connection: keep-alive, upgrade\r\nUpgrade: H2C, websocket\r\n\r\n", 200, `conn=["keep-alive, upgrade"] up=["websocket"]`, "h2c-upgrade"},
		{"websocket", "GET / HTTP/1.1" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200, `conn=["Upgrade"] up=["websocket"]`, ""},
		// Known: net/http mends these by itself, and tells nobody.
		{"length beside chunks", "POST / HTTP/1.1" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "cl=-1 te=[chunked]", ""},
		{"equal lengths", "POST / HTTP/1.1" + host + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 200, "cl=0", ""},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0" + host + "Transfer-Encoding: chunked\r\n\r\n", 200, "cl=0 te=[]", ""},
		// And refuses these before any handler.
		{"two lengths", "POST / HTTP/1.1" + host + "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", 400, "", ""},
		{"two hosts", "GET / HTTP/1.1" + host + "Host: evil.example\r\n\r\n", 400, "", ""},
		{"other coding", "POST / HTTP/1.1" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "", ""},
		{"NUL in a value", "GET / HTTP/1.1" + host + "X: a\x00b\r\n\r\n", 400, "", ""},
		{"malformed escape", "GET /%zz HTTP/1.1" + host + "\r\n", 400, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events = nil
			status, header, body := raw(t, addr, test.text)
			if status != test.status || !strings.Contains(body, test.body) {
				t.Errorf("%q gives %d %q, want %d %q", test.text, status, body, test.status, test.body)
			}
			if status == 405 && !strings.Contains(header.Get("Allow"), "GET") {
				t.Errorf("Allow = %q with a 405, want the methods that are", header.Get("Allow"))
			}
			rule := ""
			for _, e := range events {
				rule += e.Rule
			}
			if rule != test.rule {
				t.Errorf("%q is told as %q, want %q", test.text, rule, test.rule)
			}
		})
	}
}

// TestHandlerOverHTTP2: what a correct client sends over HTTP/2 passes; its lengths stay
// in the header there.
func TestHandlerOverHTTP2(t *testing.T) {
	s := step(t, sanity.Options{Loopback: true})
	srv := httptest.NewUnstartedServer(s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.Proto, " ", n, " ", r.Header["Content-Length"])
	})))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	tests := []struct {
		name, method string
		body         io.Reader
		want         string
	}{
		{"GET", "GET", nil, "HTTP/2.0 0 []"},
		{"empty POST", "POST", strings.NewReader(""), "HTTP/2.0 0 [0]"},
		{"known length", "POST", strings.NewReader("abc"), "HTTP/2.0 3 [3]"},
		{"unknown length", "POST", io.MultiReader(strings.NewReader("abc")), "HTTP/2.0 3 []"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequest(test.method, srv.URL+"/a", test.body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != test.want {
				t.Errorf("answer = %d %q, %v, want 200 %q", resp.StatusCode, body, err, test.want)
			}
		})
	}
}

func TestHandlerModes(t *testing.T) {
	const head = "GET /../a HTTP/1.1\r\nHost: shop.example\r\nUpgrade: h2c\r\n\r\n"
	tests := []struct {
		mode    guard.Mode
		reached bool
		upgrade string
		told    string
	}{
		{guard.Enforce, false, "", "path-climbs denied"},
		{guard.Observe, true, "h2c", "path-climbs would-deny, h2c-upgrade would-mend"},
		{guard.Off, true, "h2c", ""},
	}
	for _, test := range tests {
		t.Run(test.mode.String(), func(t *testing.T) {
			var told []string
			var denial guard.Denial
			s := step(t, sanity.Options{
				Hosts: []string{"shop.example"}, Mode: test.mode,
				Sink: func(_ context.Context, e guard.Event) { told = append(told, e.Rule+" "+e.Action.String()) },
				Deny: func(w http.ResponseWriter, _ *http.Request, d guard.Denial) { denial = d },
			})
			reached, upgrade := false, ""
			s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				reached, upgrade = true, r.Header.Get("Upgrade")
			})).ServeHTTP(httptest.NewRecorder(), parse(t, head))
			if got := strings.Join(told, ", "); reached != test.reached || upgrade != test.upgrade || got != test.told {
				t.Errorf("reached %v, Upgrade %q, told %q, want %v, %q, %q", reached, upgrade, got, test.reached, test.upgrade, test.told)
			}
			want := guard.Denial{}
			if test.mode == guard.Enforce {
				want = guard.Denial{Practice: "proxy-trust", Rule: "path-climbs", Status: 400}
			}
			if denial != want {
				t.Errorf("denial = %+v, want %+v", denial, want)
			}
		})
	}
}

func TestFramingClosesTheConnection(t *testing.T) {
	s := step(t, sanity.Options{Hosts: []string{"shop.example"}, Sink: silent})
	r := get(t, "/")
	r.Header["Transfer-Encoding"] = []string{"chunked"}
	w := httptest.NewRecorder()
	s.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != 400 || w.Header().Get("Connection") != "close" {
		t.Errorf("answer = %d, Connection %q, want 400, close", w.Code, w.Header().Get("Connection"))
	}
}

func TestHandlerLeavesTheOuterRequest(t *testing.T) {
	s := step(t, sanity.Options{Hosts: []string{"shop.example"}})
	r := get(t, "/a%2Fb|c")
	var inner *url.URL
	s.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inner = r.URL })).ServeHTTP(httptest.NewRecorder(), r)
	if got := inner.EscapedPath(); got != "/a%2Fb%7Cc" {
		t.Errorf("path within = %q, want /a%%2Fb%%7Cc", got)
	}
	if r.URL.RawPath != "/a%2Fb|c" {
		t.Errorf("RawPath outside = %q, want it untouched", r.URL.RawPath)
	}
}
