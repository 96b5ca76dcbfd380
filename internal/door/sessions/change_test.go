package sessions_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

// The application gives the session another id: the old one is refused after the grace.
func TestRegenerated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := login(d)
		old := c.copy()
		c.do("POST", "/rotate")
		d.app.store["id-1"] = "ann" // a request under way has written it back
		if got := old.copy().body("GET", "/"); got != "user=ann" {
			t.Errorf("within the grace the application says %q", got)
		}
		time.Sleep(31 * time.Second)
		if got := old.body("GET", "/"); got != "" {
			t.Errorf("the old id is let in after the grace: %q", got)
		}
		if got := c.body("GET", "/"); got != "user=ann" {
			t.Errorf("the client is logged out: %q", got)
		}
	})
}

// A client from before the door holds the application's own cookie: it stays logged in and
// is handed a sealed one.
func TestMigration(t *testing.T) {
	d := newDoor(t, nil)
	login(d) // so that the name is known
	d.app.store["old"] = "bob"
	c := &client{d, []*http.Cookie{{Name: "connect.sid", Value: cookie.EncodeSigned("old", secret)}}}
	if got := c.body("GET", "/"); got != "user=bob" {
		t.Fatalf("a client from before the door gets %q, want user=bob", got)
	}
	if len(c.jar) != 1 || !strings.HasPrefix(c.jar[0].Name, "__Host-") || strings.Contains(c.jar[0].Value, "s%3A") {
		t.Errorf("the client holds %v, want one sealed cookie", c.jar)
	}
	if got := c.body("GET", "/"); got != "user=bob" {
		t.Errorf("after the migration the client gets %q, want user=bob", got)
	}
}

// Switched off, or giving back, the door still opens what it has sealed.
func TestHandsBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(o *sessions.Options)
	}{
		{"off", func(o *sessions.Options) { o.Mode = guard.Off }},
		{"observe", func(o *sessions.Options) { o.Mode = guard.Observe }},
		{"restore", func(o *sessions.Options) { o.Restore = true }},
		{"unsealed", func(o *sessions.Options) { o.Unsealed = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoor(t, nil)
			ended := sessions.NewEnded(key)
			c := login(d)
			d.build(t, ended, &cookie.Options{Seen: []cookie.Seen{{Name: "connect.sid"}}, Rename: cookie.Rename{Restore: true}}, tt.change)
			if got := c.body("GET", "/"); got != "user=ann" {
				t.Fatalf("the client is logged out: %q", got)
			}
			if len(c.jar) != 1 || c.jar[0].Name != "connect.sid" || c.jar[0].Value != cookie.EncodeSigned("id-1", secret) {
				t.Errorf("the client holds %v, want the application's own cookie", c.jar)
			}
		})
	}
}

func TestObserve(t *testing.T) {
	d := newDoor(t, func(o *sessions.Options) { o.Mode = guard.Observe })
	c := login(d)
	if !strings.Contains(c.jar[0].Value, "s%3A") {
		t.Errorf("observing, the door has sealed %v", c.jar)
	}
	other := c.copy()
	c.do("POST", "/logout")
	d.app.store["id-1"] = "ann"
	if got := other.body("GET", "/"); got != "user=ann" || d.told("ended") != 1 {
		t.Errorf("observing, the door changes what the application says to %q, or tells nothing: %v", got, d.events)
	}
}
