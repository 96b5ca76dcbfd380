package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// echoes is an application that also takes WebSockets, and echoes what comes.
func echoes(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestGroupsReloadUnderLoad: members come and go by reloads, under load and with WebSockets
// open on those that stay; nothing fails, and nothing is counted as under way at the end.
func TestGroupsReloadUnderLoad(t *testing.T) {
	a, b, c := echoes(t), echoes(t), echoes(t)
	sets := [][]string{{a, b}, {a, c}, {a, b, c}}
	h := buildTo(t, "app", func(cfg *config.Config) {
		cfg.Upstreams, cfg.Probes = []config.Upstream{group("app", sets[0]...)}, "off"
		cfg.Bounds.StreamIdle, cfg.Bounds.ResponseTimeout = config.Duration(time.Minute), config.Duration(20*time.Second)
	})
	type open struct {
		io.ReadWriter
		in *bufio.Reader
	}
	var sockets []open
	for range 20 {
		conn := h.dial()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: localhost:"+h.port()+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("handshake = %v, %v", res, err)
		}
		sockets = append(sockets, open{conn, in})
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	var served, failed atomic.Int64
	for i := range 6 {
		wg.Go(func() {
			for !stop.Load() {
				var res *http.Response
				var err error
				if i%2 == 0 {
					res, err = h.client.Post(h.url("/"), "text/plain", strings.NewReader("body"))
				} else {
					res, err = h.client.Get(h.url("/"))
				}
				if err != nil {
					t.Error(err)
					failed.Add(1)
					return
				}
				res.Body.Close()
				if res.StatusCode != 200 {
					failed.Add(1)
				}
				served.Add(1)
			}
		})
	}
	for i := range 50 {
		policy := []string{"two-choices", "least-connections", "client"}[i%3]
		if err := h.Reload(h.changed(func(cfg *config.Config) {
			u := group("app", sets[(i+1)%3]...)
			u.Balance = policy
			cfg.Upstreams = []config.Upstream{u}
		})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if failed.Load() > 0 || served.Load() < 50 {
		t.Errorf("%d served, %d failed", served.Load(), failed.Load())
	}
	frame := []byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}
	for i, s := range sockets {
		got := make([]byte, len(frame))
		if _, err := s.Write(frame); err != nil {
			t.Fatalf("WebSocket %d: %v", i, err)
		}
		if _, err := io.ReadFull(s.in, got); err != nil || string(got) != string(frame) {
			t.Fatalf("WebSocket %d echoes %q, %v", i, got, err)
		}
	}
	for _, m := range h.Status().Upstreams[0].Members {
		if m.Address == a && (m.InFlight < 1 || m.InFlight > int64(len(sockets))) {
			t.Errorf("%s: %d under way, want its WebSockets", m.Address, m.InFlight)
		}
		if m.Failures > 0 {
			t.Errorf("%s: %d failures", m.Address, m.Failures)
		}
	}
}
