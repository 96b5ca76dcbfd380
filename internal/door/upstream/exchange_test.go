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
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/need"
)

// TestConnectionIsUsedAgain whatever the kind of the exchange, as long as both sides have
// said all they had to.
func TestConnectionIsUsedAgain(t *testing.T) {
	address, connections := counted(t, func(conn net.Conn, _ *bufio.Reader, r *http.Request) bool {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(fmt.Sprint(n)), fmt.Sprint(n))
		return true
	})
	f := newFront(t, address, nil)
	for _, size := range []int{0, 10, 20_000, 300_000} {
		for _, length := range []bool{true, false} {
			var in io.Reader = strings.NewReader(strings.Repeat("x", size))
			if !length {
				in = struct{ io.Reader }{in}
			}
			res, err := http.Post(f.URL, "text/plain", in)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != fmt.Sprint(size) {
				t.Errorf("the application read %q of %d bytes, length told %v: %v", body, size, length, err)
			}
			res.Body.Close()
		}
	}
	most := int32(1)
	if reverse {
		most = 4 // http.Transport takes one back when it gets to it, which may be after the next request
	}
	if got := connections.Load(); got > most {
		t.Errorf("%d connections, want %d", got, most)
	}
}

// TestApplicationClosesIdleConnections: it says nothing and closes between two requests,
// or on having read the second. No safe request may see it.
func TestApplicationClosesIdleConnections(t *testing.T) {
	var second atomic.Bool
	address, _ := counted(t, func(conn net.Conn, _ *bufio.Reader, r *http.Request) bool {
		if r.URL.Path == "/race" && second.CompareAndSwap(true, false) {
			return false // its answer to the next request on a connection is to close
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		second.Store(true)
		return r.URL.Path != "/close"
	})
	f := newFront(t, address, nil)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/close", 200}, {"GET", "/close", 200}, {"POST", "/close", 200}, {"POST", "/close", 200},
		{"GET", "/", 200}, {"GET", "/race", 200}, {"GET", "/race", 200}, {"HEAD", "/race", 200}, {"PUT", "/race", 200},
		{"POST", "/race", 502}, // it may have been done
	} {
		if tt.path == "/close" {
			time.Sleep(10 * time.Millisecond)
		}
		req, _ := http.NewRequest(tt.method, f.URL+tt.path, strings.NewReader(""))
		if tt.method == "PUT" {
			req, _ = http.NewRequest(tt.method, f.URL+tt.path, strings.NewReader("body"))
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != tt.status {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, res.StatusCode, tt.status)
		}
	}
}

// TestRetriesAreBounded: an application that closes every connection on its second request
// gets a burst of requests again, and then no more than one in ten.
func TestRetriesAreBounded(t *testing.T) {
	address, connections := counted(t, func(conn net.Conn, _ *bufio.Reader, r *http.Request) bool {
		if r.Header.Get("X-First") == "" && r.URL.Path == "/again" {
			return false
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		return true
	})
	f := newFront(t, address, nil)
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer c.CloseIdleConnections()
	const rounds = 400
	for range rounds {
		for _, path := range []string{"/", "/again"} {
			res, err := c.Get(f.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	// Each round opens a connection, and one more where the request was sent again.
	if again := connections.Load() - rounds; again < 100 || again > 100+2*rounds/10+5 {
		t.Errorf("%d requests were sent again in %d, want the burst of 100 and one in ten", again, 2*rounds)
	}
}

func TestApplicationRestarts(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	start := func() *http.Server {
		ln, err := net.Listen("tcp", address)
		need.Service(t, "the application's port", err)
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })}
		go func() { _ = s.Serve(ln) }()
		return s
	}
	app := start()
	f := newFront(t, address, nil)
	get := func() int {
		res, err := http.Get(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res.StatusCode
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { get() })
	}
	wg.Wait()
	_ = app.Close()
	if got := get(); got != 502 {
		t.Errorf("while it is away = %d, want 502", got)
	}
	app = start()
	defer app.Close()
	for i := range 30 {
		if got := get(); got != 200 {
			t.Errorf("request %d after its return = %d, want 200 at once", i, got)
		}
	}
}

// TestEarlyAnswer: the application says no before it has read the body. The client sees
// that, and the upload stops.
func TestEarlyAnswer(t *testing.T) {
	for name, keeps := range map[string]bool{"and closes": false, "and goes on reading": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := raw(t, func(conn net.Conn, in *bufio.Reader) {
				_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
				if keeps {
					_, _ = io.Copy(io.Discard, in)
				}
			})
			f := newFullDuplex(t, address)
			conn, err := net.Dial("tcp", hostOf(f.Server))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nonly this")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != 413 || !res.Close {
				t.Fatalf("answer = %v, %v, want the 413, and the connection's end told", res, err)
			}
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "no" {
				t.Errorf("body = %q, %v", body, err)
			}
			if got := f.noted(); len(got) != 0 {
				t.Errorf("reasons = %v, want none", got)
			}
		})
	}
}

// TestUnreadBodyEndsTheConnection: when there is nobody to send the body to, the client is
// told that its connection ends, for net/http might take the rest for a request.
func TestUnreadBodyEndsTheConnection(t *testing.T) {
	f := newFullDuplex(t, fmt.Sprintf("127.0.0.1:%d", need.Port(t)))
	for head, ends := range map[string]bool{"Content-Length: 3": false, "Content-Length: 100000": true, "Transfer-Encoding: chunked": true} {
		conn, err := net.Dial("tcp", hostOf(f.Server))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+head+"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 502 || res.Close != ends {
			t.Errorf("%s: answer = %v, %v, want 502, and the connection's end %v", head, res, err, ends)
		}
		conn.Close()
	}
}

// newFullDuplex is newFront with what the door does for requests with a body.
func newFullDuplex(t *testing.T, address string) *front {
	f := newFront(t, address, nil)
	fullDuplex(f)
	return f
}

func fullDuplex(f *front) {
	inner := f.Config.Handler
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		inner.ServeHTTP(w, r)
	})
}

func (f *front) noted() []upstream.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures
}

// TestExpectation: a client that waits for 100 sends its body only when the application
// wants it, or does not say.
func TestExpectation(t *testing.T) {
	for _, tt := range []struct {
		name   string
		serve  func(conn net.Conn, in *bufio.Reader)
		status int
		asked  bool
	}{
		{"wants it", func(conn net.Conn, in *bufio.Reader) {
			_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			_, _ = io.CopyN(io.Discard, in, 3)
			says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(conn, in)
		}, 200, true},
		{"does not", says("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"), 417, false},
		{"does not know", func(conn net.Conn, in *bufio.Reader) {
			_, _ = io.CopyN(io.Discard, in, 3)
			says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(conn, in)
		}, 200, true},
		{"closes", says(""), 502, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFullDuplex(t, raw(t, tt.serve))
			conn, err := net.Dial("tcp", hostOf(f.Server))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			asked := err == nil && res.StatusCode == 100
			if asked {
				_, _ = io.WriteString(conn, "abc")
				res, err = http.ReadResponse(in, nil)
			}
			if got := f.noted(); err != nil && len(got) > 0 {
				t.Errorf("reasons = %v, want none", got)
			}
			if err != nil || res.StatusCode != tt.status || asked != tt.asked {
				t.Errorf("answer = %v, %v, asked %v, want %d, %v", res, err, asked, tt.status, tt.asked)
			}
		})
	}
}

// TestBodyBothWays holds the content, in sizes around those of the buffers.
func TestBodyBothWays(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	defer app.Close()
	f := newFullDuplex(t, hostOf(app))
	for _, size := range []int{1, 4095, 4096, 4097, 32 << 10, 32<<10 + 1, 1 << 20} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(i * 7)
		}
		for _, length := range []bool{true, false} {
			var in io.Reader = bytes.NewReader(want)
			if !length {
				in = struct{ io.Reader }{in}
			}
			res, err := http.Post(f.URL, "application/octet-stream", in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("echo of %d bytes, length told %v = %d bytes, %v", size, length, len(got), err)
			}
		}
	}
}

// TestNothingIsLeftBehind runs much at once, of it failures and leavings, and counts.
func TestNothingIsLeftBehind(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/slow":
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			_, _ = io.Copy(w, r.Body)
		}
	}))
	defer app.Close()
	before := runtime.NumGoroutine()
	f := newFullDuplex(t, hostOf(app))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%50+1)*time.Millisecond)
			defer cancel()
			path := []string{"/abort", "/slow", "/", "/", "/"}[i%5]
			req, _ := http.NewRequestWithContext(ctx, "POST", f.URL+path, strings.NewReader(strings.Repeat("x", i*1000)))
			if res, err := c.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	c.CloseIdleConnections()
	f.Server.Close()
	f.proxy.CloseIdle()
	app.Close()
	for end := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
