package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/internal/need"
)

// way is either way to the application.
type way interface {
	http.Handler
	CloseIdle()
}

// reverse says that the tests at hand go by httputil.ReverseProxy.
var reverse bool

func newWay(o upstream.Options) (way, error) {
	if reverse {
		return upstream.NewReverse(o)
	}
	return upstream.New(o)
}

// front serves a way to address and notes its failures.
type front struct {
	*httptest.Server
	proxy   way
	streams *upstream.Streams

	mu       sync.Mutex
	failures []upstream.Reason
}

func (f *front) note(r upstream.Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, r)
}

// await returns the failures told once there is one, or after 20 seconds.
func (f *front) await() []upstream.Reason {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		got := append([]upstream.Reason(nil), f.failures...)
		f.mu.Unlock()
		if len(got) > 0 || time.Now().After(end) {
			return got
		}
	}
}

// brief is for what is about an application's silence: everything else has time, on a
// machine that may be busy.
func brief(o *upstream.Options) { o.Response, o.Idle = 300*time.Millisecond, 400*time.Millisecond }

func newFront(t *testing.T, address string, change func(*upstream.Options)) *front {
	t.Helper()
	f := &front{streams: upstream.NewStreams()}
	o := upstream.Options{
		Address: address, Connect: 30 * time.Second, Response: 30 * time.Second, Idle: 30 * time.Second,
		Fail: func(w http.ResponseWriter, _ *http.Request, fail upstream.Failure) {
			f.note(fail.Reason)
			http.Error(w, "own page", fail.Status)
		},
		Broken:  func(_ *http.Request, fail upstream.Failure) { f.note(fail.Reason) },
		Streams: f.streams,
	}
	if change != nil {
		change(&o)
	}
	p, err := newWay(o)
	if err != nil {
		t.Fatal(err)
	}
	f.proxy = p
	f.Server = httptest.NewServer(p)
	t.Cleanup(func() { f.Server.Close(); p.CloseIdle() })
	return f
}

// raw listens and lets serve handle each connection, after the request's head was read.
func raw(t *testing.T, serve func(conn net.Conn, in *bufio.Reader)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				in := bufio.NewReader(conn)
				if _, err := http.ReadRequest(in); err == nil {
					serve(conn, in)
				}
			})
		}
	})
	return ln.Addr().String()
}

func says(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, text) }
}

func hostOf(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func TestFailures(t *testing.T) {
	nobody := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	tests := []struct {
		name    string
		address func(t *testing.T) string
		status  int
		reason  upstream.Reason
	}{
		{"nobody listens", func(*testing.T) string { return nobody }, 502, upstream.Refused},
		{"closes without an answer", func(t *testing.T) string { return raw(t, says("")) }, 502, upstream.Closed},
		{"closes inside the head", func(t *testing.T) string { return raw(t, says("HTTP/1.1 200 OK\r\nA: b\r\n")) }, 502, upstream.Closed},
		{"is not HTTP", func(t *testing.T) string { return raw(t, says("SSH-2.0-OpenSSH_9.2\r\n\r\n")) }, 502, upstream.BadAnswer},
		{"malformed header", func(t *testing.T) string { return raw(t, says("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")) }, 502, upstream.BadAnswer},
		{"two lengths", func(t *testing.T) string {
			return raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"))
		}, 502, upstream.BadAnswer},
		{"status below 100", func(t *testing.T) string { return raw(t, says("HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n")) }, 502, upstream.BadAnswer},
		{"switches unasked", func(t *testing.T) string {
			return raw(t, says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
		}, 502, upstream.BadAnswer},
		{"head without end", func(t *testing.T) string {
			return raw(t, func(conn net.Conn, _ *bufio.Reader) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				line := "X-Filler: " + strings.Repeat("a", 8000) + "\r\n"
				for range 25_000 { // 200 MB, were it let
					if _, err := io.WriteString(conn, line); err != nil {
						return
					}
				}
			})
		}, 502, upstream.HeadTooLarge},
		{"hangs", func(t *testing.T) string {
			return raw(t, func(conn net.Conn, in *bufio.Reader) { _, _ = in.ReadByte() })
		}, 504, upstream.ResponseTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var change func(*upstream.Options)
			if tt.reason == upstream.ResponseTimeout {
				change = brief
			}
			f := newFront(t, tt.address(t), change)
			res, err := http.Get(f.URL + "/x")
			if err != nil {
				t.Fatalf("GET = %v, want an answer", err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != tt.status || string(body) != "own page\n" {
				t.Errorf("GET = %d %q, want %d and our page", res.StatusCode, body, tt.status)
			}
			if got := f.await(); len(got) != 1 || got[0] != tt.reason {
				t.Errorf("reasons = %v, want %q", got, tt.reason)
			}
		})
	}
}

func TestAnswersThatBreakAfterTheHead(t *testing.T) {
	tests := []struct {
		name   string
		serve  func(net.Conn, *bufio.Reader)
		reason upstream.Reason
	}{
		{"length promises more", says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), upstream.Truncated},
		{"chunk cut", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), upstream.Truncated},
		{"chunk malformed", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"), upstream.Truncated},
		{"stops in the middle", func(conn net.Conn, in *bufio.Reader) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort")
			_, _ = in.ReadByte()
		}, upstream.Silent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var change func(*upstream.Options)
			if tt.reason == upstream.Silent {
				change = brief
			}
			f := newFront(t, raw(t, tt.serve), change)
			res, err := http.Get(f.URL)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Error("the client read a whole answer, want it to see the break")
			}
			if got := f.await(); len(got) != 1 || got[0] != tt.reason {
				t.Errorf("reasons = %v, want %q", got, tt.reason)
			}
		})
	}
}

func TestLengthThatPromisesLess(t *testing.T) {
	f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")), nil)
	for range 2 {
		res, err := http.Get(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(body) != "ok" {
			t.Errorf("body = %q, %v, want \"ok\" each time", body, err)
		}
	}
}

func TestWhatTheApplicationSees(t *testing.T) {
	got := make(chan *http.Request, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r
	}))
	defer app.Close()
	f := newFront(t, hostOf(app), func(o *upstream.Options) {
		o.Forward = func(h http.Header, in *http.Request) {
			if len(h) > 0 {
				t.Errorf("Forward got %v, want it empty", h)
			}
			h["X-Forwarded-For"], h["X-Door"] = []string{"192.0.2.1"}, []string{"ours"}
		}
		o.KeepTrailer = func(name string) bool { return name != "X-Real-Ip" }
	})
	conn, err := net.Dial("tcp", hostOf(f.Server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /a%2fb;x?q=1;2&bad=%zz HTTP/1.1\r\nHost: shop.example:8443\r\nX-Forwarded-For: 6.6.6.6\r\n"+
		"X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Door: theirs\r\n"+
		"Connection: keep-alive, Upgrade, HTTP2-Settings, X-Hop\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-Hop: 1\r\nTE: trailers\r\n"+
		"Trailer: X-Sum, X-Real-Ip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nX-Real-Ip: 6.6.6.6\r\nX-More: 1\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("answer = %v, %v, want 200", res, err)
	}
	r := <-got
	for name, want := range map[string]string{"X-Forwarded-For": "192.0.2.1", "X-Door": "ours",
		"X-Forwarded-Host": "", "X-Forwarded-Proto": "", "X-Forwarded-Port": "", "Forwarded": "", "Upgrade": "", "Http2-Settings": "", "X-Hop": "", "Te": "trailers",
		"User-Agent": "", "Accept-Encoding": "", "Connection": ""} {
		if have := strings.Join(r.Header[name], "|"); have != want {
			t.Errorf("%s = %q, want %q", name, have, want)
		}
	}
	if r.Host != "shop.example:8443" {
		t.Errorf("Host = %q, want it unchanged", r.Host)
	}
	if r.RequestURI != "/a%2fb;x?q=1;2&bad=%zz" {
		t.Errorf("target = %q, want it unchanged", r.RequestURI)
	}
	if len(r.Trailer) != 1 || r.Trailer.Get("X-Sum") != "7" {
		t.Errorf("trailers = %v, want X-Sum alone", r.Trailer)
	}
}

func TestWhatTheClientSees(t *testing.T) {
	const sent = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n" +
		"f\r\n<html>no type</\r\n0\r\nX-Sum: 7\r\n\r\n"
	f := newFront(t, raw(t, says(sent)), nil)
	var early []string
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			early = append(early, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	})
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || string(body) != "<html>no type</" {
		t.Errorf("body = %q, %v", body, err)
	}
	if len(early) != 1 || early[0] != "103</a.css>; rel=preload" {
		t.Errorf("early = %q, want the one 103", early)
	}
	if v, ok := res.Header["Content-Type"]; ok {
		t.Errorf("Content-Type = %q, want none as the application sent none", v)
	}
	if _, ok := res.Header["X-Hop"]; ok {
		t.Error("X-Hop passed, want hop-by-hop fields dropped")
	}
	if res.Trailer.Get("X-Sum") != "7" {
		t.Errorf("trailers = %v, want X-Sum: 7", res.Trailer)
	}
}

func TestPhasesRunOnEveryPart(t *testing.T) {
	const sent = "HTTP/1.1 103 Early Hints\r\nX-Powered-By: Express\r\n\r\nHTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nTransfer-Encoding: chunked\r\nTrailer: X-Powered-By\r\n\r\n" +
		"2\r\nok\r\n0\r\nX-Powered-By: Express\r\n\r\n"
	p, err := newWay(upstream.Options{Address: raw(t, says(sent))})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Conceal, func(a *hook.Answer) { delete(a.Header, "X-Powered-By") })
		p.ServeHTTP(w, r)
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", hostOf(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
	all, _ := io.ReadAll(conn)
	if bytes.Contains(all, []byte("Express")) || !bytes.Contains(all, []byte("103 Early Hints")) {
		t.Errorf("answer = %q, want the 103 and no banner in any part", all)
	}
}

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := newWay(upstream.Options{Address: "3000", Connect: -1, Idle: -1})
	var fields []string
	for _, e := range guard.OptionErrors(err) {
		fields = append(fields, e.Field)
	}
	if got, want := strings.Join(fields, " "), "Address Connect Idle"; got != want {
		t.Errorf("New named %q, want %q", got, want)
	}
}
