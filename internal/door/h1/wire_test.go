package h1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// page is a Refuse that says which rule.
func page(w http.ResponseWriter, r *http.Request, status int, rule string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Rule", rule)
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s %q %q", rule, r.Method, r.URL.Path)
}

// start serves h on loopback and returns the address. change may set more.
func start(t testing.TB, h http.Handler, change ...func(*h1.Server)) (string, *h1.Server) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &h1.Server{Handler: h, Refuse: page, Logger: slog.New(slog.DiscardHandler)}
	if _, bench := t.(*testing.B); !bench {
		s.Poison = true
	}
	for _, f := range change {
		f(s)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown = %v", err)
			s.Close()
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v, want ErrServerClosed", err)
		}
	})
	return ln.Addr().String(), s
}

// client is a raw connection.
type client struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return &client{conn, t, bufio.NewReader(conn)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// answer reads one answer to a request of the method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("answer cut: %v after %q", err, body)
	}
	return res, string(body)
}

// closed tells whether nothing more comes.
func (c *client) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err := c.in.ReadByte()
	return err == io.EOF
}

// open tells whether the connection answers another request.
func (c *client) open() bool {
	_, _ = io.WriteString(c.Conn, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false
	}
	body, _ := io.ReadAll(res.Body)
	return strings.HasPrefix(string(body), "GET /next")
}

// echo says what it was asked, body and trailers included.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "body: ", err)
		return
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	for name, v := range r.Trailer {
		fmt.Fprintf(w, " %s=%q", name, v)
	}
}

func TestFraming(t *testing.T) {
	const host = "Host: a\r\n"
	chunks := "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n"
	post := "POST / HTTP/1.1\r\n" + host
	tests := []struct {
		name, send string
		status     int
		kept       bool
		body       string
	}{
		{"plain", "GET /a HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET /a "},
		{"length", post + "Content-Length: 3\r\n\r\nabc", 200, true, "POST / abc"},
		{"length with zeros", post + "Content-Length: 003\r\n\r\nabc", 200, true, "POST / abc"},
		{"chunked", chunks + "\r\n3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n", 200, true, "POST / abc0123456789"},
		{"chunked in capitals", post + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, true, "POST / abc"},
		{"extensions", chunks + "\r\n3;a=\"b\"\r\nabc\r\n0;x\r\n\r\n", 200, true, "POST / abc"},
		{"trailers", chunks + "Trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-SUM: 1\r\nX-Other: 2\r\n\r\n", 200, true, `POST / abc X-Sum=["1"]`},
		{"trailer that was not sent", chunks + "Trailer: X-Sum\r\n\r\n0\r\n\r\n", 200, true, "POST /  X-Sum=[]"},
		{"obs-text", "GET / HTTP/1.1\r\n" + host + "X: \xe4\r\n\r\n", 200, true, "GET / "},
		{"absolute form", "GET http://A/x HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET http://A/x "},
		{"empty line after a POST", post + "Content-Length: 1\r\n\r\na\r\n", 200, true, "POST / a"},
		{"asks to close", "GET / HTTP/1.1\r\n" + host + "Connection: Close, x\r\n\r\n", 200, false, "GET / "},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200, false, "GET / "},
		{"HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, true, "GET / "},
		{"h2c is not taken", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", 200, true, "GET / "},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200, true, "OPTIONS * "},

		{"CL and TE", chunks + "Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400, false, "framing"},
		{"TE and CL", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false, "framing"},
		{"CL twice, equal", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, false, "framing"},
		{"CL twice", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, false, "framing"},
		{"CL list", post + "Content-Length: 3, 3\r\n\r\nabc", 400, false, "framing"},
		{"CL with plus", post + "Content-Length: +3\r\n\r\nabc", 400, false, "framing"},
		{"CL negative", post + "Content-Length: -3\r\n\r\nabc", 400, false, "framing"},
		{"CL empty", post + "Content-Length:\r\n\r\n", 400, false, "framing"},
		{"CL hexadecimal", post + "Content-Length: 0x3\r\n\r\nabc", 400, false, "framing"},
		{"CL with a blank", post + "Content-Length: 3 3\r\n\r\nabc", 400, false, "framing"},
		{"CL too large", post + "Content-Length: 9223372036854775808\r\n\r\n", 400, false, "framing"},
		{"TE twice", chunks + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false, "framing"},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false, "framing"},
		{"TE xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE with the Kelvin sign for a k", post + "Transfer-Encoding: chun\u212aed\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE quoted", post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE empty", post + "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 501, false, "transfer-encoding"},
		{"TE with vertical tab", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, false, "header"},
		{"TE with a blank before the colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false, "header"},
		{"TE with tabs around", post + "Transfer-Encoding:\tchunked\t\r\n\r\n0\r\n\r\n", 200, true, "POST / "},
		{"TE in a folded line", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, false, "header"},
		{"announces Content-Length as trailer", chunks + "Trailer: Content-Length\r\n\r\n0\r\n\r\n", 400, false, "trailer"},

		{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, false, "line-end"},
		{"bare LF between fields", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400, false, "line-end"},
		{"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, false, "line-end"},
		{"bare CR in a value", "GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 400, false, "line-end"},
		{"bare CR at a line's end", "GET / HTTP/1.1\r\n" + host + "X: a\r\r\n\r\n", 400, false, "line-end"},
		{"bare CR in the target", "GET /\ra HTTP/1.1\r\n" + host + "\r\n", 400, false, "line-end"},
		{"obs-fold", "GET / HTTP/1.1\r\n" + host + "X: 1\r\n 2\r\n\r\n", 400, false, "header"},
		{"blank before the first field", "GET / HTTP/1.1\r\n " + host + "\r\n", 400, false, "header"},
		{"blank before the colon", "GET / HTTP/1.1\r\n" + host + "X : 1\r\n\r\n", 400, false, "header"},
		{"no name", "GET / HTTP/1.1\r\n" + host + ": 1\r\n\r\n", 400, false, "header"},
		{"no colon", "GET / HTTP/1.1\r\n" + host + "X\r\n\r\n", 400, false, "header"},
		{"NUL in a value", "GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", 400, false, "header"},
		{"NUL in a name", "GET / HTTP/1.1\r\n" + host + "X\x00: b\r\n\r\n", 400, false, "header"},
		{"DEL in a value", "GET / HTTP/1.1\r\n" + host + "X: \x7f\r\n\r\n", 400, false, "header"},
		{"name in UTF-8", "GET / HTTP/1.1\r\n" + host + "\xc3\xa4: 1\r\n\r\n", 400, false, "header"},

		{"empty line first", "\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"no version", "GET /\r\n" + host + "\r\n", 400, false, "request-line"},
		{"two blanks", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"tab", "GET\t/ HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"blank at the end", "GET / HTTP/1.1 \r\n" + host + "\r\n", 400, false, "request-line"},
		{"blank in the target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"fragment", "GET /#a HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"method that is no token", "G(T / HTTP/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"version in lower case", "GET / http/1.1\r\n" + host + "\r\n", 400, false, "request-line"},
		{"garbage", "\x16\x03\x01\x02\x00\r\n\r\n", 400, false, "request-line"},
		{"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, false, "method"},
		{"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505, false, "version"},
		{"HTTP/3.7", "GET / HTTP/3.7\r\n" + host + "\r\n", 505, false, "version"},
		{"broken escape", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400, false, "target"},
		{"no path", "GET a HTTP/1.1\r\n" + host + "\r\n", 400, false, "target"},
		{"opaque target", "GET mailto:a HTTP/1.1\r\n" + host + "\r\n", 400, false, "target"},

		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, false, "missing-host"},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, false, "malformed-host"},
		{"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, false, "malformed-host"},
		{"Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, false, "malformed-host"},
		{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, false, "malformed-host"},
		{"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, false, "malformed-host"},
		{"absolute form of another host", "GET http://b/ HTTP/1.1\r\n" + host + "\r\n", 400, false, "host-mismatch"},
		{"absolute form with another port", "GET http://a:81/ HTTP/1.1\r\n" + host + "\r\n", 400, false, "host-mismatch"},

		{"Expect of something else", post + "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417, false, "expect"},
		{"Expect twice", post + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", 417, false, "expect"},
		{"Expect in HTTP/1.0", "POST / HTTP/1.0\r\nExpect: tea\r\nContent-Length: 1\r\n\r\na", 200, false, "POST / a"},
		{"head too large", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", 431, false, `head-too-large "GET" "/"`},
		{"target too large", "GET /" + strings.Repeat("a", 70<<10) + " HTTP/1.1\r\n" + host + "\r\n", 431, false, "head-too-large"},
		{"head that never ends", "GET / HTTP/1.1\r\n" + strings.Repeat("X: 1\r\n", 12<<10), 431, false, "head-too-large"},

		{"chunk size that is none", chunks + "\r\nzz\r\n", 400, false, "body"},
		{"chunk size empty", chunks + "\r\n\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size with sign", chunks + "\r\n+3\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size 0x", chunks + "\r\n0x3\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size with underscore", chunks + "\r\n1_0\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size with blank", chunks + "\r\n3 \r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size overflows", chunks + "\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk size 2^63", chunks + "\r\n8000000000000000\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"chunk line ends in LF", chunks + "\r\n3\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"LF in an extension", chunks + "\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"CR in an extension", chunks + "\r\n3;a\rb\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"long extension", chunks + "\r\n3;" + strings.Repeat("a", 300) + "\r\nabc\r\n0\r\n\r\n", 400, false, "body"},
		{"many extensions", chunks + "\r\n" + strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 200) + "0\r\n\r\n", 400, false, "body"},
		{"chunk without its end", chunks + "\r\n3\r\nabcXX0\r\n\r\n", 400, false, "body"},
		{"chunk that ends in LF", chunks + "\r\n3\r\nabc\n0\r\n\r\n", 400, false, "body"},
		{"trailer with obs-fold", chunks + "\r\n0\r\nX: 1\r\n 2\r\n\r\n", 400, false, "body"},
		{"trailer Content-Length", chunks + "\r\n0\r\nContent-Length: 3\r\n\r\n", 400, false, "body"},
		{"trailer Host", chunks + "\r\n0\r\nHost: b\r\n\r\n", 400, false, "body"},
		{"trailers too large", chunks + "\r\n0\r\nX: " + strings.Repeat("a", 5<<10) + "\r\n\r\n", 400, false, "body"},
	}
	addr, _ := start(t, http.HandlerFunc(echo))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, addr)
			go func() { _, _ = io.WriteString(c.Conn, tt.send) }()
			res, body := c.answer("GET")
			if res.StatusCode != tt.status || !strings.HasPrefix(body, tt.body) {
				t.Errorf("answer = %d %q, want %d %q", res.StatusCode, body, tt.status, tt.body)
			}
			if tt.kept {
				if res.Close || !c.open() {
					t.Error("the connection was closed, want it kept")
				}
			} else if res.ProtoMinor > 0 && !res.Close || !c.closed() {
				t.Errorf("Close = %v, want it told and done", res.Close)
			}
		})
	}
}

// TestInPieces sends requests a byte at a time.
func TestInPieces(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(echo))
	for _, send := range []string{
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\n\r\n",
	} {
		c := dial(t, addr)
		_ = c.Conn.(*net.TCPConn).SetNoDelay(true)
		for i := range len(send) {
			c.send(send[i : i+1])
			time.Sleep(time.Millisecond)
		}
		if _, body := c.answer("POST"); body != "POST /a abc" {
			t.Errorf("answer = %q", body)
		}
		if !c.open() {
			t.Error("the connection was closed")
		}
	}
}
