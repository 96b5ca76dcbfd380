package h1_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// startTLS serves h over TLS and gives what speaks HTTP/2 to net/http.
func startTLS(t *testing.T, h http.Handler) (string, *tls.Config) {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	config := &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	certified.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	std := httptest.NewUnstartedServer(h)
	given, end := make(chan net.Conn), make(chan struct{})
	std.Listener.Close()
	std.Listener = &from{std.Listener, given, end}
	std.Config.Protocols = new(http.Protocols)
	std.Config.Protocols.SetHTTP2(true)
	std.Start()
	s := &h1.Server{Handler: h, Refuse: page, Poison: true, Other: func(c net.Conn) { given <- c }}
	go s.Serve(ln)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		close(end)
		std.Config.Close()
	})
	return ln.Addr().String(), &tls.Config{InsecureSkipVerify: true}
}

// from is a listener of connections accepted elsewhere.
type from struct {
	net.Listener
	conns chan net.Conn
	end   chan struct{}
}

func (f *from) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.end:
		return nil, net.ErrClosed
	}
}

func (f *from) Close() error { return nil }

func TestTLS(t *testing.T) {
	t.Parallel()
	addr, config := startTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Error("the request lacks the state of TLS")
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Proto, " ", r.RequestURI, " ", len(body))
	}))
	tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	res, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/two")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	tr.CloseIdleConnections()
	if string(body) != "HTTP/2.0 /two 0" {
		t.Errorf("over HTTP/2: %q", body)
	}

	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	c := &client{conn, t, bufio.NewReader(conn)}
	big := strings.Repeat("x", 50000)
	for i := range 3 {
		// Two at once, in two records, the second one's body in others.
		c.send(fmt.Sprintf(get, i))
		c.send(fmt.Sprintf("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(big), big))
		for _, want := range []string{fmt.Sprintf("HTTP/1.1 /%d 0", i), "HTTP/1.1 /b 50000"} {
			if _, got := c.answer("GET"); got != want {
				t.Fatalf("over HTTP/1.1: %q, want %q", got, want)
			}
		}
		if i < 2 {
			time.Sleep(2100 * time.Millisecond) // parked
		}
	}
	// An answer to a head that goes on is not lost to a reset.
	go func() {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 200<<10))
	}()
	if res, _ := c.answer("GET"); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long head = %d, want 431", res.StatusCode)
	}
}
