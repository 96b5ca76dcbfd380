package upstream_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

// TestWebSocketOfAStuckApplicationIsCut: the application reads no more and says nothing.
// Both sides have to go when the time is up, not only the client's: what is on its way to
// the application waits for a write that ends in no other way.
func TestWebSocketOfAStuckApplicationIsCut(t *testing.T) {
	for _, drain := range []bool{false, true} {
		release := make(chan struct{})
		f := newFront(t, raw(t, func(conn net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(conn, accepted)
			<-release
		}), func(o *upstream.Options) {
			if !drain {
				brief(o)
			}
		})
		conn, _ := open(t, f)
		stuffed := make(chan struct{})
		go func() {
			defer close(stuffed)
			piece := frame(2, bytes.Repeat([]byte{'x'}, 1<<20))
			for range 64 {
				_ = conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				if _, err := conn.Write(piece); err != nil {
					return
				}
			}
		}()
		<-stuffed
		if drain {
			f.streams.Drain(t.Context())
		}
		for end := time.Now().Add(20 * time.Second); f.streams.Open() > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("drain %v: %d streams stay open", drain, f.streams.Open())
				break
			}
		}
		close(release)
	}
}

// TestLargeHeadIsBounded: one that comes whole is measured too.
func TestLargeHeadIsBounded(t *testing.T) {
	f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 1<<20)+"\r\nContent-Length: 2\r\n\r\nok")), nil)
	res, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := f.await(); res.StatusCode != http.StatusBadGateway || len(got) != 1 || got[0] != upstream.HeadTooLarge {
		t.Errorf("answer = %d, %v, want 502 and head-too-large", res.StatusCode, got)
	}
}

// TestAnswersWithoutABody: HTTP/2 clients wait for a body of which the head speaks, and
// an application that announces one where none can be may send it into the next answer.
func TestAnswersWithoutABody(t *testing.T) {
	for _, tt := range []struct {
		method, answer string
		length         int64
		connections    int32
	}{
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", 0, 1},
		{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 0, 1},
		{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 0, 2},
		{"GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 2},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 0, 1},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 2, 1},
	} {
		address, connections := counted(t, func(conn net.Conn, _ *bufio.Reader, _ *http.Request) bool {
			_, err := io.WriteString(conn, tt.answer)
			return err == nil
		})
		f := behindHTTP2(t, address, nil)
		for range 2 {
			req, _ := http.NewRequest(tt.method, f.URL, nil)
			res, err := f.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || len(body) != 0 || res.ContentLength != tt.length {
				t.Errorf("%q = %q with length %d, %v, want no body and %d", tt.answer, body, res.ContentLength, err, tt.length)
			}
		}
		if got := connections.Load(); got != tt.connections {
			t.Errorf("%q: %d connections for two requests, want %d", tt.answer, got, tt.connections)
		}
	}
}

// TestBodyThatWasDenied: HTTP/2 can announce no body and send one. The application must not
// get a request that the client is told was malformed.
func TestBodyThatWasDenied(t *testing.T) {
	f := newFront(t, raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")), nil)
	for text, want := range map[string]int{"x": http.StatusBadRequest, "": http.StatusOK} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), 0
			f.proxy.ServeHTTP(w, r)
		})
		f.Config.Handler = h
		res, err := http.Post(f.URL, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("a body of %q where none was announced = %d, want %d", text, res.StatusCode, want)
		}
	}
}
