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
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

// behindHTTP2 is newFront for clients that speak HTTP/2.
func behindHTTP2(t *testing.T, address string, change func(*upstream.Options)) *front {
	t.Helper()
	f := newFront(t, address, change)
	s := httptest.NewUnstartedServer(f.Config.Handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	f.Server.Close()
	f.Server = s
	return f
}

func TestHTTP2Clients(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Trailer", "X-Sum")
		n, _ := io.Copy(w, r.Body)
		w.Header().Set("X-Sum", fmt.Sprint(n, r.Trailer.Get("X-Mine")))
	}))
	defer app.Close()
	f := behindHTTP2(t, hostOf(app), nil)
	for _, size := range []int{0, 1, 32 << 10, 1 << 20} {
		for _, length := range []bool{true, false} {
			want := bytes.Repeat([]byte("x"), size)
			req, _ := http.NewRequest("POST", f.URL, struct{ io.Reader }{bytes.NewReader(want)})
			sum := fmt.Sprint(size)
			if length {
				req.ContentLength = int64(size)
			} else {
				req.ContentLength = -1
				req.Trailer = http.Header{"X-Mine": {" mine"}}
				sum += "mine"
			}
			res, err := f.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || !bytes.Equal(got, want) || res.ProtoMajor != 2 {
				t.Errorf("echo of %d bytes, length told %v = %d bytes over %s, %v", size, length, len(got), res.Proto, err)
			}
			if have := strings.ReplaceAll(res.Trailer.Get("X-Sum"), " ", ""); have != sum {
				t.Errorf("trailer = %q, want %q", have, sum)
			}
		}
	}
}

// TestHTTP2EarlyAnswer: over HTTP/2 the answer's end leaves the connection open.
func TestHTTP2EarlyAnswer(t *testing.T) {
	f := behindHTTP2(t, raw(t, says("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")), nil)
	for range 3 {
		body, in := io.Pipe()
		res, err := f.Client().Post(f.URL, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 413 || string(got) != "no" {
			t.Errorf("answer = %d %q, %v, want the 413", res.StatusCode, got, err)
		}
		if _, ok := res.Header["Connection"]; ok {
			t.Error("Connection went out over HTTP/2")
		}
		res.Body.Close()
		in.Close()
	}
}

func TestHTTP2ClientResets(t *testing.T) {
	freed := make(chan struct{}, 10)
	f := behindHTTP2(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
		_, _ = io.Copy(io.Discard, in)
		freed <- struct{}{}
	}), func(o *upstream.Options) { o.Idle = time.Minute })
	for _, body := range []io.Reader{nil, neverEnds{}} {
		ctx, cancel := context.WithCancel(context.Background())
		req, _ := http.NewRequestWithContext(ctx, "POST", f.URL, body)
		res, err := f.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadFull(res.Body, make([]byte, 9))
		cancel()
		select {
		case <-freed:
		case <-time.After(20 * time.Second):
			t.Error("the application's connection stays open after the client left")
		}
	}
}

type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) { time.Sleep(10 * time.Millisecond); return 1, nil }
