package door_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/load"
)

// reloads and requests are what issue 7 asks for.
const (
	reloads  = 50
	requests = 10_000
)

// TestReloadsUnderLoad changes a guard, the application and the server's own bounds again and
// again, and each third time to something that is refused. No request fails, no WebSocket
// ends, and nothing is forgotten.
func TestReloadsUnderLoad(t *testing.T) {
	h := build(t, load.App(), func(c *config.Config) {
		c.Log.Access = "off"
		patient(c)
	})
	other := httptest.NewServer(load.App())
	defer other.Close()
	if err := h.Switch("csrf", "observe"); err != nil {
		t.Fatal(err)
	}
	if err := h.Block(t.Context(), admin.Subject{Addr: "192.0.2.9"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	h.get("/", func(r *http.Request) { r.Host = "evil.example" })
	refused := h.Refused()[0].ID

	l := load.Start(load.Options{Address: "localhost:" + h.port(), Keep: 8, New: 1, HTTP2: 2, Sockets: 100})
	upstreams := []string{h.cfg.Upstream, strings.TrimPrefix(other.URL, "http://")}
	for i := range reloads {
		for end := time.Now().Add(time.Minute); l.Requests() < int64(i+1)*requests/reloads && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		next := h.changed(func(c *config.Config) {
			c.Upstream = upstreams[i%2]
			c.Headers.HSTS = []string{"", "off"}[i%2]
			c.Bounds.IdleTimeout = config.Duration(time.Minute + time.Duration(i/10)*time.Second)
			if i%3 == 2 {
				c.Errors = map[int]string{404: "/nowhere.html"}
			}
		})
		if err := h.Reload(next); (err != nil) != (i%3 == 2) {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	open := h.Status().Streams
	got := l.Stop()
	t.Logf("%d requests, %d echoes", got.Requests, got.Echoes)
	if got.Failed > 0 || got.Requests < requests {
		t.Errorf("%d requests, %d errors and closes, want %d and none: %v", got.Requests, got.Failed, requests, got.Err)
	}
	if open != 100 {
		t.Errorf("%d WebSockets are open at the end, want all 100", open)
	}
	kept(t, h.Door, refused)
}

// kept holds that a door still knows what was done before TestReloadsUnderLoad's reloads.
func kept(t *testing.T, d *door.Door, refused string) {
	t.Helper()
	blocks, err := d.Blocks(t.Context())
	if err != nil || len(blocks) == 0 {
		t.Errorf("Blocks = %v, %v, want the one by hand", blocks, err)
	}
	status := d.Status()
	if status.Requests < requests {
		t.Errorf("%d requests are counted, want all", status.Requests)
	}
	for _, g := range status.Guards {
		if g.Name == "csrf" && g.Mode != "observe" {
			t.Errorf("csrf is %s, want observe as it was switched", g.Mode)
		}
		if g.Name == "sanity" && g.Denied == 0 {
			t.Error("the denials of before are forgotten")
		}
	}
	if _, err := d.Why(refused); err != nil {
		t.Error(fmt.Errorf("why: %w", err))
	}
}
