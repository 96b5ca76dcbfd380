package door_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
)

// house is a door before an application, both on loopback.
type house struct {
	*door.Door
	t      *testing.T
	cfg    *config.Config
	app    *httptest.Server // nil when address was given
	client *http.Client     // trusts the local CA, keeps no cookies, follows nothing
	roots  *x509.CertPool
	access *output
	told   *output
}

// output is a writer for several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await waits until the output holds text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(o.String(), text) {
			return
		}
	}
	t.Errorf("output = %q, want it to hold %q", o.String(), text)
}

// stateDir is short: a unix socket's path has a hundred bytes.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func quickConfig(t *testing.T, upstream string) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Upstream, cfg.Listen, cfg.Redirect, cfg.Admin.Listen = upstream, "localhost:0", "localhost:0", "127.0.0.1:0"
	cfg.State, cfg.HTTP1, cfg.Exchange = stateDir(t), loop(), exchange()
	ms := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Millisecond) }
	cfg.Bounds.HeadTimeout, cfg.Bounds.BodyGrace, cfg.Bounds.ResponseTimeout = ms(1000), ms(500), ms(500)
	cfg.Bounds.ConnectTimeout, cfg.Bounds.DrainTimeout, cfg.Bounds.StreamIdle = ms(500), ms(2000), ms(1000)
	return cfg
}

// patient gives clients and the application time, where not the time is what a test is about:
// on a loaded machine many of them are slow.
func patient(c *config.Config) {
	minute := config.Duration(time.Minute)
	b := &c.Bounds
	b.HeadTimeout, b.BodyGrace, b.ResponseTimeout, b.ConnectTimeout, b.StreamIdle = minute, minute, minute, minute, minute
}

// build starts a door before app with cfg changed by change, and options by also.
func build(t *testing.T, app http.Handler, change func(*config.Config), also ...func(*door.Options)) *house {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == hardcheck.UserAgent {
			http.NotFound(w, r)
			return
		}
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	h := buildTo(t, strings.TrimPrefix(s.URL, "http://"), change, also...)
	h.app = s
	return h
}

// buildTo starts a door before the application at address.
func buildTo(t *testing.T, address string, change func(*config.Config), also ...func(*door.Options)) *house {
	t.Helper()
	cfg := quickConfig(t, address)
	if change != nil {
		change(cfg)
	}
	h := &house{t: t, cfg: cfg, access: new(output), told: new(output)}
	o := door.Options{
		Config: cfg, Stdout: h.access, Stderr: h.told,
		Logger: slog.New(slog.NewJSONHandler(h.told, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Load:   func() (*config.Config, error) { return h.cfg, nil },
	}
	for _, f := range also {
		f(&o)
	}
	d, err := door.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Door = d
	h.roots = x509.NewCertPool()
	if len(cfg.TLS.Certificates) == 0 {
		roots, err := filepath.Glob(filepath.Join(cfg.State, "*", "*.pem"))
		more, _ := filepath.Glob(filepath.Join(cfg.State, "*.pem"))
		for _, name := range append(roots, more...) {
			if pem, err := os.ReadFile(name); err == nil {
				h.roots.AppendCertsFromPEM(pem)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots}, ForceAttemptHTTP2: !own, MaxIdleConnsPerHost: 64}
	h.client = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = d.Close(ctx)
	})
	return h
}

func (h *house) port() string {
	_, port, err := net.SplitHostPort(h.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	return port
}

// url is an address of the door, by name.
func (h *house) url(path string) string { return "https://localhost:" + h.port() + path }

// get asks the door, over HTTP/2 where the own loop is not tried, and returns the answer with its body read.
func (h *house) get(path string, change ...func(*http.Request)) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, h.url(path), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	return h.do(req)
}

func (h *house) do(req *http.Request) (*http.Response, string) {
	h.t.Helper()
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: read: %v", req.Method, req.URL, err)
	}
	return res, string(body)
}

// dial opens a raw HTTP/1.1 connection over TLS.
func (h *house) dial() *tls.Conn {
	h.t.Helper()
	conn, err := tls.Dial("tcp", h.Addr().String(), &tls.Config{RootCAs: h.roots, ServerName: "localhost", NextProtos: []string{"http/1.1"}})
	if err != nil {
		h.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

// insecure is a client that takes every certificate.
func insecure() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// lines waits for n access log lines and returns them.
func (h *house) lines(n int) []map[string]any {
	h.t.Helper()
	var out []map[string]any
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		out = nil
		for line := range strings.Lines(h.access.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				h.t.Fatalf("access log line %q: %v", line, err)
			}
			out = append(out, m)
		}
		if len(out) >= n {
			return out
		}
	}
	h.t.Fatalf("%d access log lines, want %d", len(out), n)
	return nil
}

// neutral fails when an answer says what the door or the application is made of.
func neutral(t *testing.T, what string, header http.Header, body string) {
	t.Helper()
	for _, name := range []string{"Server", "X-Powered-By", "Via"} {
		if v := header[name]; v != nil {
			t.Errorf("%s: %s: %v leaves", what, name, v)
		}
	}
	for _, mark := range []string{"connect.sid", "node_modules", "goroutine ", "Go ", "net/http", "Express"} {
		if strings.Contains(body, mark) {
			t.Errorf("%s: body holds %q", what, mark)
		}
	}
}

// guarded fails when an answer lacks the guards' headers or is not our page.
func guarded(t *testing.T, what string, res *http.Response, body string) {
	t.Helper()
	neutral(t, what, res.Header, body)
	if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("%s: X-Content-Type-Options = %q, want nosniff", what, got)
	}
	if res.StatusCode >= 400 && !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("%s: Cache-Control = %q, want the own page's no-store", what, res.Header.Get("Cache-Control"))
	}
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Powered-By", "Express")
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "hello")
}

func TestServesAndGuards(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		hello(w, r)
	}), nil)
	res, body := h.get("/")
	guarded(t, "page", res, body)
	if res.StatusCode != 200 || body != "hello" || (res.ProtoMajor == 2) == own {
		t.Errorf("GET / = %d %q over %s, want 200 hello over HTTP/2, or HTTP/1.1 on the own loop", res.StatusCode, body, res.Proto)
	}
	for name, want := range map[string]string{"X-Frame-Options": "SAMEORIGIN", "Set-Cookie": "a=1; Secure; SameSite=Lax", "Strict-Transport-Security": ""} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "object-src 'none'") {
		t.Errorf("Content-Security-Policy = %q, want the first-day policy", csp)
	}
	line := h.lines(1)[0]
	if line["status"] != 200.0 || line["client_ip"] != "127.0.0.1" || line["uri"] != "/" || len(line["request_id"].(string)) != 32 {
		t.Errorf("access log = %v", line)
	}
}

func TestForwardedIsTruthful(t *testing.T) {
	seen := make(chan *http.Request, 1)
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r }), nil)
	h.get("/x?q=1;2", func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "6.6.6.6")
		r.Header.Set("X-Forwarded-Proto", "http")
		r.Header.Set("X-Real-IP", "6.6.6.6")
		r.Header.Set("Forwarded", "for=6.6.6.6")
		r.Header.Set("X-User-Id", "1")
		r.Header.Set("X-Original-URL", "/admin")
		r.Header.Set("X-Request-Id", "theirs-1")
		r.Header.Set("X_Forwarded_For", "6.6.6.6")
	})
	r := <-seen
	host := "localhost:" + h.port()
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": host, "X-Forwarded-Port": h.port(),
		"Forwarded": `for=127.0.0.1;host="` + host + `";proto=https`, "X-Real-Ip": "", "X-User-Id": "", "X-Original-Url": "", "X_forwarded_for": "",
	} {
		if got := strings.Join(r.Header[name], "|"); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if r.Host != host || r.RequestURI != "/x?q=1;2" {
		t.Errorf("the application saw %s %s, want them unchanged", r.Host, r.RequestURI)
	}
	if line := h.lines(1)[0]; line["client_request_id"] != "theirs-1" || line["uri"] != "/x?q" {
		t.Errorf("access log = %v, want the client's id as another field and no query values", line)
	}
}

func TestRedirect(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	tests := []struct {
		host, target string
		status       int
		location     string
	}{
		{"localhost:1", "/a%2fb?x=1&y=%20", 308, "https://localhost:" + h.port() + "/a%2fb?x=1&y=%20"},
		{"127.0.0.1", "//evil.example/", 308, "https://127.0.0.1:" + h.port() + "//evil.example/"},
		{"[::1]:80", "/", 308, "https://[::1]:" + h.port() + "/"},
		{"LOCALHOST", "http://localhost/abs?q", 308, "https://localhost:" + h.port() + "/abs?q"},
		{"evil.example", "/", 421, ""},
		{"localhost.evil.example", "/", 421, ""},
	}
	for _, tt := range tests {
		conn, err := net.Dial("tcp", h.RedirectAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET "+tt.target+" HTTP/1.1\r\nHost: "+tt.host+"\r\nConnection: close\r\n\r\n")
		res, body := readAnswer(t, conn)
		conn.Close()
		guarded(t, tt.host, res, body)
		if got := res.Header.Get("Location"); res.StatusCode != tt.status || got != tt.location {
			t.Errorf("%s %s = %d %q, want %d %q", tt.host, tt.target, res.StatusCode, got, tt.status, tt.location)
		}
		if res.StatusCode == 308 && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a browser would keep the redirect of a loopback name", tt.host)
		}
	}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	conn, err := net.Dial("tcp", h.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n")
	res, body := readAnswer(t, conn)
	guarded(t, "plain", res, body)
	if res.StatusCode != 400 || strings.Contains(body, "secret") || !res.Close {
		t.Errorf("plain HTTP = %d %q, want the neutral 400", res.StatusCode, body)
	}
}

func TestUnknownHost(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	res, body := h.get("/", func(r *http.Request) { r.Host = "evil.example" })
	guarded(t, "unknown host", res, body)
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("unknown host = %d, want 421", res.StatusCode)
	}
	if line := h.lines(1)[0]; line["action"] != "denied" {
		t.Errorf("access log = %v, want the denial", line)
	}
}
