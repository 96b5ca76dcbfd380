package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

func TestUpstreamFaults(t *testing.T) {
	app := &httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(hello)}}
	address := fmt.Sprintf("127.0.0.1:%d", need.Port(t)) // refused
	h := buildTo(t, address, nil)
	res, body := h.get("/")
	guarded(t, "refused", res, body)
	if res.StatusCode != 502 {
		t.Errorf("refused = %d, want 502", res.StatusCode)
	}
	h.told.await(t, "does not answer")
	if line := h.lines(1)[0]; line["failure"] != "refused" || line["cause"] == nil {
		t.Errorf("access log = %v, want the reason and its cause", line)
	}
	if strings.Contains(body, "refused") || strings.Contains(body, address) {
		t.Errorf("body = %q, want nothing of the cause", body)
	}

	ln, err := net.Listen("tcp", address) // comes back
	need.Service(t, "the application's port", err)
	app.Listener = ln
	app.Start()
	defer app.Close()
	if res, _ := h.get("/"); res.StatusCode != 200 {
		t.Errorf("after its return = %d, want 200", res.StatusCode)
	}
	h.told.await(t, "the application answers")

	app.CloseClientConnections() // killed under idle connections
	if res, _ := h.get("/"); res.StatusCode != 200 {
		t.Errorf("after idle connections were cut = %d, want 200", res.StatusCode)
	}
}

func TestPausedUpstream(t *testing.T) {
	release := make(chan struct{})
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }), nil)
	defer close(release)
	res, body := h.get("/")
	guarded(t, "paused", res, body)
	if res.StatusCode != 504 {
		t.Errorf("paused = %d, want 504", res.StatusCode)
	}
	if line := h.lines(1)[0]; line["failure"] != "response-timeout" {
		t.Errorf("access log = %v, want the reason", line)
	}
}

func TestWebSocketIsMended(t *testing.T) {
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	go func() {
		for {
			conn, err := app.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				r, err := http.ReadRequest(in)
				if err != nil || r.Header.Get("Upgrade") == "" {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Powered-By: Express\r\n"+
					"Set-Cookie: connect.sid=s%3Aabcdefghijklmnopqrstuvwxyz012345.sig; Path=/; HttpOnly\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
				_, _ = io.Copy(conn, in)
			}()
		}
	}()
	h := buildTo(t, app.Addr().String(), nil)
	conn := h.dial()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\n"+host+"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("handshake = %v, %v", res, err)
	}
	neutral(t, "101", res.Header, "")
	if cookies := res.Header["Set-Cookie"]; len(cookies) != 1 || !strings.HasPrefix(cookies[0], "__Host-") {
		t.Errorf("Set-Cookie = %q, want the renamed one", cookies)
	}
	_, _ = io.WriteString(conn, "\x81\x02hi")
	got := make([]byte, 4)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "\x81\x02hi" {
		t.Errorf("echo = %q, %v", got, err)
	}
	conn.Close()
	if line := h.lines(1)[0]; line["status"] != 101.0 {
		t.Errorf("access log = %v, want 101", line)
	}
}

// TestLargeBodiesStream holds the heap while 20 MB go each way, the client and the
// application in this process included.
func TestLargeBodiesStream(t *testing.T) {
	const size = 20 << 20
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodHead {
			return
		}
		if err != nil || n != size {
			t.Errorf("the application read %d, %v", n, err)
		}
		buf := make([]byte, 32<<10)
		for range size / len(buf) {
			_, _ = w.Write(buf)
		}
	}), nil)
	h.get("/", func(r *http.Request) { r.Method = http.MethodHead })
	before := heap()
	var most uint64
	up := io.LimitReader(sampled{&most}, size)
	res, err := h.client.Post(h.url("/"), "application/octet-stream", up)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, io.TeeReader(res.Body, sampled{&most}))
	if err != nil || n != size {
		t.Errorf("the client read %d, %v", n, err)
	}
	if grown := int64(most) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d MB, want at most 16", grown>>20)
	}
}

// sampled is an endless source and a sink that watch the heap.
type sampled struct{ most *uint64 }

func (s sampled) Read(p []byte) (int, error) { *s.most = max(*s.most, sample()); return len(p), nil }

func (s sampled) Write(p []byte) (int, error) { *s.most = max(*s.most, sample()); return len(p), nil }

func heap() uint64 { runtime.GC(); return sample() }

func sample() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
