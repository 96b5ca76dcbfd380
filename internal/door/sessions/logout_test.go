package sessions_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

func TestLogout(t *testing.T) {
	for _, path := range []string{"/logout", "/clear"} {
		t.Run(path, func(t *testing.T) {
			d := newDoor(t, nil)
			c := login(d)
			other := c.copy()
			d.app.during = func() { c.do("POST", path) }
			r := other.do("GET", "/slow") // writes the session back into its store, and the cookie into the answer
			if line := r.Header.Get("Set-Cookie"); line != "" && !strings.Contains(line, "Max-Age=0") {
				t.Errorf("the answer of a request under way brings the session back: %s", line)
			}
			if len(d.app.store) == 0 && path == "/logout" {
				t.Error("the test's application has not written the session back")
			}
			for name, k := range map[string]*client{"the client": c, "the other request's client": other} {
				if got := k.body("GET", "/"); got != "" {
					t.Errorf("after the logout %s gets %q, want nothing", name, got)
				}
			}
			if len(c.jar) != 0 {
				t.Errorf("the client still holds %v", c.jar)
			}
		})
	}
}

// A value that was logged out does not come back in another spelling, where it leaves as
// the application sets it.
func TestSpellings(t *testing.T) {
	d := newDoor(t, func(o *sessions.Options) { o.Unsealed = true })
	c := login(d)
	raw, name := c.jar[0].Value, c.jar[0].Name
	c.do("POST", "/logout")
	d.app.store["id-1"] = "ann" // written back by a request that was under way
	plain := cookie.Decode(raw)
	for _, value := range []string{raw, plain, strings.ReplaceAll(raw, "%3A", "%3a"), strings.Replace(raw, "id-1", "%69d-1", 1), cookie.EncodeSigned("id-1", secret)} {
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.TLS = &tls.ConnectionState{}
		r.Header["Cookie"] = []string{name + "=" + value}
		w := httptest.NewRecorder()
		d.h.ServeHTTP(w, r)
		if got := w.Body.String(); got != "" {
			t.Errorf("after the logout %s is answered %q, want nothing", value, got)
		}
	}
}

func TestLogoutRaces(t *testing.T) {
	d := newDoor(t, nil)
	const races = 10_000
	back := 0
	for range races {
		c := login(d)
		other := c.copy()
		d.app.during = nil
		done := make(chan bool)
		go func() { other.do("GET", "/slow"); close(done) }()
		c.do("POST", "/logout")
		<-done
		if other.body("GET", "/") != "" || c.body("GET", "/") != "" {
			back++
		}
	}
	if back > 0 {
		t.Errorf("%d of %d logouts were undone, want 0", back, races)
	}
}

// What only looks like a logout is none.
func TestNoLogout(t *testing.T) {
	d := newDoor(t, nil)
	c := login(d)
	for _, step := range []struct{ method, path string }{{"GET", "/refused"}, {"GET", "/"}, {"GET", "/signout/help"}, {"POST", "/logouts"}} {
		c.do(step.method, step.path)
	}
	// A page that asks whether to log out.
	d.app.set = func(w http.ResponseWriter, _ *http.Request) {}
	if got := c.body("GET", "/"); got != "user=ann" {
		t.Errorf("the session has ended without a logout: %q", got)
	}
}
