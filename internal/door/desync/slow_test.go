package desync_test

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// slow is few, so that it costs a test run little: for figures, -v -slow 2000 on a machine
// that does nothing else.
var slow = flag.Int("slow", 150, "slow clients at once")

// TestSlowClients measures what good clients notice while others send a head in drops, a
// body in drops, or ask for much and read nothing, and that nothing of these stays behind.
// The bound is generous, for a busy machine.
func TestSlowClients(t *testing.T) {
	app := recording(t)
	large := "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n" + strings.Repeat("x", 8<<20)
	app.answer = func(path string) ([]string, bool) { return []string{large}, path == "/large" }
	h := open(t, pairs[0], app, func(c *config.Config) {
		// They stay for as long as it is measured, on a busy machine too.
		c.Bounds.HeadTimeout, c.Bounds.BodyGrace = config.Duration(time.Minute), config.Duration(time.Minute)
	})
	calm, err := h.goodClients(2 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	h.client.CloseIdleConnections()
	before := settled()
	crowd := h.slowClients(t, *slow)
	crowded, err := h.goodClients(3 * time.Second)
	if err != nil {
		t.Error("while there are slow clients: ", err)
	}
	during := runtime.NumGoroutine()
	crowd.leave()
	t.Logf("%d slow clients: p50 %v and p99 %v, where it was %v and %v without (%.1f times); %d goroutines, %d before",
		*slow, at(crowded, 50), at(crowded, 99), at(calm, 50), at(calm, 99), float64(at(crowded, 99))/float64(at(calm, 99)), during, before)
	if at(crowded, 99) > max(10*at(calm, 99), 500*time.Millisecond) {
		t.Errorf("p99 = %v with slow clients, %v without", at(crowded, 99), at(calm, 99))
	}
	// The connections to the application idle for 4 s; a linger takes one.
	after := 0
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if after = settled(); after <= before+20 {
			return
		}
	}
	stacks := make([]byte, 16<<10)
	t.Errorf("%d goroutines, %d before the slow clients:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
}

func settled() int { runtime.GC(); return runtime.NumGoroutine() }

func at(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*percent/100]
}

// goodClients ask 8 times 50 times a second, on connections that they keep, and return how
// long each answer took, sorted.
func (h *house) goodClients(long time.Duration) ([]time.Duration, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	for n := range 8 {
		wg.Go(func() {
			l, err := h.dial()
			if err == nil {
				defer l.Close()
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for end := time.Now().Add(long); err == nil && time.Now().Before(end); {
					<-tick.C
					began := time.Now()
					path := fmt.Sprintf("/good%d", n)
					_, _ = io.WriteString(l, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
					res, body, e := l.answer("GET")
					took := time.Since(began)
					if err = e; err == nil {
						err = ours(res, body, nil, path)
					}
					mu.Lock()
					all = append(all, took)
					mu.Unlock()
				}
			}
			if err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all, failed
}

// crowd are slow clients.
type crowd struct {
	mu    sync.Mutex
	conns []*tls.Conn
	end   chan struct{}
	wg    sync.WaitGroup
}

// slowClients opens n of them, a third of each kind.
func (h *house) slowClients(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{end: make(chan struct{})}
	t.Cleanup(c.leave)
	begins := []string{
		"GET /slow HTTP/1.1\r\nHost: localhost\r\nX: ",
		"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n",
		"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
	}
	config := insecure("http/1.1")
	config.CurvePreferences = []tls.CurveID{tls.X25519} // cheap: it is not handshakes that are tried
	every(n, func(i int) {
		raw, err := net.Dial("tcp", h.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		conn := tls.Client(raw, config)
		err = conn.Handshake()
		_ = raw.(*net.TCPConn).SetReadBuffer(4 << 10) // not before: the kernel would have the handshake wait for room
		if err != nil {
			t.Error(err)
		} else if _, err := io.WriteString(conn, begins[i%3]); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		if i%3 == 2 {
			c.conns[len(c.conns)-1] = nil // says nothing more, and reads nothing
		}
		c.mu.Unlock()
		c.wg.Go(func() { <-c.end; _ = raw.Close() })
	})
	c.wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-c.end:
				return
			case <-tick.C:
			}
			for _, conn := range c.conns {
				if conn != nil {
					_, _ = io.WriteString(conn, "a")
				}
			}
		}
	})
	return c
}

// leave is when they have all gone.
func (c *crowd) leave() {
	select {
	case <-c.end:
	default:
		close(c.end)
	}
	c.wg.Wait()
}
