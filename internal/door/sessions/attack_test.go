package sessions_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

// Whoever planted the cookie turns it, within the grace, into one that lasts.
func TestFixationIsNotRenewed(t *testing.T) {
	for _, how := range []string{"failed login", "renewal due"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoor(t, func(o *sessions.Options) { o.Idle = 0 })
				victim := &client{d: d}
				victim.do("GET", "/begin")
				attacker := victim.copy()
				if how == "renewal due" {
					time.Sleep(61 * time.Minute)
				} else {
					time.Sleep(time.Minute)
				}
				victim.do("POST", "/login?user=ann")
				time.Sleep(time.Second)
				if how == "failed login" {
					// an app that answers a wrong password with 200 and the form
					d.app.set = func(w http.ResponseWriter, r *http.Request) {}
					attacker.do("POST", "/sessions")
				} else {
					attacker.do("GET", "/")
				}
				time.Sleep(10 * time.Minute)
				if got := attacker.body("GET", "/"); got != "" {
					t.Errorf("10 minutes after the victim's login, the planted cookie's holder gets %q, want nothing", got)
				}
				if got := victim.body("GET", "/"); got != "user=ann" {
					t.Errorf("victim gets %q", got)
				}
			})
		})
	}
}

// An answer of a request under way at login overwrites the new cookie with the old.
func TestLoginIsNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := &client{d: d}
		c.do("GET", "/begin")
		time.Sleep(5 * time.Minute)
		d.app.during = func() { c.do("POST", "/login?user=ann") }
		old := c.copy() // the browser sent the same cookie with the slow request
		r := old.do("GET", "/slow")
		// one jar: the slow answer comes last
		for _, k := range r.Cookies() {
			for i := range c.jar {
				if c.jar[i].Name == k.Name {
					c.jar[i].Value = k.Value
				}
			}
		}
		d.app.during = nil
		time.Sleep(time.Minute)
		if got := c.body("GET", "/"); got == "" {
			t.Errorf("a minute after the login the browser is logged out (told %v)", d.events)
		}
	})
}

// toySig is another one for every value, as Keygrip's is.
func toySig(raw string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte("session="+raw)))[:27]
}

// cookieSession is an app that keeps everything in the cookie, as cookie-session does.
func cookieSession(d *door) {
	get := func(r *http.Request) (string, bool) {
		raw, _ := cookie.Lookup(r.Header["Cookie"], "session")
		sig, _ := cookie.Lookup(r.Header["Cookie"], "session.sig")
		if raw == "" || sig != toySig(raw) {
			return "", false
		}
		b, err := base64.StdEncoding.DecodeString(raw)
		return string(b), err == nil
	}
	put := func(w http.ResponseWriter, text string) {
		raw := base64.StdEncoding.EncodeToString([]byte(text))
		w.Header()["Set-Cookie"] = []string{"session=" + raw + "; path=/; httponly", "session.sig=" + toySig(raw) + "; path=/; httponly"}
	}
	d.app.set = func(w http.ResponseWriter, r *http.Request) {
		s, ok := get(r)
		switch r.URL.Query().Get("do") {
		case "login":
			put(w, "user="+r.URL.Query().Get("user"))
		case "cart":
			if ok {
				put(w, s+"+")
			}
		case "slowcart":
			if d.app.during != nil {
				f := d.app.during
				d.app.during = nil
				f()
			}
			if ok {
				put(w, s+"+")
			}
		case "logout":
			w.Header()["Set-Cookie"] = []string{
				"session=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly",
				"session.sig=" + toySig("") + "; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; httponly"}
		}
		if ok {
			fmt.Fprint(w, s)
		}
	}
}

// With cookie-session, the same user's value is the same text: after one logout nobody
// can log in as that user again.
func TestValueIsNoIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		cookieSession(d)
		phone, desk := &client{d: d}, &client{d: d}
		phone.do("POST", "/set?do=login&user=ann")
		desk.do("POST", "/set?do=login&user=ann")
		if got := desk.body("GET", "/set"); got != "user=ann" {
			t.Fatalf("desk gets %q", got)
		}
		desk.do("POST", "/set?do=logout")
		if got := phone.body("GET", "/set"); got != "user=ann" {
			t.Errorf("a logout on another device logs this one out: %q", got)
		}
		time.Sleep(time.Hour)
		desk.do("POST", "/set?do=login&user=ann")
		if got := desk.body("GET", "/set"); got != "user=ann" {
			t.Errorf("after a logout the user cannot log in again: %q (told %v)", got, d.events)
		}
	})
}

// With cookie-session, a value from before the last change outlives the logout.
func TestEarlierValueIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		cookieSession(d)
		c := &client{d: d}
		c.do("POST", "/set?do=login&user=ann")
		copied := c.copy()
		c.do("POST", "/set?do=cart")
		if got := copied.copy().body("GET", "/set"); got != "user=ann" {
			t.Fatalf("control: before the logout the copy says %q", got)
		}
		c.do("POST", "/set?do=logout")
		if got := copied.body("GET", "/set"); got != "" {
			t.Errorf("a cookie from before the last change still says %q after the logout", got)
		}
	})
}

// The same in a race: a request under way writes another value.
func TestLaterValueIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		cookieSession(d)
		c := &client{d: d}
		c.do("POST", "/set?do=login&user=ann")
		other := c.copy()
		d.app.during = func() { c.do("POST", "/set?do=logout") }
		other.do("GET", "/set?do=slowcart")
		if got := other.body("GET", "/set"); got != "" {
			t.Errorf("a request under way at the logout brings the session back: %q", got)
		}
	})
}

// A session whose value changes never meets the absolute timeout.
func TestAbsoluteOverChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		cookieSession(d)
		c := &client{d: d}
		c.do("POST", "/set?do=login&user=ann")
		for i := range 150 { // 50 hours
			time.Sleep(20 * time.Minute)
			c.do("POST", "/set?do=cart")
			if i == 10 && c.body("GET", "/set") == "" {
				t.Fatalf("control: dead after 3 hours, told %v", d.events)
			}
		}
		if got := c.body("GET", "/set"); got != "" {
			t.Errorf("after 50 hours with an absolute timeout of 24 the session lives: %.12q", got)
		}
	})
}

// Many bad cookies in one request.
func TestManyCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		login(d)
		time.Sleep(8 * 24 * time.Hour)
		d.events = nil
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.TLS = &tls.ConnectionState{}
		r.Header.Set("Cookie", strings.Repeat("connect.sid=x;", 4600))
		w := httptest.NewRecorder()
		d.h.ServeHTTP(w, r)
		n, size := len(w.Header()["Set-Cookie"]), 0
		for _, l := range w.Header()["Set-Cookie"] {
			size += len(l)
		}
		if n > 4 || len(d.events) > 64 {
			t.Errorf("one 64 KiB request makes %d Set-Cookie lines of %d bytes and %d events", n, size, len(d.events))
		}
	})
}

// A removal in an answer that shared caches keep.
func TestRemovalIsNotCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		login(d)
		time.Sleep(8 * 24 * time.Hour)
		d.app.set = func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Cache-Control", "public, max-age=86400") }
		name := login(d).jar[0].Name
		c := &client{d, []*http.Cookie{{Name: name, Value: "forged"}}}
		r := c.do("GET", "/set")
		if len(r.Header["Set-Cookie"]) > 0 && strings.Contains(r.Header.Get("Cache-Control"), "public") {
			t.Errorf("an answer with Cache-Control: %s says Set-Cookie: %s", r.Header.Get("Cache-Control"), r.Header["Set-Cookie"])
		}
	})
}

// What was sealed and changed is refused at once, also while unsealed values are let in.
func TestChangedWhileMigrating(t *testing.T) {
	d := newDoor(t, nil)
	good := login(d).jar[0]
	d.app.seen = nil
	b := []byte(good.Value)
	if i := len(b) / 2; b[i] == 'A' { // one letter for another: others are not sent as they are
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	(&client{d, []*http.Cookie{{Name: good.Name, Value: string(b)}}}).do("GET", "/")
	if d.told("forged") != 1 || d.app.seen[0] != "" {
		t.Errorf("a changed value reaches the application as %q, events %v", d.app.seen, d.events)
	}
}

// A tampered token must not stop the good one beside it.
func TestTwoOfAName(t *testing.T) {
	d := newDoor(t, nil)
	c := login(d)
	good := c.jar[0]
	b := []byte(good.Value)
	b[len(b)/2] ^= 1
	k := &client{d, []*http.Cookie{{Name: good.Name, Value: string(b)}, good}}
	if got := k.body("GET", "/"); got != "user=ann" {
		t.Errorf("with a bad one before the good one the application says %q", got)
	}
	if len(k.jar) == 0 {
		t.Error("and the good one was removed from the client")
	}
}

// The login button pressed twice, at an app that sends its cookie with each answer: the
// second answer, to a cookie from before the login, must not replace what the first gave.
func TestLoginTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := &client{d: d}
		c.do("GET", "/begin")
		time.Sleep(time.Minute)
		second := c.copy()
		press := func(k *client) []*http.Cookie { return k.do("POST", "/rolling/login?user=ann").Cookies() }
		press(c)
		time.Sleep(200 * time.Millisecond)
		for _, set := range press(second) {
			for i := range c.jar {
				if c.jar[i].Name == set.Name {
					c.jar[i] = set
				}
			}
		}
		time.Sleep(time.Minute)
		if got := c.body("GET", "/"); got != "user=ann" {
			t.Errorf("a minute after the login the application says %q", got)
		}
	})
}

// A guard that only observes changes no request, however many cookies come.
func TestObserveManyCookies(t *testing.T) {
	for _, mode := range []guard.Mode{guard.Observe, guard.Off} {
		d := newDoor(t, func(o *sessions.Options) { o.Mode = mode })
		login(d)
		cookies := "connect.sid=" + cookie.EncodeSigned("id-1", secret)
		for i := range 20 {
			cookies += fmt.Sprintf("; _a%d_session=x", i)
		}
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		r.Header.Set("Cookie", cookies)
		d.app.seen = nil
		d.h.ServeHTTP(httptest.NewRecorder(), r)
		if got := d.app.seen[0]; got != cookies {
			t.Errorf("%v: the application sees %q, want all of %q", mode, got, cookies)
		}
	}
}

// A logout that gives the client a new, anonymous session, as passport's does.
func TestLogoutBeginsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := login(d)
		other := c.copy()
		d.app.set = func(w http.ResponseWriter, r *http.Request) {
			d.app.store["anonymous"] = ""
			http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: cookie.EncodeSigned("anonymous", secret), Path: "/"})
			w.WriteHeader(302)
		}
		d.app.logout = d.app.set
		c.do("POST", "/logout")
		d.app.store["id-1"] = "ann" // written back by a request under way
		if got := other.body("GET", "/"); got != "" {
			t.Errorf("right after the logout the cookie of before gets %q", got)
		}
		if got := c.body("GET", "/"); got != "user=" {
			t.Errorf("the new anonymous session says %q", got)
		}
	})
}
