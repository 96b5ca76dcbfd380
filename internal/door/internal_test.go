package door

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// started returns a running door before an application that listens on address, and
// what it says.
func started(t *testing.T, address string, change func(*Door)) (*Door, *said) {
	t.Helper()
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg := config.Default()
	cfg.Upstream, cfg.Listen, cfg.Redirect, cfg.Admin.Listen, cfg.State = address, "localhost:0", "off", "off", dir
	cfg.Bounds.DrainTimeout = config.Duration(time.Second)
	out := new(said)
	d, err := New(Options{Config: cfg, Stdout: io.Discard, Stderr: out, Logger: slog.New(slog.NewJSONHandler(out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(d)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(t.Context()) })
	return d, out
}

type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		found := strings.Contains(s.b.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
	}
	t.Errorf("said %q, want %q in it", s.b.String(), text)
}

func TestTheWayAroundDegrades(t *testing.T) {
	ln, err := net.Listen("tcp4", "0.0.0.0:0") // as Express's plain listen(3000)
	if err != nil {
		t.Fatal(err)
	}
	app := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = app.Serve(ln) }()
	defer app.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	var mended atomic.Bool
	d, out := started(t, "localhost:"+port, func(d *Door) {
		d.addresses = func() ([]netip.Addr, error) {
			if mended.Load() {
				return nil, nil
			}
			// 127.0.0.2 stands for an address that others can reach.
			return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
		}
	})
	out.await(t, "UNPROTECTED: the application answers on 127.0.0.2:"+port)
	if p := d.checks.problems(); len(p) != 1 || !strings.Contains(p[0], "UNPROTECTED") {
		t.Errorf("problems = %q, want the way around", p)
	}
	mended.Store(true)
	d.checks.again <- struct{}{}
	out.await(t, "mended: around")
	if p := d.checks.problems(); len(p) != 0 {
		t.Errorf("problems = %q, want none", p)
	}
}

func TestHintsAreToldOnce(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, "<pre>Error: x<br> &nbsp; &nbsp;at f (/app/a.js:1:2)</pre>")
	}))
	defer app.Close()
	d, out := started(t, strings.TrimPrefix(app.URL, "http://"), nil)
	out.await(t, "NODE_ENV=production")
	d.watch.Stack()
	out.mu.Lock()
	n := strings.Count(out.b.String(), "panoply: NODE_ENV")
	out.mu.Unlock()
	if hints := d.Status().Hints; n != 1 || len(hints) != 1 || len(d.checks.problems()) != 0 {
		t.Errorf("told %d times, hints %q, problems %q, want one hint", n, hints, d.checks.problems())
	}
}

func TestPanicGetsTheOwnPage(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	defer app.Close()
	d, out := started(t, strings.TrimPrefix(app.URL, "http://"), nil)
	for name, handler := range map[string]http.HandlerFunc{
		"before the head": func(http.ResponseWriter, *http.Request) { panic("secret-cause") },
		"after a write":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("secret-cause") },
	} {
		s := httptest.NewServer(d.begin(func(g *generation) http.Handler { return g.guards.headers.Handler(g.guards.conceal.Handler(handler)) }))
		res, err := http.Get(s.URL)
		if name == "after a write" {
			if err == nil {
				res.Body.Close()
				t.Errorf("%s: the client got a whole answer", name)
			}
		} else {
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 500 || strings.Contains(string(body), "secret") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s = %d %q, want our 500 with the guards' headers", name, res.StatusCode, body)
			}
		}
		s.Close()
	}
	out.await(t, "secret-cause")
}

// signed returns a certificate for host by itself, or by another.
func signed(t *testing.T, host string, self bool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	parent := leaf
	if !self {
		parent = &x509.Certificate{Subject: pkix.Name{CommonName: "Some CA"}}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHSTS(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := openState(dir)
		if err != nil {
			t.Fatal(err)
		}
		d := &Door{state: s}
		cfg := config.Default()
		cfg.Sites = []string{"shop.example", "self.example", "app.localhost", "x.test", "192.0.2.1"}
		certificate := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := signed(t, hello.ServerName, hello.ServerName == "self.example")
			return &c, nil
		}
		const year = 365 * 24 * time.Hour
		local, err := d.newHSTS(cfg, year, certificate)
		if err != nil {
			t.Fatal(err)
		}
		cfg.TLS.Certificates = []config.Certificate{{Cert: "c", Key: "k"}}
		public, err := d.newHSTS(cfg, year, certificate)
		if err != nil {
			t.Fatal(err)
		}
		age := func(h *hsts, scheme, host string) time.Duration {
			return h.maxAge(httptest.NewRequest(http.MethodGet, scheme+"://"+host+"/", nil))
		}
		for _, host := range []string{"self.example", "app.localhost", "x.test", "192.0.2.1", "other.example"} {
			if got := age(public, "https", host); got != 0 {
				t.Errorf("%s: max-age %v, want none", host, got)
			}
		}
		if got := age(local, "https", "shop.example"); got != 0 {
			t.Errorf("local CA: max-age %v, want none", got)
		}
		if got := age(public, "http", "shop.example"); got != 0 {
			t.Errorf("plain http: max-age %v, want none", got)
		}
		if got := age(public, "https", "shop.example:8443"); got != 300*time.Second {
			t.Errorf("first week: max-age %v, want 300 s", got)
		}
		time.Sleep(4 * 24 * time.Hour)
		if s, err = openState(dir); err != nil { // a restart must not begin the week again
			t.Fatal(err)
		}
		again, err := (&Door{state: s}).newHSTS(cfg, year, certificate)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3*24*time.Hour + time.Minute)
		if got := age(again, "https", "shop.example"); got != year {
			t.Errorf("after a week: max-age %v, want a year", got)
		}
	})
}

func TestApplicationsHSTSStaysAwayFromLocalhost(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}))
	defer app.Close()
	d, _ := started(t, strings.TrimPrefix(app.URL, "http://"), nil)
	conn, err := tls.Dial("tcp", d.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	if bytes.Contains(answer, []byte("Strict-Transport-Security")) || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		t.Errorf("answer = %q, want no HSTS on localhost", answer)
	}
}

func TestInstallKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	first, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := openState(dir)
	if err != nil || !bytes.Equal(first.key, second.key) {
		t.Errorf("second start: another key, %v", err)
	}
	if bytes.Equal(first.derive("a"), first.derive("b")) {
		t.Error("two uses have one key")
	}
	if err := os.WriteFile(dir+"/install.key", []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir); err == nil {
		t.Error("a broken key was taken or replaced, want an error")
	}
}
