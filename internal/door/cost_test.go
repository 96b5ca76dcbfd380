package door

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// taker is the client of a benchmark: it takes everything and has deadlines.
type taker struct{ h http.Header }

func (s *taker) Header() http.Header              { return s.h }
func (s *taker) WriteHeader(int)                  {}
func (s *taker) Write(p []byte) (int, error)      { return len(p), nil }
func (s *taker) SetWriteDeadline(time.Time) error { return nil }
func (s *taker) EnableFullDuplex() error          { return nil }
func (s *taker) Flush()                           {}

// api answers a small JSON document, as an Express app would.
type api struct{}

var apiBody = []byte(`{"id":42,"name":"Tea pot","price":1999}`)

func (api) CloseIdle() {}

func (api) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	h["X-Powered-By"] = []string{"Express"}
	_, _ = w.Write(apiBody)
}

// BenchmarkGuards is what the door does for a request between the server and the app: all
// guards as on the first day, and the access log.
func BenchmarkGuards(b *testing.B) {
	cfg := config.Default()
	cfg.Upstream, cfg.Listen, cfg.Redirect, cfg.Admin.Listen, cfg.Probes = "127.0.0.1:1", "127.0.0.1:0", "off", "off", "off"
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	cfg.State = dir
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	d, err := New(Options{Config: cfg, Stdout: out, Stderr: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close(b.Context()) })
	g := *d.current.Load()
	g.app = api{}
	g.chain = d.chain(&g)
	d.put(&g)
	h := d.begin(func(g *generation) http.Handler { return g.chain })
	r := httptest.NewRequest(http.MethodGet, "https://localhost/api/items/1?page=2", nil)
	r.RemoteAddr, r.TLS.CipherSuite = "127.0.0.1:4242", tls.TLS_AES_128_GCM_SHA256
	for name, value := range map[string]string{
		"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept": "application/json",
		"Accept-Language": "en-US,en;q=0.5", "Accept-Encoding": "gzip, deflate, br, zstd",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
	} {
		r.Header.Set(name, value)
	}
	w := &taker{make(http.Header, 32)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}
