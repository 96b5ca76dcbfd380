package h1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

const get = "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"

func TestPipelining(t *testing.T) {
	var now, most atomic.Int32
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		echo(w, r)
	}))
	c := dial(t, addr)
	const n = 2000
	go func() {
		var b bytes.Buffer
		for i := range n {
			if i%3 == 0 {
				fmt.Fprintf(&b, "POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", i)
			} else {
				fmt.Fprintf(&b, get, i)
			}
		}
		_, _ = c.Write(b.Bytes())
	}()
	for i := range n {
		want := fmt.Sprintf("GET /%d ", i)
		if i%3 == 0 {
			want = fmt.Sprintf("POST /%d ab", i)
		}
		if _, body := c.answer("GET"); body != want {
			t.Fatalf("answer %d = %q, want %q", i, body, want)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d requests of one connection at once, want one after the other", most.Load())
	}
}

func TestPipelinedRefusalComesInOrder(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(echo))
	c := dial(t, addr)
	c.send(fmt.Sprintf(get, 1) + "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" + fmt.Sprintf(get, 2))
	if res, body := c.answer("GET"); res.StatusCode != 200 || body != "GET /1 " {
		t.Errorf("first = %d %q", res.StatusCode, body)
	}
	if res, _ := c.answer("GET"); res.StatusCode != 400 || !c.closed() {
		t.Errorf("second = %d, want 400 and the end", res.StatusCode)
	}
}

func TestExpect(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refuse":
			w.WriteHeader(http.StatusExpectationFailed)
		case "/twice":
			w.WriteHeader(http.StatusContinue)
			fallthrough
		default:
			echo(w, r)
		}
	}))
	for _, path := range []string{"/once", "/twice"} {
		c := dial(t, addr)
		c.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n")
		if line, _ := c.in.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%s: first line = %q, want 100", path, line)
		}
		_, _ = c.in.ReadString('\n')
		c.send("abc")
		if _, body := c.answer("POST"); body != "POST "+path+" abc" || !c.open() {
			t.Errorf("%s = %q, want the echo and the connection kept", path, body)
		}
	}
	refused := dial(t, addr)
	refused.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if res, _ := refused.answer("POST"); res.StatusCode != 417 || !res.Close || !refused.closed() {
		t.Errorf("answer = %d, want 417 alone and the end: nobody knows whether the body comes", res.StatusCode)
	}
	impatient := dial(t, addr)
	impatient.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
	_, _ = impatient.in.ReadString('\n')
	_, _ = impatient.in.ReadString('\n')
	if _, body := impatient.answer("POST"); body != "POST / abc" || !impatient.open() {
		t.Errorf("a client that does not wait gets %q", body)
	}
}

func TestSlowHeadGetsItsAnswer(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(echo), func(s *h1.Server) { s.HeadTimeout, s.IdleTimeout = 150*time.Millisecond, 200*time.Millisecond })
	for _, before := range []string{"", fmt.Sprintf(get, 1)} {
		c := dial(t, addr)
		c.send(before)
		if before != "" {
			c.answer("GET")
		}
		began := time.Now()
		c.send("GET /a HTTP/1.1\r\nHost: a\r\nX:")
		res, body := c.answer("GET")
		if res.StatusCode != 408 || body != `head-timeout "GET" "/a"` || !c.closed() {
			t.Errorf("answer = %d %q, want 408 and the end", res.StatusCode, body)
		}
		if took := time.Since(began); took < 100*time.Millisecond || took > 2*time.Second {
			t.Errorf("after %v, want the head's time", took)
		}
	}
	silent := dial(t, addr)
	if b, err := io.ReadAll(silent); err != nil || len(b) > 0 {
		t.Errorf("who never asks gets %q, %v, want nothing and the end", b, err)
	}
	idle := dial(t, addr)
	idle.send(fmt.Sprintf(get, 1))
	idle.answer("GET")
	if b, err := io.ReadAll(idle.in); err != nil || len(b) > 0 {
		t.Errorf("an idle connection gets %q, %v, want nothing and the end", b, err)
	}
}

// TestIdleConnectionServesAgain waits until what a warm connection keeps is gone.
func TestIdleConnectionServesAgain(t *testing.T) {
	t.Parallel()
	addr, _ := start(t, http.HandlerFunc(echo))
	c := dial(t, addr)
	for i := range 3 {
		c.send(fmt.Sprintf(get, i))
		if _, body := c.answer("GET"); body != fmt.Sprintf("GET /%d ", i) {
			t.Errorf("answer %d = %q", i, body)
		}
		if i == 0 {
			time.Sleep(2200 * time.Millisecond)
		}
	}
}

func TestHalfClose(t *testing.T) {
	gone := make(chan error, 1)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/looks" {
			<-r.Context().Done()
			gone <- r.Context().Err()
		}
		echo(w, r)
	}))
	c := dial(t, addr)
	c.send(fmt.Sprintf(get, 1))
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if _, body := c.answer("GET"); body != "GET /1 " || !c.closed() {
		t.Errorf("answer = %q, want it whole, then the end", body)
	}
	looks := dial(t, addr)
	looks.send("GET /looks HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = looks.Conn.(*net.TCPConn).CloseWrite()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("context = %v, want it cancelled", err)
	}
	cut := dial(t, addr)
	cut.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	_ = cut.Conn.(*net.TCPConn).CloseWrite()
	if res, body := cut.answer("POST"); res.StatusCode != 400 || !strings.Contains(body, io.ErrUnexpectedEOF.Error()) || !res.Close {
		t.Errorf("cut body = %d %q, want 400 and the end", res.StatusCode, body)
	}
}

func TestContextEndsWithTheClientAndTheHandler(t *testing.T) {
	kept := make(chan context.Context, 1)
	gone := make(chan struct{})
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		switch r.URL.Path {
		case "/wait":
			<-ctx.Done()
			close(gone)
		case "/keep":
			if r.Context().Value(http.ServerContextKey) == nil || r.Context().Value(http.LocalAddrContextKey) == nil {
				t.Error("the context lacks what net/http's has")
			}
			kept <- r.Context()
			time.Sleep(200 * time.Millisecond) // the next request is read while the client is looked for
		}
		echo(w, r)
	}))
	c := dial(t, addr)
	c.send("POST /keep HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	time.Sleep(150 * time.Millisecond)
	c.send(fmt.Sprintf(get, 3))
	for _, want := range []string{"POST /keep ", "GET /next ", "GET /3 "} {
		if _, body := c.answer("GET"); body != want {
			t.Errorf("answer = %q, want %q", body, want)
		}
	}
	if err := (<-kept).Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("after its handler the context says %v, want cancelled", err)
	}
	w := dial(t, addr)
	w.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
	w.send("x")
	time.Sleep(20 * time.Millisecond)
	w.Close()
	select {
	case <-gone:
	case <-time.After(2 * time.Second):
		t.Error("the context did not end with the client")
	}
}

func TestEarlyAnswers(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			echo(w, r)
			return
		}
		_, _ = r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, "early")
	}))
	big := strings.Repeat("x", 300<<10)
	tests := []struct {
		name, head, body string
		kept             bool
	}{
		{"small rest, there", "Content-Length: 100\r\n", big[:100], true},
		{"small rest, later", "Content-Length: 100000\r\n", big[:100000], true},
		{"large rest", "Content-Length: 307200\r\n", big, false},
		{"chunks, there", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, addr)
			go func() { _, _ = io.WriteString(c.Conn, "POST / HTTP/1.1\r\nHost: a\r\n"+tt.head+"\r\n"+tt.body) }()
			res, body := c.answer("POST")
			if body != "early" || res.Close == tt.kept {
				t.Errorf("answer = %q, close %v, want early and kept %v", body, res.Close, tt.kept)
			}
			if tt.kept && !c.open() || !tt.kept && !c.closed() {
				t.Errorf("want kept = %v", tt.kept)
			}
		})
	}
}

// TestBodyOutlivesNothing reads a body after the handler has returned, and during.
func TestBodyOutlivesNothing(t *testing.T) {
	late := make(chan error, 2)
	began := make(chan struct{})
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		go func() {
			close(began)
			_, err := io.ReadAll(body) // the client never sends it
			late <- err
			_, err = body.Read(make([]byte, 1))
			late <- err
		}()
		<-began
		time.Sleep(20 * time.Millisecond)
		fmt.Fprint(w, "early")
	}))
	c := dial(t, addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	if res, body := c.answer("POST"); body != "early" || !res.Close || !c.closed() {
		t.Errorf("answer = %q, close %v, want the end of the connection", body, res.Close)
	}
	if err := <-late; err == nil {
		t.Error("the read under way ended well")
	}
	if err := <-late; !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("a later read = %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(echo))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for j := range 100 {
				body := strings.Repeat("x", i*j*7)
				fmt.Fprintf(conn, "POST /%d-%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, j, len(body), body)
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, _ := io.ReadAll(res.Body)
				if want := fmt.Sprintf("POST /%d-%d %s", i, j, body); string(got) != want {
					t.Errorf("answer = %.40q, want %.40q", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestShutdown(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	addr, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(began)
			<-finish
		}
		echo(w, r)
	}))
	fresh, idle, slow := dial(t, addr), dial(t, addr), dial(t, addr)
	idle.send(fmt.Sprintf(get, 1))
	idle.answer("GET")
	slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	if !fresh.closed() || !idle.closed() {
		t.Error("connections without a request stay")
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown = %v before the request was answered", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	if res, body := slow.answer("GET"); body != "GET /slow " || !res.Close {
		t.Errorf("the open request = %q, close %v", body, res.Close)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("a connection is taken after Shutdown")
	}
}

// TestDeadlinesHoldForOneRequest leaves deadlines behind, of which none may strike later.
func TestDeadlinesHoldForOneRequest(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/deadline") {
			rc := http.NewResponseController(w)
			soon := time.Now().Add(30 * time.Millisecond)
			if err := errors.Join(rc.SetReadDeadline(soon), rc.SetWriteDeadline(soon), rc.EnableFullDuplex()); err != nil {
				t.Error(err)
			}
		}
		echo(w, r)
	}))
	c := dial(t, addr)
	for range 2 {
		c.send("POST /deadline HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
		c.answer("POST")
		time.Sleep(50 * time.Millisecond)
		c.send("POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
		time.Sleep(10 * time.Millisecond)
		c.send("y")
		if _, body := c.answer("POST"); body != "POST /next xy" {
			t.Errorf("answer = %q", body)
		}
	}
}

// TestSlowBodyIsCut is what package bounds does: a deadline in the past ends the read.
func TestSlowBodyIsCut(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.AfterFunc(30*time.Millisecond, func() {
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		})
		defer timer.Stop()
		_, err := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusRequestTimeout)
		fmt.Fprint(w, err)
	}))
	c := dial(t, addr)
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	if res, body := c.answer("POST"); res.StatusCode != 408 || !res.Close || !strings.Contains(body, "timeout") || !c.closed() {
		t.Errorf("answer = %d %q, want 408 and the end", res.StatusCode, body)
	}
}
