package door_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/internal/need"
)

// TestLoginCutByClose stops the door while logins send their bodies: what is cut finds the
// counts still there.
func TestLoginCutByClose(t *testing.T) {
	app := &shop{}
	h := build(t, app, named("POST /login"))
	for range 8 {
		_, err := fmt.Fprintf(h.dial(), "POST /login HTTP/1.1\r\nHost: localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\nuser", h.port())
		if err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // until the door reads the bodies
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); err == nil {
		t.Error("Close = nil, want to hear of requests that were cut")
	}
	h.lines(8)
	if told := h.told.String(); strings.Contains(told, "panic") {
		t.Errorf("told %s", told)
	}
}

// TestOrdersWaitForTheStart asks the socket from the moment it is there.
func TestOrdersWaitForTheStart(t *testing.T) {
	for range 5 {
		cfg := quickConfig(t, "127.0.0.1:1")
		cfg.Probes = "off"
		d, err := door.New(door.Options{Config: cfg, Stdout: new(output), Stderr: new(output)})
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan error)
		go func() {
			for {
				s, err := door.Status(context.Background(), door.Socket(cfg.State))
				if err == nil && len(s.Listen) == 0 {
					err = errors.New("no listener is known")
				}
				if !errors.Is(err, admin.ErrNoDoor) {
					asked <- err
					return
				}
			}
		}()
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-asked; err != nil {
			t.Errorf("the first that was asked: %v", err)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestReloadOfLimits refuses what would count elsewhere, and takes the same from elsewhere.
func TestReloadOfLimits(t *testing.T) {
	secret := func(name, text string) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	h := build(t, &shop{}, func(c *config.Config) { c.Limits.Secret = secret("a", "0123456789abcdef") })
	for _, c := range []struct {
		name, want string
		change     func(*config.Limits)
	}{
		{"nothing", "", func(*config.Limits) {}},
		{"another file of the same secret", "", func(l *config.Limits) { l.Secret = secret("b", "0123456789abcdef\n") }},
		{"another secret", "limits.secret cannot change", func(l *config.Limits) { l.Secret = secret("c", "fedcba9876543210") }},
		{"no secret", "limits.secret cannot change", func(l *config.Limits) { l.Secret = "" }},
		{"a secret that is gone", "limits.secret", func(l *config.Limits) { l.Secret += ".gone" }},
		{"a Redis", "limits.redis and its settings cannot change", func(l *config.Limits) { l.Redis = []string{"127.0.0.1:1"} }},
		{"instances", "limits.redis and its settings cannot change", func(l *config.Limits) { l.Instances = 3 }},
	} {
		err := h.Reload(h.changed(func(cfg *config.Config) { c.change(&cfg.Limits) }))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Reload = %v, want %q", c.name, err, c.want)
		}
	}
}

// TestProxyNamedByReload forgets that a proxy has no name once proxies are named.
func TestProxyNamedByReload(t *testing.T) {
	h := build(t, &shop{}, named("POST /login"))
	h.post("/login", credentials("alice", "wrong"), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") })
	h.told.await(t, "LIMITS BY ADDRESS OFF: 127.0.0.1")
	if err := h.Reload(h.changed(func(c *config.Config) { c.Trust.Proxies = []string{"127.0.0.1/32"} })); err != nil {
		t.Fatal(err)
	}
	if hints := strings.Join(h.Status().Hints, "\n"); strings.Contains(hints, "LIMITS BY ADDRESS OFF") {
		t.Errorf("hints = %s", hints)
	}
}

// TestAutoWhileObserving enforces nothing by itself while the guard observes.
func TestAutoWhileObserving(t *testing.T) {
	h := build(t, &shop{}, func(c *config.Config) { c.Login.Auto, c.Login.Mode = "on", guard.Observe })
	h.logIn("first", "wrong")
	h.told.await(t, "login found: POST /login")
	try := func() {
		for i := range 44 {
			h.logIn(fmt.Sprint("user", i), [...]string{"wrong", "right"}[i%2])
		}
	}
	enough := func() bool { // of both: it is put in place between one and the next
		l := h.Logins()[0]
		return l.Successes >= logins.Enough && l.Failures >= logins.Enough
	}
	for end := time.Now().Add(10 * time.Second); !enough() && time.Now().Before(end); {
		try()
	}
	if l := h.Logins()[0]; l.State != logins.Found || !enough() {
		t.Errorf("while observing = %+v, want it found", l)
	}
	if err := h.Switch("login", "enforce"); err != nil {
		t.Fatal(err)
	}
	h.logIn("last", "right")
	h.told.await(t, "login enforced: POST /login")
}

// TestFailedStartLetsGo starts twice: on a port that is taken, and once it is free.
func TestFailedStartLetsGo(t *testing.T) {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", need.Port(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := quickConfig(t, "127.0.0.1:1")
	cfg.Probes, cfg.Listen = "off", ln.Addr().String()
	for range 2 {
		d, err := door.New(door.Options{Config: cfg, Stdout: new(output), Stderr: new(output)})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); err == nil {
			t.Fatal("Start on a taken port, want an error")
		}
		ln.Close()
		if err := d.Start(t.Context()); err != nil {
			t.Fatalf("Start once it is free: %v", err)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if ln, err = net.Listen("tcp", cfg.Listen); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoProxyByWhatWasFound asks a page that takes any password for many users: the limit of
// the address holds at the login all the same.
func TestNoProxyByWhatWasFound(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/search" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}), named("POST /login"))
	h.post("/search", credentials("first", "x"))
	h.told.await(t, "login found: POST /search")
	for end := time.Now().Add(3 * time.Second); h.Logins()[0].Successes == 0 && time.Now().Before(end); {
		h.post("/search", credentials("first", "x")) // until it is observed
	}
	for i := range 60 {
		h.post("/search", credentials(fmt.Sprint("user", i), "x"))
	}
	last := 0
	for i := range 110 {
		last, _ = h.logIn(fmt.Sprint("victim", i), "spring2026")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 110th user from one address = %d, want 429", last)
	}
}
