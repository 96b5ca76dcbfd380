package upstream_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/door/upstream"
)

// sink is the client of a benchmark: it takes everything and has deadlines.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header              { return s.h }
func (s *sink) WriteHeader(int)                  {}
func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) Flush()                           {}

// BenchmarkBesideReverseProxy plays the same requests through the exchange and through
// httputil.ReverseProxy over http.Transport, set up much as in NewReverse, by turns, to an
// application on loopback that answers a small JSON. The figures are of one request with
// the application's own work in it, which is the same for both.
func BenchmarkBesideReverseProxy(b *testing.B) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		h["Etag"] = []string{`W/"1f-abc"`}
		h["Cache-Control"] = []string{"no-cache"}
		_, _ = io.WriteString(w, `{"id":1,"name":"a small answer"}`)
	}))
	defer app.Close()
	forward := func(h http.Header, in *http.Request) {
		clientip.WriteForwarded(h, in, clientip.Client{Scheme: "https", Host: "shop.example"})
	}
	own, err := upstream.New(upstream.Options{Address: hostOf(app), Forward: forward})
	if err != nil {
		b.Fatal(err)
	}
	defer own.CloseIdle()
	to, _ := url.Parse(app.URL)
	transport := &http.Transport{
		DisableCompression: true, MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 4 * time.Second,
		ResponseHeaderTimeout: time.Minute, WriteBufferSize: 8 << 10, ReadBufferSize: 8 << 10,
	}
	defer transport.CloseIdleConnections()
	peer := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(to)
			pr.Out.Host = pr.In.Host
			forward(pr.Out.Header, pr.In)
		},
		Transport: transport, ErrorLog: log.New(io.Discard, "", 0),
	}
	play := func(h http.Handler, n, clients int) time.Duration {
		start := time.Now()
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				r, w := browser(b.Context()), &sink{http.Header{}}
				for range n / clients {
					clear(w.h)
					h.ServeHTTP(w, r)
				}
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			const round = 512
			var took [2]time.Duration
			var allocs [2]uint64
			for _, h := range []http.Handler{own, peer} {
				play(h, round, clients) // connections are opened
			}
			n := 0
			for b.Loop() {
				for i, h := range []http.Handler{own, peer} {
					before := mallocs()
					took[i] += play(h, round, clients)
					allocs[i] += mallocs() - before
				}
				n += round
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[0].Nanoseconds())/float64(n), "own-ns")
			b.ReportMetric(float64(took[1].Nanoseconds())/float64(n), "proxy-ns")
			b.ReportMetric(float64(took[1])/float64(took[0]), "times-faster")
			b.ReportMetric(float64(allocs[0])/float64(n), "own-allocs")
			b.ReportMetric(float64(allocs[1])/float64(n), "proxy-allocs")
		})
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// browser is a request as a browser makes it.
func browser(ctx context.Context) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://shop.example/api/items/1?page=2", nil).WithContext(ctx)
	for name, value := range map[string]string{
		"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept": "application/json",
		"Accept-Language": "en-US,en;q=0.5", "Accept-Encoding": "gzip, deflate, br, zstd", "Cookie": "__Host-id=s%3Aabcdefghijklmnop.qrstuvwxyz",
		"Referer": "https://shop.example/", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Connection": "keep-alive",
	} {
		r.Header.Set(name, value)
	}
	return r
}

// TestAllocations holds what a plain exchange costs: the guards' part (two), the fields'
// values, one copy of the head, and the forwarding fields.
func TestAllocations(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		answer, in := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Length: 2\r\n\r\n{}"), make([]byte, 4096)
		for {
			n, err := conn.Read(in)
			if err != nil {
				return
			}
			if bytes.HasSuffix(in[:n], []byte("\r\n\r\n")) {
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}
	}()
	p, err := upstream.New(upstream.Options{Address: ln.Addr().String(), Forward: func(h http.Header, in *http.Request) {
		clientip.WriteForwarded(h, in, clientip.Client{Scheme: "https", Host: "shop.example"})
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.CloseIdle()
	r, w := browser(t.Context()), &sink{http.Header{}}
	got := testing.AllocsPerRun(500, func() {
		clear(w.h)
		p.ServeHTTP(w, r)
	})
	if got > 8 && !race {
		t.Errorf("%v allocations for one exchange, want at most 8", got)
	}
}
