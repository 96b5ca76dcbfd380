package h1_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// TestEmptyLineAfterAPostIsIdle: the line that is forgiven begins no request. A connection
// with it would have the time of a head, not that of an idle one, and hold a shutdown.
func TestEmptyLineAfterAPostIsIdle(t *testing.T) {
	addr, s := start(t, http.HandlerFunc(echo), func(s *h1.Server) { s.HeadTimeout, s.IdleTimeout = time.Second, time.Minute })
	const post = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
	for _, pieces := range [][]string{{"\r\n"}, {"\r", "\n"}} {
		c := dial(t, addr)
		c.send(post)
		c.answer("POST")
		for _, piece := range pieces {
			c.send(piece)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(1200 * time.Millisecond)
		if !c.open() {
			t.Errorf("%q: the connection was not kept", pieces)
		}
		c.send("GET /slow HTTP/1.1\r\n") // a head has its own time, whatever came before
		if res, _ := c.answer("GET"); res.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%q: a slow head = %d, want 408", pieces, res.StatusCode)
		}
		c.Close() // else its last answer lingers
	}
	c := dial(t, addr)
	c.send(post)
	c.answer("POST")
	c.send("\r\n")
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown = %v, want it not to wait", err)
	}
}

// TestBrokenAnswerToHTTP10: where the connection's end is the answer's, one that breaks off
// must not end like a whole one.
func TestBrokenAnswerToHTTP10(t *testing.T) {
	half := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 20000))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/half" {
			panic(http.ErrAbortHandler)
		}
	})
	plain, _ := start(t, half)
	secure, config := startTLS(t, half)
	for path, whole := range map[string]bool{"/half": false, "/whole": true} {
		for name, dial := range map[string]func() (net.Conn, error){
			"plain": func() (net.Conn, error) { return net.Dial("tcp", plain) },
			"TLS":   func() (net.Conn, error) { return tls.Dial("tcp", secure, config) },
		} {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.0\r\nHost: a\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if (err == nil) != whole {
				t.Errorf("%s over %s ends with %v, want it whole: %v", path, name, err, whole)
			}
		}
	}
}

// TestPanicSaysThatTheConnectionEnds: the order of header names that is kept from the
// answer before must not make the 500 forget it.
func TestPanicSaysThatTheConnectionEnds(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("boom")
		}
		w.Header()["X-A"], w.Header()["X-B"] = []string{"1"}, []string{"2"} // as many as the page has
	}), func(s *h1.Server) { s.Poison = false })
	c := dial(t, addr)
	c.send(fmt.Sprintf(get, 1))
	c.answer("GET")
	c.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, _ := c.answer("GET"); res.StatusCode != 500 || !res.Close || !c.closed() {
		t.Errorf("answer = %d, close %v, want 500 and the end", res.StatusCode, res.Close)
	}
}
