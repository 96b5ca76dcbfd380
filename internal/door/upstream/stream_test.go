package upstream_test

import (
	"bufio"
	"context"
	"errors"
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

func TestStreamsBothWaysAtOnce(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		in := bufio.NewScanner(r.Body)
		for in.Scan() {
			fmt.Fprintln(w, "echo", in.Text())
			_ = rc.Flush()
		}
	}))
	defer app.Close()
	p, err := newWay(upstream.Options{Address: hostOf(app)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // as the door does
		p.ServeHTTP(w, r)
	}))
	defer s.Close()
	body, in := io.Pipe()
	go func() { _, _ = io.WriteString(in, "one\n") }()
	res, err := http.Post(s.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := bufio.NewReader(res.Body)
	for i, word := range []string{"one", "two", "three"} {
		if i > 0 {
			_, _ = io.WriteString(in, word+"\n")
		}
		if line, err := out.ReadString('\n'); err != nil || line != "echo "+word+"\n" {
			t.Fatalf("line = %q, %v, want echo %s while the request is still open", line, err, word)
		}
	}
	in.Close()
}

func TestEventStreamEndsCleanlyWhenSilent(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 1\n\n")
		_, _ = in.ReadByte()
	}), func(o *upstream.Options) { o.Idle = 400 * time.Millisecond })
	res, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 9)); err != nil {
		t.Fatalf("first event: %v", err)
	}
	rest, err := io.ReadAll(res.Body)
	if err != nil || len(rest) != 0 {
		t.Errorf("rest = %q, %v, want a clean end after the idle time", rest, err)
	}
}

func TestDrainEndsEventStreams(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
		_, _ = in.ReadByte()
	}), func(o *upstream.Options) { o.Idle = time.Minute })
	res, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.ReadFull(res.Body, make([]byte, 9))
	if n := f.streams.Open(); n != 1 {
		t.Errorf("Open() = %d, want 1", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	f.streams.Drain(ctx)
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("rest = %v, want a clean end", err)
	}
	if ctx.Err() != nil || f.streams.Open() != 0 {
		t.Errorf("Drain left %d streams, %v", f.streams.Open(), ctx.Err())
	}
}

func TestClientGoneIsToldAndFreesTheApplication(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	freed := make(chan struct{})
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		leave()
		_, _ = in.ReadByte() // until the door lets go
		close(freed)
	}), func(o *upstream.Options) { o.Response = time.Minute })
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("GET = %v, want the client's own leaving", err)
	}
	if got := f.await(); len(got) != 1 || got[0] != upstream.ClientGone {
		t.Errorf("reasons = %v, want client-gone", got)
	}
	select {
	case <-freed:
	case <-time.After(20 * time.Second):
		t.Error("the application's connection stays open after the client left")
	}
}

func TestFirstEventComesAtOnce(t *testing.T) {
	for name, head := range map[string]string{
		"event stream":     "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
		"events to close":  "Content-Type: text/event-stream; charset=utf-8\r\n\r\n",
		"until close":      "\r\n",
		"chunks":           "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
		"gRPC with length": "Content-Type: application/grpc+proto\r\nContent-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
				piece := "data: 1\n\n"
				if strings.Contains(head, "chunked") {
					piece = "9\r\n" + piece + "\r\n"
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+head+piece)
				_, _ = in.ReadByte()
			}), func(o *upstream.Options) { o.Idle = time.Minute })
			atOnce(t, f.URL)
		})
	}
}

// atOnce wants the first 9 bytes within 50 ms, half the time that a piece may wait.
func atOnce(t *testing.T, url string) {
	t.Helper()
	quickly(t, "the first bytes", 50*time.Millisecond, func() {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err = io.ReadFull(res.Body, make([]byte, 9)); err != nil {
			t.Fatal(err)
		}
	})
}

// quickly wants try to end within a limit, at the best of many times: the machine may be
// busy, and what waits for a timer does so each time.
func quickly(t *testing.T, what string, limit time.Duration, try func()) {
	t.Helper()
	best := time.Hour
	for range 50 {
		start := time.Now()
		try()
		if best = min(best, time.Since(start)); best <= limit {
			return
		}
	}
	t.Errorf("%s came after %v, want them within %v", what, best, limit)
}

// TestHeadOfASlowBodyIsFlushed: with a length nothing is hurried, and nothing held.
func TestHeadOfASlowBodyIsFlushed(t *testing.T) {
	f := newFront(t, raw(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		_, _ = in.ReadByte()
	}), func(o *upstream.Options) { o.Idle = time.Minute })
	quickly(t, "the head", 400*time.Millisecond, func() { // about 100 ms
		res, err := http.Get(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	})
}

// TestClientLeavesInTheMiddle of what it sends or gets: the application is told by the
// connection's end.
func TestClientLeavesInTheMiddle(t *testing.T) {
	for name, send := range map[string]string{
		"of its body":          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome",
		"of its chunks":        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
		"of the wait":          "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"of a silent answer":   "GET /head HTTP/1.1\r\nHost: x\r\n\r\n",
		"of an endless answer": "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came, freed := make(chan struct{}), make(chan struct{})
			address, _ := counted(t, func(conn net.Conn, in *bufio.Reader, r *http.Request) bool {
				defer close(freed)
				close(came)
				switch r.URL.Path {
				case "/head":
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome")
				case "/endless":
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
					for {
						if _, err := conn.Write(make([]byte, 4096)); err != nil {
							return false
						}
					}
				}
				_, _ = io.Copy(io.Discard, conn)
				return false
			})
			f := newFullDuplex(t, address)
			conn, err := net.Dial("tcp", hostOf(f.Server))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, send)
			<-came
			time.Sleep(60 * time.Millisecond) // for what the application says
			conn.Close()
			select {
			case <-freed:
			case <-time.After(20 * time.Second):
				t.Error("the application still waits")
			}
		})
	}
}
