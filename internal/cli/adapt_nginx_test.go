//go:build unix

package cli_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/need"
)

// A meant answer is what has to be the same of nginx and of the adapted door.
type meant struct {
	status   int
	app      string // who answered, and for which path
	location string
}

// TestAdaptedDoorDoesWhatNginxDid runs nginx and the door that was made from its file in
// front of the same applications.
func TestAdaptedDoorDoesWhatNginxDid(t *testing.T) {
	nginx := need.Program(t, "nginx")
	dir := t.TempDir()
	(&workbench{dir: dir}).certificate(t, "shop.example", "api.example")
	named := func(name string) string {
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("X-App", name+" "+r.Method+" "+r.Host+" "+r.URL.RequestURI())
			if r.URL.Path == "/gone" {
				w.WriteHeader(http.StatusGone)
			}
		}))
		t.Cleanup(app.Close)
		return strings.TrimPrefix(app.URL, "http://")
	}
	replace := strings.NewReplacer("SECURE", fmt.Sprint(need.Port(t)), "PLAIN", fmt.Sprint(need.Port(t)), "DIR", dir, "WEB", named("web"), "API1", named("api"), "API2", named("api"), "CART", named("cart"))
	file := filepath.Join(dir, "nginx.conf")
	text := replace.Replace(differential)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-c", file)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("nginx: %v\n%s", err, said.String())
		}
	})

	r, err := adapt.Nginx(file)
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, config.FileName)
	if err := os.WriteFile(made, r.YAML(), 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "p") // short, since the path of a unix socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(state) })
	cfg, err := config.Load(made, nil, config.Flag{Path: "listen", Name: "--listen", Values: []string{"127.0.0.1:0"}},
		config.Flag{Path: "redirect", Name: "--redirect", Values: []string{"127.0.0.1:0"}},
		config.Flag{Path: "admin.listen", Name: "--admin", Values: []string{"off"}},
		config.Flag{Path: "state", Name: "--state", Values: []string{state}})
	if err != nil {
		t.Fatalf("%v\n%s", err, r.YAML())
	}
	d, err := door.New(door.Options{Config: cfg, Stdout: io.Discard, Stderr: io.Discard, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = d.Close(ctx)
	})

	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(dir, "fullchain.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	before := client(roots, "127.0.0.1:"+replace.Replace("SECURE"), "127.0.0.1:"+replace.Replace("PLAIN"))
	after := client(roots, d.Addr().String(), d.RedirectAddr().String())
	cases := []struct{ method, url, body string }{
		{"GET", "https://shop.example/", ""},
		{"GET", "https://shop.example/a/b?c=d", ""},
		{"GET", "https://shop.example/gone", ""},
		{"HEAD", "https://shop.example/", ""},
		{"POST", "https://shop.example/small", "x"},
		{"POST", "https://shop.example/large", strings.Repeat("x", 3000)},
		{"GET", "http://shop.example/a?b=c", ""},
	}
	for _, url := range []string{
		"https://shop.example/api/items?id=1", "https://shop.example/cart", "https://shop.example/cart/1", "https://shop.example/carts",
		"https://api.example/api/items", "https://api.example/cart",
	} {
		cases = append(cases, struct{ method, url, body string }{"GET", url, ""})
	}
	for _, tt := range cases {
		want, got := answer(t, before, tt.method, tt.url, tt.body), answer(t, after, tt.method, tt.url, tt.body)
		if got != want {
			t.Errorf("%s %s: the door answers %+v, nginx did %+v\n%s", tt.method, tt.url, got, want, r.YAML())
		}
	}
}

const differential = `
daemon off;
pid DIR/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  ssl_certificate fullchain.pem;
  ssl_certificate_key privkey.pem;
  proxy_set_header Host $host;
  client_max_body_size 2k;
  upstream api { server API1; server API2; keepalive 4; }
  server { listen 127.0.0.1:PLAIN; server_name shop.example; return 301 https://$host$request_uri; }
  server {
    listen 127.0.0.1:SECURE ssl;
    server_name shop.example;
    location / { proxy_pass http://WEB; }
    location /api/ { proxy_pass http://api; }
    location = /cart { proxy_pass http://CART; }
  }
  server { listen 127.0.0.1:SECURE ssl; server_name api.example; location / { proxy_pass http://api; } }
}
`

// client reaches the two ports of a proxy, whatever the host.
func client(roots *x509.CertPool, secure, plain string) *http.Client {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		to := plain
		if strings.HasSuffix(address, ":443") {
			to = secure
		}
		var d net.Dialer
		// nginx may not listen yet.
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			conn, err := d.DialContext(ctx, "tcp", to)
			if err == nil || time.Now().After(end) {
				return conn, err
			}
		}
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
}

func answer(t *testing.T, c *http.Client, method, url, body string) meant {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	m := meant{status: res.StatusCode, app: res.Header.Get("X-App"), location: res.Header.Get("Location")}
	if m.status == http.StatusMovedPermanently || m.status == http.StatusPermanentRedirect {
		// The door's keeps the method; its port is another here.
		m.status, m.location = http.StatusPermanentRedirect, https(m.location)
	}
	return m
}

// https is a Location without its port.
func https(location string) string {
	rest, ok := strings.CutPrefix(location, "https://")
	host, path, _ := strings.Cut(rest, "/")
	name, _, _ := strings.Cut(host, ":")
	if !ok {
		return location
	}
	return "https://" + name + "/" + path
}
