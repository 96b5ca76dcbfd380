package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

// counted is raw, with requests served one after another on a connection until serve says
// false, and a count of connections.
func counted(t *testing.T, serve func(conn net.Conn, in *bufio.Reader, r *http.Request) bool) (address string, connections *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	connections = new(atomic.Int32)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil || !serve(conn, in, r) {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String(), connections
}

// TestLies plays applications that break the rules of framing. Each is asked twice: what
// it said beyond its first answer must not become the second.
func TestLies(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name, method, answer string
		status               int
		body                 string
		connections          int32 // for two requests
	}{
		{"honest", "GET", ok, 200, "ok", 1},
		{"honest, chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", 1},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 1},
		{"an answer behind the answer", "GET", ok + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, "ok", 2},
		{"bytes behind chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n", 200, "ok", 2},
		{"length and chunks", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", 2},
		{"chunks and length", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok", 2},
		{"the same length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 1},
		{"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\nok", 502, "", 2},
		{"length as a list", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", 502, "", 2},
		{"length with a sign", "GET", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", 502, "", 2},
		{"length empty", "GET", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", 502, "", 2},
		{"length that overflows", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok", 502, "", 2},
		{"another coding", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 502, "", 2},
		{"coding with the Kelvin sign for a k", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\u212aed\r\n\r\n2\r\nok\r\n0\r\n\r\n", 502, "", 2},
		{"coding twice", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "", 2},
		{"chunks in HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "", 2},
		{"bare LF", "GET", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 502, "", 2},
		{"bare CR", "GET", "HTTP/1.1 200 OK\r\nX: a\rContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"folded", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"space before the colon", "GET", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", 502, "", 2},
		{"no name", "GET", "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"NUL", "GET", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"another version", "GET", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"status of four digits", "GET", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"status with a letter", "GET", "HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"an empty line first", "GET", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "", 2},
		{"HEAD with a body", "HEAD", ok, 200, "", 2},
		{"HEAD without", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, "", 1},
		{"HEAD in chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", 1},
		{"204 with a body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 204, "", 2},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, "", 1},
		{"304 with a body", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", 304, "", 2},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 2},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 2},
		{"many 1xx", "GET", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", 1000) + ok, 502, "", 2},
		{"many fields", "GET", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A:\r\n", 20_000) + "\r\n", 502, "", 2},
		{"many trailers announced", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: " + manyNames(50_000) + "\r\n\r\n0\r\n\r\n", 502, "", 2},
		{"many fields named by Connection", "GET", "HTTP/1.1 200 OK\r\nConnection: " + manyNames(50_000) + "\r\nA5: 1\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 1},
		{"a large head", "GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 100_000) + "\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, connections := counted(t, func(conn net.Conn, _ *bufio.Reader, _ *http.Request) bool {
				_, err := io.WriteString(conn, tt.answer)
				return err == nil
			})
			f := newFront(t, address, nil)
			for range 2 {
				req, _ := http.NewRequest(tt.method, f.URL, nil)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if tt.status == 502 {
					body = nil
				}
				if err != nil || res.StatusCode != tt.status || string(body) != tt.body {
					t.Errorf("%s = %d %q, %v, want %d %q", tt.method, res.StatusCode, body, err, tt.status, tt.body)
				}
			}
			if got := connections.Load(); got != tt.connections {
				t.Errorf("%d connections for two requests, want %d", got, tt.connections)
			}
		})
	}
}

func TestChunksThatLie(t *testing.T) {
	for name, chunks := range map[string]string{
		"sign":             "+2\r\nok\r\n0\r\n\r\n",
		"0x":               "0x2\r\nok\r\n0\r\n\r\n",
		"space":            "2 \r\nok\r\n0\r\n\r\n",
		"no size":          "\r\nok\r\n0\r\n\r\n",
		"overflow":         "10000000000000002\r\nok\r\n0\r\n\r\n",
		"longer":           "2\r\nokay\r\n0\r\n\r\n",
		"bare LF":          "2\nok\r\n0\r\n\r\n",
		"bare LF after":    "2\r\nok\n0\r\n\r\n",
		"endless size":     strings.Repeat("0", 100_000),
		"endless exts":     "2;" + strings.Repeat("a", 100_000) + "\r\nok\r\n0\r\n\r\n",
		"framing trailer":  "2\r\nok\r\n0\r\nContent-Length: 3\r\n\r\n",
		"folded trailer":   "2\r\nok\r\n0\r\nA: b\r\n c\r\n\r\n",
		"endless trailers": "2\r\nok\r\n0\r\n" + strings.Repeat("A: b\r\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks)), nil)
			res, err := http.Get(f.URL)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Error("the client read a whole answer, want it to see the break")
			}
			if got := f.await(); len(got) != 1 || got[0] != upstream.Truncated {
				t.Errorf("reasons = %v, want truncated", got)
			}
		})
	}
}

// TestSlowApplication: a head in drops is bounded as a whole, a body only in its silences.
func TestSlowApplication(t *testing.T) {
	drops := func(text string, every time.Duration) func(net.Conn, *bufio.Reader) {
		return func(conn net.Conn, _ *bufio.Reader) {
			for i := range len(text) {
				if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
					return
				}
				time.Sleep(every)
			}
		}
	}
	t.Parallel()
	f := newFront(t, raw(t, drops("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 20*time.Millisecond)), brief)
	if res, err := http.Get(f.URL); err != nil || res.StatusCode != 504 {
		t.Errorf("a head in drops = %v, %v, want 504", res, err)
	}
	f = newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
		drops("abcdefgh", 500*time.Millisecond)(conn, in) // 4 s, twice the idle time
	}), func(o *upstream.Options) { o.Idle = 2 * time.Second })
	res, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "abcdefgh" {
		t.Errorf("a body in drops = %q, %v, want it whole", body, err)
	}
}

// TestAnswerUntilClose needs no length.
func TestAnswerUntilClose(t *testing.T) {
	for _, size := range []int{0, 10, 100_000} {
		f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", size))), nil)
		res, err := http.Get(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || len(body) != size {
			t.Errorf("%d bytes, %v, want %d", len(body), err, size)
		}
	}
}

func TestTrailersOnlyAnswer(t *testing.T) {
	f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n"+
		"0\r\nGrpc-Status: 5\r\nGrpc-Message: none\r\nGrpc-Message: two\r\n\r\n")), nil)
	res, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || len(body) != 0 {
		t.Errorf("body = %q, %v, want none", body, err)
	}
	if got := fmt.Sprint(res.Trailer); got != "map[Grpc-Message:[none two] Grpc-Status:[5]]" {
		t.Errorf("trailers = %s, want both, announced or not", got)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d,", i)
	}
	return b.String()
}

// TestManyNamesInConnection: a client that names many fields costs no more than it sends.
func TestManyNamesInConnection(t *testing.T) {
	f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")), nil)
	req, _ := http.NewRequest("GET", f.URL, nil)
	for i := range 5000 {
		req.Header.Set(fmt.Sprintf("B%d", i), "1")
	}
	req.Header.Set("Connection", manyNames(50_000))
	start := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if took := time.Since(start); res.StatusCode != 200 || took > 20*time.Second {
		t.Errorf("answer = %d after %v, want 200 soon", res.StatusCode, took)
	}
}
