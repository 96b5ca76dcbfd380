package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
)

// readAnswer reads one answer from a raw connection.
func readAnswer(t *testing.T, conn net.Conn) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("answer cut: %v", err)
	}
	res.Body.Close()
	return res, string(body)
}

// recording is an application that says what reached it, framing included. It reads the
// wire itself, so that nothing cleans up before it looks.
type recording struct {
	ln   net.Listener
	seen chan string
}

func record(t *testing.T) *recording {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &recording{ln, make(chan string, 100)}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go a.serve(conn)
		}
	}()
	return a
}

func (a *recording) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	for {
		var head strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()), in)))
		if err != nil {
			a.seen <- "unreadable: " + head.String()
			return
		}
		// The body is read by its framing from what follows the head.
		body := ""
		switch {
		case strings.Contains(head.String(), "Transfer-Encoding: chunked\r\n"):
			body = readChunks(in)
		case r.ContentLength > 0:
			b := make([]byte, r.ContentLength)
			_, _ = io.ReadFull(in, b)
			body = string(b)
		}
		first, rest, _ := strings.Cut(head.String(), "\r\n")
		framing := []string{first}
		for line := range strings.SplitSeq(rest, "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "host", "content-length", "transfer-encoding", "x":
				framing = append(framing, line)
			}
		}
		if r.UserAgent() != hardcheck.UserAgent {
			a.seen <- strings.Join(framing, "|") + "|" + body
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Length: 2\r\n\r\nok")
	}
}

func readChunks(in *bufio.Reader) string {
	var body strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return body.String()
		}
		var n int64
		if _, err := fmt.Sscanf(line, "%x\r\n", &n); err != nil {
			return body.String() + "!" + line
		}
		_, _ = io.CopyN(&body, in, n)
		_, _ = in.ReadString('\n')
		if n == 0 {
			return body.String()
		}
	}
}

// reached returns what the application saw since the last call.
func (a *recording) reached() []string {
	var out []string
	for {
		select {
		case s := <-a.seen:
			out = append(out, s)
		default:
			return out
		}
	}
}

const host = "Host: localhost\r\n"

// TestBadInput sends what no correct client sends. Status 0 means that the answer is
// net/http's own, before any handler: docs/threat-model.md lists these. The own loop
// answers all with our page. Reached is what
// the application may see: cleaned framing, or nothing.
func TestBadInput(t *testing.T) {
	app := record(t)
	h := buildTo(t, app.ln.Addr().String(), nil)
	chunked := "POST /p HTTP/1.1|" + "Host: localhost|Transfer-Encoding: chunked|"
	big := strings.Repeat("a", 70<<10)
	tests := []struct {
		name, send string
		status     int
		reached    string
		own        int // status of the own loop, where it differs: nothing reaches the application then
	}{
		{"CL and TE", "POST /p HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, chunked + "abc", 400},
		{"TE and CL", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n0\r\n\r\n", 200, chunked, 400},
		{"CL.TE smuggle", "POST /p HTTP/1.1\r\n" + host + "Connection: close\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, chunked, 400},
		{"equal CL twice", "POST /p HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, "POST /p HTTP/1.1|Host: localhost|Content-Length: 3|abc", 400},
		{"different CL", "POST /p HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, "", 400},
		{"CL list", "POST /p HTTP/1.1\r\n" + host + "Content-Length: 3, 3\r\n\r\nabc", 0, "", 400},
		{"CL with sign", "POST /p HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc", 0, "", 400},
		{"CL negative", "POST /p HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\nabc", 0, "", 400},
		{"TE xchunked", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0, "", 501},
		{"TE twice", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 0, "", 400},
		{"TE gzip, chunked", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, "", 501},
		{"TE with vertical tab", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 0, "", 400},
		{"TE in HTTP/1.0", "POST /p HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n", 200, "POST /p HTTP/1.1|Host: localhost|Content-Length: 0|", 400},
		{"space before colon", "GET /p HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc", 0, "", 400},
		{"bare LF", "GET /p HTTP/1.1\n" + "Host: localhost\nX: 1\n\n", 200, "GET /p HTTP/1.1|Host: localhost|X: 1|", 400},
		{"obs-fold", "GET /p HTTP/1.1\r\n" + host + "X: 1\r\n 2\r\n\r\n", 200, "GET /p HTTP/1.1|Host: localhost|X: 1 2|", 400},
		{"empty header name", "GET /p HTTP/1.1\r\n" + host + ": x\r\n\r\n", 0, "", 400},
		{"NUL in value", "GET /p HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", 0, "", 400},
		{"bare CR in value", "GET /p HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 0, "", 400},
		{"chunk size overflow", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400, "", 0},
		{"chunk size with sign", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400, "", 0},
		{"chunk size 0x", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400, "", 0},
		{"chunk without end", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 400, "", 0},
		{"chunk extension", "POST /p HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", 200, chunked + "abc", 0},
		{"no Host", "GET /p HTTP/1.1\r\n\r\n", 0, "", 400},
		{"empty Host", "GET /p HTTP/1.1\r\nHost:\r\n\r\n", 400, "", 0},
		{"no Host in HTTP/1.0", "GET /p HTTP/1.0\r\n\r\n", 400, "", 0},
		{"two Hosts", "GET /p HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 0, "", 400},
		{"unknown Host", "GET /p HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "", 0},
		{"Host with userinfo", "GET /p HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", 0, "", 400},
		{"Host with path", "GET /p HTTP/1.1\r\nHost: localhost/evil\r\n\r\n", 0, "", 400},
		{"absolute form, other host", "GET http://evil.example/p HTTP/1.1\r\n" + host + "\r\n", 421, "", 400},
		{"absolute form, same host", "GET https://localhost/p HTTP/1.1\r\n" + host + "\r\n", 200, "GET /p HTTP/1.1|Host: localhost|", 0},
		{"PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "", 0},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405, "", 0},
		{"TRACE", "TRACE /p HTTP/1.1\r\n" + host + "\r\n", 405, "", 0},
		{"method in lower case", "get /p HTTP/1.1\r\n" + host + "\r\n", 501, "", 0},
		{"method that is no token", "G(T /p HTTP/1.1\r\n" + host + "\r\n", 0, "", 400},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200, "", 0},
		{"HTTP/3.7", "GET /p HTTP/3.7\r\n" + host + "\r\n", 0, "", 505},
		{"garbage", "\x16\x03garbage\r\n\r\n", 0, "", 400},
		{"climbs", "GET /../etc/passwd HTTP/1.1\r\n" + host + "\r\n", 400, "", 0},
		{"climbs, encoded", "GET /a/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + host + "\r\n", 400, "", 0},
		{"backslash", "GET /a\\..\\b HTTP/1.1\r\n" + host + "\r\n", 400, "", 0},
		{"encoded slash stays", "GET /a%2fb;c//d HTTP/1.1\r\n" + host + "\r\n", 200, "GET /a%2fb;c//d HTTP/1.1|Host: localhost|", 0},
		{"double encoding stays", "GET /a%252fb HTTP/1.1\r\n" + host + "\r\n", 200, "GET /a%252fb HTTP/1.1|Host: localhost|", 0},
		{"broken escape", "GET /a%zz HTTP/1.1\r\n" + host + "\r\n", 0, "", 400},
		{"head of 70 KiB", "GET /p HTTP/1.1\r\n" + host + "X: " + big + "\r\n\r\n", 431, "", 0},
		{"target of 70 KiB", "GET /" + big + " HTTP/1.1\r\n" + host + "\r\n", 431, "", 0},
		{"head of 1 MiB and more", "GET /p HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 1100<<10) + "\r\n\r\n", 0, "", 431},
		{"h2c upgrade", "GET /p HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 200, "GET /p HTTP/1.1|Host: localhost|", 0},
		{"unknown Expect", "GET /p HTTP/1.1\r\n" + host + "Expect: tea\r\n\r\n", 0, "", 417},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if own && tt.own != 0 {
				tt.status, tt.reached = tt.own, ""
			}
			conn := h.dial()
			// A path of its own: what an earlier row left behind may still arrive.
			path := fmt.Sprintf("/p%d ", i)
			send := strings.Replace(tt.send, "/p ", path, 1)
			// The answer may come before all is sent.
			go func() { _, _ = io.WriteString(conn, send) }()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if tt.status == 0 {
				if err == nil {
					body, _ := io.ReadAll(res.Body)
					neutral(t, tt.name, res.Header, strings.ReplaceAll(string(body), "net/http", ""))
					if res.StatusCode < 400 {
						t.Errorf("answer = %d, want a refusal", res.StatusCode)
					}
				}
			} else {
				if err != nil {
					t.Fatalf("no answer: %v", err)
				}
				body, _ := io.ReadAll(res.Body)
				guarded(t, tt.name, res, string(body))
				if res.StatusCode != tt.status {
					t.Errorf("status = %d, want %d", res.StatusCode, tt.status)
				}
			}
			conn.Close()
			got := ""
			for _, one := range app.reached() {
				// Of a broken body the head may have been on its way already.
				if own := strings.Replace(one, path, "/p ", 1); own != one && tt.status != 400 || !strings.Contains(one, " /p") {
					got += own
				}
			}
			if got != tt.reached {
				t.Errorf("the application saw %q, want %q", got, tt.reached)
			}
		})
	}
	if res, body := h.get("/after"); res.StatusCode != 200 || body != "ok" {
		t.Errorf("afterwards GET = %d %q, want the door alive", res.StatusCode, body)
	}
}

func TestHTTP2PrefaceWithoutTLS(t *testing.T) {
	h := buildTo(t, record(t).ln.Addr().String(), nil)
	conn, err := net.Dial("tcp", h.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	res, body := readAnswer(t, conn)
	guarded(t, "h2c", res, body)
	if res.StatusCode != 400 {
		t.Errorf("h2c on the TLS port = %d, want 400", res.StatusCode)
	}
}

func TestSlowHead(t *testing.T) {
	h := buildTo(t, record(t).ln.Addr().String(), func(c *config.Config) { c.Bounds.HeadTimeout = config.Duration(300 * time.Millisecond) })
	for name, send := range map[string]string{"half a head": "GET / HTTP/1.1\r\nHost: local", "nothing": ""} {
		conn := h.dial()
		start := time.Now()
		_, _ = io.WriteString(conn, send)
		if own && send != "" {
			res, body := readAnswer(t, conn)
			guarded(t, name, res, body)
			if res.StatusCode != http.StatusRequestTimeout {
				t.Errorf("%s = %d, want 408", name, res.StatusCode)
			}
		}
		_, _ = io.Copy(io.Discard, conn)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: cut after %v, want the head's time", name, took)
		}
	}
}

func TestSlowBodyAndLargeBody(t *testing.T) {
	h := buildTo(t, record(t).ln.Addr().String(), func(c *config.Config) { c.Bounds.BodyMax = 1000 })
	tests := []struct {
		name, head, body string
		status           int
	}{
		{"slow", "Content-Length: 900\r\n", "x", 408},
		{"slow chunks", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n", 408},
		{"too large by length", "Content-Length: 1001\r\n", "x", 413},
		{"too large in chunks", "Transfer-Encoding: chunked\r\n", "7d0\r\n" + strings.Repeat("x", 2000) + "\r\n", 413},
		{"cut", "Transfer-Encoding: chunked\r\n", "zz\r\n", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn := h.dial()
			_, _ = io.WriteString(conn, "POST /p HTTP/1.1\r\n"+host+tt.head+"\r\n"+tt.body)
			res, body := readAnswer(t, conn)
			guarded(t, tt.name, res, body)
			if res.StatusCode != tt.status || !res.Close {
				t.Errorf("answer = %d, close %v, want %d and the end of the connection", res.StatusCode, res.Close, tt.status)
			}
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("the connection stays open")
			}
		})
	}
}

func TestExpectContinuePasses(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		body, _ := io.ReadAll(r.Body) // the server says 100 here
		w.WriteHeader(http.StatusContinue)
		fmt.Fprintf(w, "%s", body)
	}), nil)
	conn := h.dial()
	in := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, "POST /yes HTTP/1.1\r\n"+host+"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("first line = %q, %v, want 100", line, err)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(conn, "abc")
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(body) != "abc" {
		t.Errorf("answer = %d %q, want the echo after one 100", res.StatusCode, body)
	}
	no := h.dial()
	_, _ = io.WriteString(no, "POST /no HTTP/1.1\r\n"+host+"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if res, _ := readAnswer(t, no); res.StatusCode != http.StatusExpectationFailed {
		t.Errorf("answer = %d, want the application's 417 without a 100 before", res.StatusCode)
	}
}

// TestHTTP2BadInput sends over HTTP/2 what HTTP/1.1 upstreams could be split with.
func TestHTTP2BadInput(t *testing.T) {
	app := record(t)
	h := buildTo(t, app.ln.Addr().String(), nil)
	h.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	for name, change := range map[string]func(*http.Request){
		"huge head":      func(r *http.Request) { r.Header.Set("X", strings.Repeat("a", 70<<10)) },
		"unknown host":   func(r *http.Request) { r.Host = "evil.example" },
		"climbing path":  func(r *http.Request) { r.URL.Opaque = "/../../etc" },
		"encoded NUL":    func(r *http.Request) { r.URL.RawPath, r.URL.Path = "/a%00b", "/a\x00b" },
		"host with port": func(r *http.Request) { r.Host = "evil.example:443" },
	} {
		res, body := h.get("/x", change)
		guarded(t, name, res, body)
		if res.StatusCode < 400 || res.ProtoMajor != 2 {
			t.Errorf("%s = %d over %s, want a refusal over HTTP/2", name, res.StatusCode, res.Proto)
		}
		if got := app.reached(); got != nil {
			t.Errorf("%s reached the application: %q", name, got)
		}
	}
}
