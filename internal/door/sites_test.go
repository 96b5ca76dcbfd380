package door_test

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

// tell is an application that says its name and what it was asked for.
func tell(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, name, " ", r.Host, " ", r.RequestURI)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func group(name string, to ...string) config.Upstream {
	u := config.DefaultUpstream()
	u.Name, u.To = name, to
	return u
}

// exact asks for a target as it is written, and returns the status and the body.
func (h *house) exact(host, target string) (int, string) {
	h.t.Helper()
	conn := h.dial()
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n", target, host, h.port())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestRoutes(t *testing.T) {
	h := buildTo(t, tell(t, "rest"), func(c *config.Config) {
		c.Sites = []string{"localhost", "api.localhost"}
		c.Upstreams = []config.Upstream{group("api", tell(t, "api")), group("static", tell(t, "static"))}
		c.Routes = []config.Route{
			{Path: "/static/", Upstream: "static"}, {Site: "api.localhost", Upstream: "api"},
			{Path: "/static/live/", Upstream: "default"},
		}
	})
	for _, tt := range []struct {
		host, target string
		status       int
		from         string
	}{
		{"localhost", "/", 200, "rest"},
		{"localhost", "/static/a.css?v=1", 200, "static"},
		{"localhost", "/static/live/a", 200, "rest"},
		{"localhost", "/static", 200, "rest"},
		{"api.localhost", "/x", 200, "api"},
		{"API.localhost", "/x", 200, "api"},
		{"api.localhost", "/static/a", 200, "static"},
		{"localhost", "/static/a%2Fb;c", 200, "static"},
		{"localhost", "/static/..%2fadmin", 400, ""},
		{"localhost", "/static/../admin", 400, ""},
		{"localhost", "/static/%2e%2e/admin", 400, ""},
		{"localhost", "/static/x/..;/../admin", 400, ""},
		{"localhost", "//static/a", 400, ""},
		{"localhost", "/x/..%2fstatic/a", 400, ""},
	} {
		status, body := h.exact(tt.host, tt.target)
		want := fmt.Sprintf("%s %s:%s %s", tt.from, tt.host, h.port(), tt.target)
		if status != tt.status || status == 200 && body != want {
			t.Errorf("GET %s%s = %d %.80q, want %d %q", tt.host, tt.target, status, body, tt.status, want)
		}
	}
	h.told.await(t, "api.localhost/ → api (http://127.0.0.1:")
	found := false
	for _, g := range h.Status().Guards {
		for _, r := range g.Rules {
			found = found || r.Rule == "route-ambiguous" && r.Count == 6
		}
	}
	if !found {
		t.Error("status does not count 6 ambiguous paths")
	}
}

// TestGRPC: a call whose client only listens lives longer than a slow body may, and one with
// a wrong answer of the application keeps its status.
func TestGRPC(t *testing.T) {
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc+proto")
		w.Header().Set("Trailer", "Grpc-Status")
		rc := http.NewResponseController(w)
		buf := make([]byte, 8)
		for {
			n, err := io.ReadAtLeast(r.Body, buf, 8)
			if err != nil {
				break
			}
			_, _ = w.Write(buf[:n])
			_ = rc.Flush()
		}
		w.Header().Set("Grpc-Status", "5")
	}))
	app.Config.Protocols = new(http.Protocols)
	app.Config.Protocols.SetUnencryptedHTTP2(true)
	app.Start()
	t.Cleanup(app.Close)
	h := buildTo(t, tell(t, "rest"), func(c *config.Config) {
		c.Upstreams = []config.Upstream{group("rpc", "h2c://"+app.Listener.Addr().String())}
		c.Routes = []config.Route{{Path: "/shop.Cart/", Upstream: "rpc"}}
		c.Bounds.BodyGrace, c.Bounds.StreamIdle = config.Duration(100*time.Millisecond), config.Duration(3*time.Second)
	})
	client := h.client.Transport.(*http.Transport).Clone()
	client.ForceAttemptHTTP2 = true
	defer client.CloseIdleConnections()
	in, out := io.Pipe()
	req, _ := http.NewRequest("POST", h.url("/shop.Cart/Chat"), in)
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("Te", "trailers")
	go func() {
		for range 3 {
			_, _ = out.Write([]byte("\x00\x00\x00\x00\x03abc"))
			time.Sleep(400 * time.Millisecond) // nothing is said for four graces
		}
		out.Close()
	}()
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != strings.Repeat("\x00\x00\x00\x00\x03abc", 3) || res.Trailer.Get("Grpc-Status") != "5" || res.ProtoMajor != 2 {
		t.Errorf("answer = %q, %v, trailers %v over %s", body, err, res.Trailer, res.Proto)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("the answer did not pass the guards")
	}
}

// TestSecureUpstream: https is verified, by the name and the authority that the file says.
func TestSecureUpstream(t *testing.T) {
	app := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "secure ", r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(app.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: app.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	h := buildTo(t, "app", func(c *config.Config) {
		u := group("app", app.URL)
		u.TLS = config.UpstreamTLS{CA: ca, Name: "example.com"}
		c.Upstreams = []config.Upstream{u}
	})
	if res, body := h.get("/"); res.StatusCode != 200 || body != "secure https" {
		t.Errorf("GET / = %d %q, want the application's answer", res.StatusCode, body)
	}
	if err := h.Reload(h.changed(func(c *config.Config) {
		u := group("app", app.URL)
		u.TLS = config.UpstreamTLS{CA: ca, Name: "other.example"}
		c.Upstreams = []config.Upstream{u}
	})); err != nil {
		t.Fatal(err)
	}
	res, body := h.get("/")
	guarded(t, "an application that cannot prove who it is", res, body)
	if res.StatusCode != 502 {
		t.Errorf("GET / = %d, want 502", res.StatusCode)
	}
	if line := h.lines(2)[1]; line["failure"] != "untrusted" {
		t.Errorf("access log = %v, want the reason", line)
	}
	h.told.await(t, "the application app does not answer at "+app.URL)
}

// TestSocketOfTheApplication: a socket instead of a port, and a file that is not there.
func TestSocketOfTheApplication(t *testing.T) {
	path := filepath.Join(stateDir(t), "app.sock")
	h := buildTo(t, "unix:"+path, nil)
	if res, body := h.get("/"); res.StatusCode != 502 {
		t.Errorf("GET / without a socket = %d, want 502", res.StatusCode)
	} else {
		guarded(t, "no socket", res, body)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(hello)}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close() })
	if res, body := h.get("/"); res.StatusCode != 200 || body != "hello" {
		t.Errorf("GET / = %d %q, want the application's", res.StatusCode, body)
	}
	h.told.await(t, "the application answers")
}
