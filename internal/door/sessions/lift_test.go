package sessions_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/sessions"
)

var key = []byte("a key for these tests, 32 bytes.")

// An app is one with express-session's cookie and store, and its weaknesses: it keeps the
// id at login, sends nothing at logout, and writes sessions back that a request has read.
type app struct {
	mu     sync.Mutex
	store  map[string]string // id to user
	next   int
	seen   []string         // Cookie headers
	during func()           // called in /slow
	set    http.HandlerFunc // of /set
	logout http.HandlerFunc // of /logout, in place of its own
}

var secret = []byte("the app's secret")

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.seen = append(a.seen, r.Header.Get("Cookie"))
	raw, _ := cookie.Lookup(r.Header["Cookie"], "connect.sid")
	id, _, ok := cookie.DecodeSigned(raw, secret)
	user, there := a.store[id]
	ok = ok && there
	a.mu.Unlock()
	switch r.URL.Path {
	case "/begin":
		a.mu.Lock()
		a.next++
		id = fmt.Sprint("id-", a.next)
		a.store[id] = ""
		a.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: cookie.EncodeSigned(id, secret), Path: "/", HttpOnly: true})
	case "/login":
		a.mu.Lock()
		a.store[id] = r.URL.Query().Get("user")
		a.mu.Unlock()
		w.WriteHeader(http.StatusFound)
	case "/rolling/login":
		a.mu.Lock()
		a.store[id] = r.URL.Query().Get("user")
		a.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: raw, Path: "/", HttpOnly: true})
	case "/rotate":
		a.mu.Lock()
		delete(a.store, id)
		a.next++
		id = fmt.Sprint("id-", a.next)
		a.store[id] = user
		a.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: cookie.EncodeSigned(id, secret), Path: "/", HttpOnly: true})
	case "/logout":
		if a.logout != nil {
			a.logout(w, r)
			return
		}
		a.mu.Lock()
		delete(a.store, id)
		a.mu.Unlock()
		w.WriteHeader(http.StatusFound)
	case "/clear":
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Path: "/", MaxAge: -1})
	case "/slow": // resave, and rolling
		if a.during != nil {
			a.during()
		}
		if ok {
			a.mu.Lock()
			a.store[id] = user
			a.mu.Unlock()
			http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: raw, Path: "/", HttpOnly: true})
		}
	case "/set":
		a.set(w, r)
	case "/refused":
		w.WriteHeader(http.StatusForbidden)
	}
	if ok {
		fmt.Fprint(w, "user="+user)
	}
}

// A door is the two guards in front of the app.
type door struct {
	app    *app
	h      http.Handler
	mu     sync.Mutex
	events []string
}

func newDoor(t testing.TB, change func(o *sessions.Options)) *door {
	t.Helper()
	d := &door{app: &app{store: map[string]string{}}}
	ended := sessions.NewEnded(key)
	d.build(t, ended, nil, change)
	return d
}

func (d *door) build(t testing.TB, ended *sessions.Ended, cookies *cookie.Options, change func(o *sessions.Options)) {
	t.Helper()
	co := cookie.Options{Rename: cookie.Rename{Key: key, Site: "shop.example:443"}, Sink: func(context.Context, guard.Event) {}}
	if cookies != nil {
		co.Seen, co.Rename.Restore = cookies.Seen, cookies.Rename.Restore
	}
	g, err := cookie.New(co)
	if err != nil {
		t.Fatal(err)
	}
	o := sessions.Options{
		Cookies: g, Key: key, Ended: ended, Since: time.Now(), Migrate: 7 * 24 * time.Hour,
		Idle: 30 * time.Minute, Absolute: 24 * time.Hour, Renewal: time.Hour, Grace: 30 * time.Second,
		Sink: func(_ context.Context, e guard.Event) {
			d.mu.Lock()
			d.events = append(d.events, e.Rule)
			d.mu.Unlock()
		},
	}
	if change != nil {
		change(&o)
	}
	lift, err := sessions.New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.h = lift.Handler(g.Handler(d.app))
}

func (d *door) told(rule string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, e := range d.events {
		if e == rule {
			n++
		}
	}
	return n
}

// A client keeps cookies as a browser does, without looking at paths.
type client struct {
	d   *door
	jar []*http.Cookie
}

func (c *client) do(method, path string) *http.Response {
	r := httptest.NewRequest(method, "https://shop.example"+path, nil)
	r.TLS = &tls.ConnectionState{}
	for _, k := range c.jar {
		r.AddCookie(k)
	}
	w := httptest.NewRecorder()
	c.d.h.ServeHTTP(w, r)
	for _, k := range w.Result().Cookies() {
		c.jar = slices.DeleteFunc(c.jar, func(o *http.Cookie) bool { return o.Name == k.Name })
		if k.MaxAge >= 0 && (k.Expires.IsZero() || k.Expires.After(time.Now())) {
			c.jar = append(c.jar, &http.Cookie{Name: k.Name, Value: k.Value})
		}
	}
	return w.Result()
}

func (c *client) body(method, path string) string {
	b := make([]byte, 256)
	n, _ := c.do(method, path).Body.Read(b)
	return string(b[:n])
}

// copy is somebody who has the same cookies.
func (c *client) copy() *client { return &client{c.d, slices.Clone(c.jar)} }

func login(d *door) *client {
	c := &client{d: d}
	c.do("GET", "/begin")
	c.do("POST", "/login?user=ann")
	return c
}

func TestSealed(t *testing.T) {
	d := newDoor(t, nil)
	c := &client{d: d}
	r := c.do("GET", "/begin")
	line := r.Header.Get("Set-Cookie")
	if strings.Contains(line, "s%3A") || strings.Contains(line, "id-1") || strings.Contains(line, "connect.sid") {
		t.Errorf("Set-Cookie shows what the application set: %s", line)
	}
	for _, want := range []string{"__Host-", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(line, want) {
			t.Errorf("Set-Cookie: %s lacks %q", line, want)
		}
	}
	c.do("POST", "/login?user=ann")
	if got := c.body("GET", "/"); got != "user=ann" {
		t.Errorf("after the login the application says %q, want user=ann", got)
	}
	if got := d.app.seen[len(d.app.seen)-1]; got != "connect.sid="+cookie.EncodeSigned("id-1", secret) {
		t.Errorf("the application sees Cookie: %s, want its own", got)
	}
}

func TestForged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := login(d)
		time.Sleep(8 * 24 * time.Hour) // the migration is over
		d.app.seen = nil
		good := c.jar[0]
		for i := range 100 {
			value := cookie.EncodeSigned(fmt.Sprint("id-", i), []byte("another secret"))
			if i%2 == 0 {
				b := []byte(good.Value)
				b[len(b)/2] ^= 1
				value = string(b)
			}
			name := "connect.sid"
			if i%3 == 0 {
				name = good.Name
			}
			forger := &client{d, []*http.Cookie{{Name: name, Value: value}, {Name: "theme", Value: "dark"}}}
			forger.do("GET", "/")
		}
		if n := d.told("forged"); n != 100 {
			t.Errorf("100 forged cookies made %d events, want 100", n)
		}
		for _, header := range d.app.seen {
			if header != "theme=dark" {
				t.Fatalf("the application sees Cookie: %q, want the other cookie only", header)
			}
		}
	})
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		c := login(d)
		for range 40 { // in use for 13 hours
			time.Sleep(20 * time.Minute)
			if got := c.body("GET", "/"); got != "user=ann" {
				t.Fatalf("a session in use has ended: %q", got)
			}
		}
		idle := c.copy()
		time.Sleep(31 * time.Minute)
		if got := idle.body("GET", "/"); got != "" || d.told("expired-idle") != 1 {
			t.Errorf("after 31 minutes of nothing the application says %q, want nothing", got)
		}
		if len(idle.jar) != 0 {
			t.Errorf("the client still holds %v", idle.jar)
		}
		c = login(d)
		for range 80 {
			time.Sleep(20 * time.Minute)
			c.do("GET", "/")
		}
		if d.told("expired-absolute") != 1 {
			t.Error("a session in use for 26 hours has not ended")
		}
	})
}

// The application keeps its id at login: who planted or copied the cookie before is out.
func TestFixation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, nil)
		victim := &client{d: d}
		victim.do("GET", "/begin")
		attacker := victim.copy()
		time.Sleep(time.Minute)
		victim.do("POST", "/login?user=ann")
		// A request that was under way still works.
		if got := attacker.copy().body("GET", "/"); got != "user=ann" {
			t.Errorf("within the grace the application says %q, want user=ann", got)
		}
		time.Sleep(31 * time.Second)
		if got := attacker.body("GET", "/"); got != "" || d.told("superseded") != 1 {
			t.Errorf("with the cookie from before the login the application says %q, want nothing", got)
		}
		if got := victim.body("GET", "/"); got != "user=ann" {
			t.Errorf("the victim is logged out: %q", got)
		}
	})
}

// Two requests at once must not leave a client with a cookie that is refused later.
func TestRenewalRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, func(o *sessions.Options) { o.Idle = 0 })
		c := login(d)
		time.Sleep(61 * time.Minute)
		one, two := c.copy(), c.copy()
		one.do("GET", "/")
		time.Sleep(time.Second)
		two.do("GET", "/")
		time.Sleep(time.Minute)
		for i, k := range []*client{one, two} {
			if got := k.body("GET", "/"); got != "user=ann" {
				t.Errorf("request %d of two at once got a cookie that is refused: %q", i, got)
			}
		}
		if got := c.body("GET", "/"); got != "" {
			t.Errorf("the older cookie is let in after the grace: %q", got)
		}
	})
}

func TestKeygripPair(t *testing.T) {
	d := newDoor(t, nil)
	c := &client{d: d}
	d.app.set = func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"session=eyJ1IjoxfQ==; path=/; httponly", "session.sig=abc; path=/; httponly", "theme=dark; path=/"}
	}
	c.do("GET", "/set")
	for _, k := range c.jar {
		if strings.Contains(k.Value, "eyJ1") || k.Value == "abc" {
			t.Errorf("%s leaves as %s", k.Name, k.Value)
		}
	}
	c.do("GET", "/")
	got := d.app.seen[len(d.app.seen)-1]
	for _, want := range []string{"session=eyJ1IjoxfQ==", "session.sig=abc", "theme=dark"} {
		if !strings.Contains(got, want) {
			t.Errorf("the application sees Cookie: %s, want %s in it", got, want)
		}
	}
}

func TestLeftAlone(t *testing.T) {
	d := newDoor(t, nil)
	c := &client{d: d}
	large := strings.Repeat("x", 3500)
	lines := []string{"theme=dark; Path=/", "XSRF-TOKEN=t; Path=/", "connect.sid=a; Path=/; Domain=example.com", "sails.sid=" + large + "; Path=/"}
	d.app.set = func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = slices.Clone(lines) }
	r := c.do("GET", "/set")
	for _, want := range []string{"theme=dark", "XSRF-TOKEN=t", "connect.sid=a", large} {
		if !strings.Contains(strings.Join(r.Header["Set-Cookie"], "\n"), want) {
			t.Errorf("Set-Cookie lacks %.20s", want)
		}
	}
	if d.told("too-large") != 1 {
		t.Errorf("events %v, want too-large once", d.events)
	}
}
