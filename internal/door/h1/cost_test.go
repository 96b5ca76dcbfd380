package h1_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// twelve are the values of a guarded answer, made once.
var twelve = func() map[string][]string {
	h := map[string][]string{"Content-Type": {"application/json"}, "Content-Length": {"27"}}
	for i := range 10 {
		h[fmt.Sprintf("X-Guard-Header-%d", i)] = []string{"max-age=31536000; includeSubDomains"}
	}
	return h
}()

var payload = []byte(`{"hello":"world","number":1}`)[:27]

func guardedAnswer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, v := range twelve {
		h[name] = v
	}
	_, _ = w.Write(payload)
}

const browser = "GET /shop/items?page=2 HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\n" +
	"Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: __Host-sid=s%3Aabcdef.ghi\r\n\r\n"

// asker sends the browser's request and reads the whole answer, without allocating.
func asker(tb testing.TB, addr string) func() {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	buf := make([]byte, 8<<10)
	request := []byte(browser)
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		for n := 0; ; {
			m, err := conn.Read(buf[n:])
			if err != nil {
				tb.Fatal(err)
			}
			if n += m; n > 27 && string(buf[n-27:n]) == string(payload) {
				return
			}
		}
	}
}

func TestRequestAllocates(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(guardedAnswer), func(s *h1.Server) { s.Poison = false })
	ask := asker(t, addr)
	ask()
	allocs := testing.AllocsPerRun(500, ask)
	if allocs > 1 {
		t.Errorf("a request costs %v allocations, want its head's one string", allocs)
	}
}

func BenchmarkRequest(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		addr, _ := start(b, http.HandlerFunc(guardedAnswer))
		ask := asker(b, addr)
		b.ReportAllocs()
		for b.Loop() {
			ask()
		}
	})
	b.Run("net_http", func(b *testing.B) {
		s := httptest.NewServer(http.HandlerFunc(guardedAnswer))
		defer s.Close()
		ask := asker(b, s.Listener.Addr().String())
		b.ReportAllocs()
		for b.Loop() {
			ask()
		}
	})
}

// crowdVariable makes the test's own binary the clients of TestIdleConnectionIsSmall, so
// that their halves of the connections are in another process. It holds the address.
const crowdVariable = "H1_TEST_CROWD"

const crowd = 300

var underRace bool

// TestCrowd is no test: it opens connections, asks once on each, and waits.
func TestCrowd(t *testing.T) {
	addr := os.Getenv(crowdVariable)
	if addr == "" {
		t.Skip("the clients of another test")
	}
	for range crowd {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, browser)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestIdleConnectionIsSmall holds what a parked TLS connection costs here, everything
// included: TLS, the goroutine's stack, the conn.
func TestIdleConnectionIsSmall(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("waits until connections are parked, and measures memory")
	}
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	config := &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	certified.Close()
	measure := func(serve func(net.Listener) error) int64 {
		ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		var asked atomic.Int32
		go func() { _ = serve(counted{ln, &asked}) }()
		before := inUse()
		clients := exec.Command(os.Args[0], "-test.run=^TestCrowd$")
		clients.Env = append(os.Environ(), crowdVariable+"="+ln.Addr().String())
		hold, err := clients.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := clients.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); asked.Load() < crowd && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2500 * time.Millisecond)
		each := (inUse() - before) / crowd
		_ = hold.Close()
		if err := clients.Wait(); err != nil || asked.Load() < crowd {
			t.Fatalf("the clients: %v, %d connected", err, asked.Load())
		}
		return each
	}
	own := &h1.Server{Handler: http.HandlerFunc(guardedAnswer)}
	defer own.Close()
	std := &http.Server{Handler: http.HandlerFunc(guardedAnswer)}
	defer std.Close()
	ours, theirs := measure(own.Serve), measure(std.Serve)
	t.Logf("a parked TLS connection: %d bytes, net/http's %d", ours, theirs)
	if ours > 15<<10 {
		t.Errorf("a parked TLS connection costs %d bytes, want at most 15 KiB", ours)
	}
}

// counted counts what is accepted.
type counted struct {
	net.Listener
	n *atomic.Int32
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

func inUse() int64 {
	for range 8 { // stacks shrink by half a time
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
