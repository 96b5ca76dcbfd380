package door_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/need"
)

// changed returns a copy of the running configuration with change applied.
func (h *house) changed(change func(*config.Config)) *config.Config {
	next := *h.cfg
	change(&next)
	return &next
}

func TestReloadUnderLoadWithoutAnError(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	other := httptest.NewServer(http.HandlerFunc(hello))
	defer other.Close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var served, failed atomic.Int64
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				res, err := h.client.Get(h.url("/"))
				if err != nil {
					failed.Add(1)
					t.Errorf("during reload: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != 200 {
					t.Errorf("during reload: status %d", res.StatusCode)
				}
				served.Add(1)
			}
		})
	}
	upstreams := []string{h.cfg.Upstream, strings.TrimPrefix(other.URL, "http://")}
	for i := range 20 {
		if err := h.Reload(h.changed(func(c *config.Config) { c.Upstream = upstreams[i%2] })); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	if served.Load() < 50 || failed.Load() > 0 {
		t.Errorf("%d served, %d failed", served.Load(), failed.Load())
	}
}

func TestReloadOfServerBoundsUnderLoad(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	before := h.Addr().String()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// A new connection each time: none may be refused between two servers.
				req, err := http.NewRequest(http.MethodGet, h.url("/"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Close = true
				res, err := h.client.Do(req)
				if err != nil {
					t.Errorf("during reload: %v", err)
					return
				}
				res.Body.Close()
			}
		})
	}
	for i := range 10 {
		if err := h.Reload(h.changed(func(c *config.Config) {
			c.Bounds.IdleTimeout = config.Duration(time.Duration(i+1) * 50 * time.Millisecond)
		})); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	if h.Addr().String() != before {
		t.Error("the listener was not kept")
	}
	conn := h.dial()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n"+host+"\r\n")
	start := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil || time.Since(start) > 3*time.Second {
		t.Errorf("an idle connection was kept %v, %v, want the new idle time of 500ms", time.Since(start), err)
	}
}

func TestBadReloadKeepsTheOld(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	tests := map[string]*config.Config{
		"helmet": h.changed(func(c *config.Config) {
			c.Headers.Helmet = &config.Ordered{JSON: []byte(`{"referrerPolicy":{"policy":"foo"}}`)}
		}),
		"upstream":    h.changed(func(c *config.Config) { c.Upstream = "" }),
		"certificate": h.changed(func(c *config.Config) { c.TLS.Certificates = []config.Certificate{{Cert: "none", Key: "none"}} }),
		"address":     h.changed(func(c *config.Config) { c.Listen = busy.Addr().String() }),
		"page":        h.changed(func(c *config.Config) { c.Errors = map[int]string{404: "/nowhere.html"} }),
		"state":       h.changed(func(c *config.Config) { c.State = t.TempDir() }),
		"admin":       h.changed(func(c *config.Config) { c.Admin.Listen = "0.0.0.0:0" }),
	}
	for name, cfg := range tests {
		if err := h.Reload(cfg); err == nil {
			t.Errorf("%s: Reload took it", name)
		}
		if res, body := h.get("/"); res.StatusCode != 200 || body != "hello" {
			t.Errorf("%s: then GET = %d %q, want the old to serve", name, res.StatusCode, body)
		}
	}
}

func TestReloadMovesTheListener(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	old := h.Addr().String()
	if err := h.Reload(h.changed(func(c *config.Config) { c.Listen = "127.0.0.1:0"; c.Redirect = "off" })); err != nil {
		t.Fatal(err)
	}
	if h.Addr().String() == old {
		t.Error("the address stayed")
	}
	if res, _ := h.get("/"); res.StatusCode != 200 {
		t.Errorf("GET on the new address = %d", res.StatusCode)
	}
	if h.RedirectAddr() != nil {
		t.Error("the redirect still listens")
	}
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", old)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("the old address still listens")
		}
	}
}

// session is an application with express-session's cookie.
func session(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("connect.sid"); err == nil {
		fmt.Fprint(w, "session ", c.Value)
		return
	}
	w.Header().Add("Set-Cookie", "connect.sid=s%3Aabcdefghijklmnopqrstuvwxyz012345.sig; Path=/; HttpOnly")
	fmt.Fprint(w, "new")
}

func cookieOf(t *testing.T, res *http.Response) string {
	t.Helper()
	for _, c := range res.Cookies() {
		if c.Value != "" {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no cookie in %v", res.Header["Set-Cookie"])
	return ""
}

// known holds that the application knows the session of a cookie.
func (h *house) known(step, cookie string) {
	h.t.Helper()
	if _, body := h.get("/", func(r *http.Request) { r.Header.Set("Cookie", cookie) }); !strings.HasPrefix(body, "session ") {
		h.t.Errorf("after %s the application says %q, want the session", step, body)
	}
}

func TestSessionsSurviveReloadSwitchAndRestart(t *testing.T) {
	h := build(t, http.HandlerFunc(session), func(c *config.Config) {
		c.Listen = fmt.Sprintf("127.0.0.1:%d", need.Port(t)) // part of the site, so it must stay
	})
	res, _ := h.get("/")
	cookie := cookieOf(t, res)
	if !strings.HasPrefix(cookie, "__Host-") {
		t.Fatalf("cookie = %q, want a __Host- name", cookie)
	}
	known := func(step string) { t.Helper(); h.known(step, cookie) }
	known("start")
	if err := h.Reload(h.changed(func(c *config.Config) { c.Headers.HSTS = "off" })); err != nil {
		t.Fatal(err)
	}
	known("reload")
	if err := h.Switch("cookies", "off"); err != nil {
		t.Fatal(err)
	}
	known("off")
	if err := h.Switch("cookies", "on"); err != nil {
		t.Fatal(err)
	}
	known("on")
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	d, err := door.New(door.Options{Config: h.cfg, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	h.Door = d
	h.client.CloseIdleConnections()
	known("restart")
}

func TestStateIsPrivate(t *testing.T) {
	h := build(t, http.HandlerFunc(session), nil)
	h.get("/")
	for _, name := range []string{"install.key", "cookies.json", "admin.sock"} {
		info, err := os.Stat(filepath.Join(h.cfg.State, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if perm := info.Mode().Perm(); perm != 0o600 {
			t.Errorf("%s has mode %04o, want 0600", name, perm)
		}
	}
}

func TestSwitchAtOnce(t *testing.T) {
	h := build(t, http.HandlerFunc(hello), nil)
	frame := func() string { res, _ := h.get("/"); return res.Header.Get("X-Frame-Options") }
	if got := frame(); got != "SAMEORIGIN" {
		t.Fatalf("X-Frame-Options = %q", got)
	}
	for _, step := range []struct{ mode, want string }{{"off", ""}, {"observe", ""}, {"enforce", "SAMEORIGIN"}, {"off", ""}} {
		if err := h.Switch("headers", step.mode); err != nil {
			t.Fatal(err)
		}
		if got := frame(); got != step.want {
			t.Errorf("%s: X-Frame-Options = %q, want %q", step.mode, got, step.want)
		}
	}
	if err := h.Reload(h.cfg); err != nil {
		t.Fatal(err)
	}
	if got := frame(); got != "" {
		t.Errorf("after a reload X-Frame-Options = %q, want the switch to hold", got)
	}
	if err := h.Switch("headers", "on"); err != nil {
		t.Fatal(err)
	}
	if got := frame(); got != "SAMEORIGIN" {
		t.Errorf("on: X-Frame-Options = %q", got)
	}
	for _, bad := range [][2]string{{"sanity", "off"}, {"nothing", "off"}, {"headers", "maybe"}} {
		if err := h.Switch(bad[0], bad[1]); err == nil {
			t.Errorf("Switch(%q, %q) took it", bad[0], bad[1])
		}
	}
}

func TestNewReportsEveryProblem(t *testing.T) {
	cfg := quickConfig(t, "127.0.0.1:1")
	cfg.Headers.Helmet = &config.Ordered{JSON: []byte(`{"referrerPolicy":{"policy":"foo"},"xFrameOptions":{"action":"never"}}`)}
	cfg.Conceal.Keep = []string{"Content-Type"}
	cfg.Cookies.Session = []string{"a b"}
	_, err := door.New(door.Options{Config: cfg})
	if n := len(guard.OptionErrors(err)); n < 3 {
		t.Errorf("New = %v: %d problems, want those of every guard", err, n)
	}
	if entries, _ := os.ReadDir(cfg.State); len(entries) != 0 {
		t.Errorf("New wrote %v", entries)
	}
}

// TestCookieFoundDuringAReload: the guard of before names a cookie when its successor is in
// place already.
func TestCookieFoundDuringAReload(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			asked <- true
			<-answer
		}
		session(w, r)
	}), func(c *config.Config) { c.Listen = fmt.Sprintf("127.0.0.1:%d", need.Port(t)) })
	type result struct{ cookie string }
	done := make(chan result, 1)
	go func() {
		res, _ := h.get("/slow")
		done <- result{cookieOf(t, res)}
	}()
	<-asked
	if err := h.Reload(h.changed(func(c *config.Config) { c.Headers.HSTS = "off" })); err != nil {
		t.Fatal(err)
	}
	close(answer)
	cookie := (<-done).cookie
	if !strings.HasPrefix(cookie, "__Host-") {
		t.Fatalf("cookie = %q, want a __Host- name", cookie)
	}
	known := func(step string) { t.Helper(); h.known(step, cookie) }
	known("the reload")
	if err := h.Reload(h.changed(func(c *config.Config) { c.Log.Access = "off" })); err != nil {
		t.Fatal(err)
	}
	known("another reload")
}
