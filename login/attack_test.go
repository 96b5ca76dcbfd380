package login_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

// gone makes the request of a client that has closed its connection.
func gone(r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	*r = *r.WithContext(ctx)
}

// TestManyNames counts each name that an app could mean.
func TestManyNames(t *testing.T) {
	for name, body := range map[string]string{
		"a decoy before":           "username=no%d&email=ada&password=x",
		"a decoy behind":           "username=ada&email=no%d&password=x",
		"in another case":          "USERNAME=no%d&username=ada&password=x",
		"twice":                    "username=no%d&username=ada&password=x",
		"spelled in another way":   "username=%%E2%%80%%8Bada&email=no%d&password=x",
		"in a field of the user's": "user[email]=ada&username=no%d&password=x",
	} {
		a := guarded(t, login.Options{}, passport)
		if n := a.guesses(40, func(i int, addr string) *httptest.ResponseRecorder {
			return a.form(addr, fmt.Sprintf(body, i))
		}); n != 10 {
			t.Errorf("%s: %d of 40 guesses reached the app, want 10", name, n)
		}
	}
}

// TestSpellings guesses at one user under names that a database may take for the same.
func TestSpellings(t *testing.T) {
	names := []string{"ada", "ADA", " ada", "ada%20", "%EF%BD%81da", "a%E2%80%8Bda", "a%CC%81da", "%C3%A1da", "ad%C2%ADa", "ada%C2%A0", "%F0%9D%90%9Ada", "ada%09", "ada%EF%B8%8F"}
	a := guarded(t, login.Options{}, passport)
	if n := a.guesses(len(names)*3, func(i int, addr string) *httptest.ResponseRecorder {
		return a.form(addr, "username="+names[i%len(names)]+"&password=x")
	}); n != 10 {
		t.Errorf("%d guesses in %d spellings, want 10", n, len(names))
	}
}

// TestOwnAccount tries to make use of an account of the attacker's own.
func TestOwnAccount(t *testing.T) {
	// The app takes e-mail first, then the user's name, and body before query.
	next := func(w http.ResponseWriter, r *http.Request) {
		user := r.PostFormValue("email")
		if user == "" {
			user = r.FormValue("username")
		}
		if user == "mallory" && r.FormValue("password") == "right" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		http.Redirect(w, r, "/login?error", http.StatusFound)
	}
	for name, body := range map[string]string{
		"with the victim's name beside": "username=ada&email=mallory&password=right",
		"without a name that is read":   "id[]=ada&email=mallory&password=right",
		"twice":                         "email=mallory&email=ada&password=right",
		"in the victim's name alone":    "username=ada&password=right",
	} {
		a := guarded(t, login.Options{}, next)
		const addr = "203.0.113.7"
		looked := 0
		var cookies []*http.Cookie
		for range 40 {
			r := post("https://shop.test/login", formType, "username=ada&password=x")
			r.RemoteAddr = addr + ":1"
			for _, c := range cookies {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code == http.StatusFound {
				looked++
			}
			cookies = append(cookies, a.form(addr, body).Result().Cookies()...)
		}
		if looked > 10 {
			t.Errorf("%s: %d of 40 guesses at the victim were looked at, want 10 at most", name, looked)
		}
	}
}

// TestUnreadableHasNoDevice tries to make a device known by hiding the name.
func TestUnreadableHasNoDevice(t *testing.T) {
	a := guarded(t, login.Options{}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	for _, user := range []string{"password=x", "username[]=ada&password=x", "username=a%00b&password=x"} {
		if w := a.form("203.0.113.7", user); len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %v, want no cookie", user, w.Result().Cookies())
		}
	}
	s := shield(t, login.Options{})
	w := httptest.NewRecorder()
	s.Attempt(t.Context(), login.Unreadable, from("203.0.113.7")).Succeeded(w)
	if len(w.Result().Cookies()) != 0 {
		t.Error("a device is known for no name in particular")
	}
	guesses(t, s, 10, login.Unreadable, "203.0.113.8")
	if !guess(t, s, "unreadable", "203.0.113.9") {
		t.Error("a user called unreadable shares the counter of those that cannot be read")
	}
}

// TestDeviceElsewhere takes a device's cookie to another host and to another realm.
func TestDeviceElsewhere(t *testing.T) {
	a := guarded(t, login.Options{Routes: []login.Route{
		{Pattern: "POST /login"}, {Pattern: "POST /api/login"}, {Pattern: "POST /staff/login", Realm: "staff"},
	}}, passport)
	cookie := a.form("198.51.100.1", "username=admin&password=right").Result().Cookies()[0]
	known := func(target string) bool {
		// With the user's own points used up, a known device alone is looked at.
		for range 11 {
			a.ask("203.0.113.5", target, formType, "username=admin&password=x")
		}
		w := a.ask("203.0.113.6", target, formType, "username=admin&password=right", func(r *http.Request) { r.AddCookie(cookie) })
		return w.Code != http.StatusTooManyRequests
	}
	for target, want := range map[string]bool{
		"https://shop.test/login": true, "https://shop.test/api/login": true,
		"https://other.test/login": false, "https://shop.test/staff/login": false, "https://shop.test:8443/login": false,
	} {
		if got := known(target); got != want {
			t.Errorf("%s: the device is known: %v, want %v", target, got, want)
		}
	}
}

// TestRealms counts users of different realms apart.
func TestRealms(t *testing.T) {
	a := guarded(t, login.Options{Routes: []login.Route{{Pattern: "POST /login"}, {Pattern: "POST /staff/login", Realm: "staff"}}}, passport)
	a.guesses(10, func(_ int, addr string) *httptest.ResponseRecorder { return a.form(addr, "username=admin&password=x") })
	if w := a.ask("203.0.113.9", "/staff/login", formType, "username=admin&password=x"); w.Code != http.StatusFound {
		t.Errorf("staff's admin gets %d for what customers' admin did", w.Code)
	}
	if w := a.form("203.0.113.9", "username=admin&password=x"); w.Code != http.StatusTooManyRequests {
		t.Errorf("customers' admin gets %d, want 429", w.Code)
	}
}

// TestWithoutNames counts what has a body and neither a user nor a password by address.
func TestWithoutNames(t *testing.T) {
	policies := login.Policies{IP: limit.Policy{Points: 20, Duration: 24 * time.Hour}}
	a := guarded(t, login.Options{Policies: policies}, passport)
	for range 40 {
		a.form("203.0.113.7", "nick=ada&word=x")
	}
	if n := a.reached.Load(); n != 20 {
		t.Errorf("%d of 40 guesses under unusual names, want the address's 20", n)
	}
	if w := a.form("203.0.113.8", "nick=ada&word=x"); w.Code == http.StatusTooManyRequests {
		t.Error("another address is refused, too")
	}
}

// TestRecoveredPanic answers a panic with 500 further out: it stays counted.
func TestRecoveredPanic(t *testing.T) {
	s := shield(t, login.Options{Routes: []login.Route{{Pattern: "POST /login"}}})
	reached := 0
	inner := s.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++; panic("wrong password") }))
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.OnPanic(func(w http.ResponseWriter, _ *http.Request, _ any, _ []byte) { w.WriteHeader(500) })
		inner.ServeHTTP(w, r)
	})
	for range 30 {
		w := httptest.NewRecorder()
		outer.ServeHTTP(w, post("/login", formType, "username=ada&password=x"))
	}
	if reached != 10 {
		t.Errorf("%d of 30 reached a handler that panics, want 10", reached)
	}
}

// TestObserveThenEnforce switches a Shield's mode on the same store: what was let through
// while observing is counted.
func TestObserveThenEnforce(t *testing.T) {
	store, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := login.Options{Store: store, Secret: []byte("0123456789abcdef"), Mode: guard.Observe}
	watching := guarded(t, o, passport)
	ask := func(a *app) func(int, string) *httptest.ResponseRecorder {
		return func(_ int, addr string) *httptest.ResponseRecorder {
			return a.form(addr, "username=ada&password=x")
		}
	}
	if n := watching.guesses(30, ask(watching)); n != 30 {
		t.Errorf("observing: %d of 30 passed", n)
	}
	o.Mode = guard.Enforce
	enforcing := guarded(t, o, passport)
	if n := enforcing.guesses(30, ask(enforcing)); n != 0 {
		t.Errorf("enforcing: %d of 30 passed, want none so soon after", n)
	}
	if w := enforcing.form("203.0.113.7", "username=grace&password=right"); w.Code != http.StatusFound || !strings.HasPrefix(fmt.Sprint(w.Result().Cookies()), "["+login.DefaultCookie) {
		t.Errorf("another user gets %d", w.Code)
	}
}

// TestObserveLeavesTheCoding passes on what the client takes, and does not count a
// compressed answer as a wrong password: nobody has asked the app for another.
func TestObserveLeavesTheCoding(t *testing.T) {
	for mode, want := range map[guard.Mode]string{guard.Enforce: "", guard.Observe: "gzip, br"} {
		var would, judged int
		s := shield(t, login.Options{Mode: mode, Routes: []login.Route{{Pattern: "POST /login"}}, Judged: func(*http.Request, string, string, login.Outcome) { judged++ }, Sink: func(_ context.Context, e guard.Event) {
			if e.Action == guard.WouldDeny {
				would++
			}
		}})
		h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != want {
				t.Errorf("%v: the app sees Accept-Encoding %q, want %q", mode, got, want)
			}
			w.Header().Set("Content-Type", "application/json")
			if mode == guard.Observe {
				w.Header().Set("Content-Encoding", "gzip")
			}
			_, _ = w.Write([]byte("{}"))
		}))
		for range 30 {
			r := httptest.NewRequest("POST", "https://shop.test/login", strings.NewReader(`{"username":"alice","password":"x"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept-Encoding", "gzip, br")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		if would != 0 {
			t.Errorf("%v: %d right passwords would have been refused", mode, would)
		}
		if want := map[guard.Mode]int{guard.Enforce: 30}[mode]; judged != want {
			t.Errorf("%v: %d answers were judged, want %d: nobody has read the compressed ones", mode, judged, want)
		}
	}
}

// TestObservedRouteCountsApart asks a route that observes, and takes any password, in
// between guesses at one that is enforced; and one that takes none.
func TestObservedRouteCountsApart(t *testing.T) {
	s := shield(t, login.Options{Routes: []login.Route{{Pattern: "POST /login"}, {Pattern: "POST /any", Observe: true}, {Pattern: "POST /none", Observe: true}}})
	asked := map[string]int{}
	h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if r.URL.Path == "/any" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	post := func(path, user string) {
		r := httptest.NewRequest("POST", "https://shop.test"+path, strings.NewReader("username="+user+"&password=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s makes a device known", path)
		}
	}
	for range 12 {
		post("/login", "alice")
		post("/any", "alice")
		post("/none", "bob")
	}
	blocked, err := s.Standings(t.Context(), login.Who{User: "alice", Addr: netip.MustParseAddr("192.0.2.1")})
	if err != nil || len(blocked) != 3 || blocked[2].Policy != "user-ip" || blocked[2].Consumed != 10 {
		t.Errorf("standings = %+v, %v, want 10 failures of user and address kept", blocked, err)
	}
	post("/login", "bob")
	if asked["/login"] != 11 || asked["/any"] != 12 || asked["/none"] != 12 {
		t.Errorf("reached the app: %v, want 10 guesses at alice and one at bob of /login, and all others", asked)
	}
}
