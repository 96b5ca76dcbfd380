package door_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/logins"
)

// shop is an app with a login that counts what it is asked.
type shop struct{ asked atomic.Int64 }

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/login", "/Login/":
		s.asked.Add(1)
		if r.PostFormValue("password") == "right" {
			http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "s:abc.def", Path: "/", HttpOnly: true})
			http.Redirect(w, r, "/home", http.StatusFound)
			return
		}
		http.Error(w, "wrong", http.StatusUnauthorized)
	case "/register":
		http.Redirect(w, r, "/home", http.StatusFound)
	default:
		fmt.Fprintln(w, "hello")
	}
}

func (h *house) post(path string, form url.Values, change ...func(*http.Request)) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.url(path), strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range change {
		f(req)
	}
	return h.do(req)
}

func credentials(user, password string) url.Values {
	return url.Values{"username": {user}, "password": {password}}
}

// logIn returns the status, and the device cookie where there is one.
func (h *house) logIn(user, password string, cookies ...*http.Cookie) (int, *http.Cookie) {
	h.t.Helper()
	res, _ := h.post("/login", credentials(user, password), func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(c)
		}
	})
	for _, c := range res.Cookies() {
		if c.Name == "__Host-device" {
			return res.StatusCode, c
		}
	}
	return res.StatusCode, nil
}

func named(route string) func(*config.Config) {
	return func(c *config.Config) { c.Login.Routes = []config.LoginRoute{{Route: route}} }
}

// TestLoginGuesses sends 1,000 guesses at once: 10 reach the app.
func TestLoginGuesses(t *testing.T) {
	app := &shop{}
	h := build(t, app, func(c *config.Config) {
		patient(c)
		named("POST /login")(c)
	})
	status, device := h.logIn("alice", "right")
	if status != http.StatusFound || device == nil {
		t.Fatalf("the owner's login = %d with device %v, want 302 and a device cookie", status, device)
	}
	app.asked.Store(0)
	var refused atomic.Int64
	var wg sync.WaitGroup
	for worker := range 50 {
		wg.Go(func() {
			for i := range 20 {
				path := [...]string{"/login", "/Login/"}[(worker+i)%2]
				res, _ := h.post(path, credentials([...]string{"alice", " ALICE", "Ａlice"}[i%3], fmt.Sprint(i)))
				if res.StatusCode == http.StatusTooManyRequests {
					refused.Add(1)
					if res.Header.Get("Retry-After") == "" {
						t.Error("a refusal without Retry-After")
					}
				}
			}
		})
	}
	wg.Wait()
	if app.asked.Load() != 10 || refused.Load() != 990 {
		t.Errorf("%d of 1000 guesses reached the app and %d were refused, want 10 and 990", app.asked.Load(), refused.Load())
	}
	if status, _ := h.logIn("alice", "right"); status != http.StatusTooManyRequests {
		t.Errorf("a stranger's right password = %d, want 429", status)
	}
	if status, _ := h.logIn("alice", "right", device); status != http.StatusFound {
		t.Errorf("the owner's known device = %d, want 302", status)
	}
	if status, _ := h.logIn("bob", "right"); status != http.StatusFound {
		t.Errorf("another user = %d, want 302", status)
	}
	if res, _ := h.get("/home"); res.StatusCode != http.StatusOK {
		t.Errorf("the rest of the site = %d, want 200", res.StatusCode)
	}
}

// TestLoginOverReloadAndRestart keeps what is counted over a reload, and what is blocked
// over a restart.
func TestLoginOverReloadAndRestart(t *testing.T) {
	app := &shop{}
	h := build(t, app, named("POST /login"))
	for range 6 {
		h.logIn("alice", "wrong")
	}
	if err := h.Reload(h.cfg); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		h.logIn("alice", "wrong")
	}
	if n := app.asked.Load(); n != 10 {
		t.Errorf("%d guesses reached the app over a reload, want 10", n)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := buildTo(t, h.cfg.Upstream, func(c *config.Config) {
		c.State = h.cfg.State
		named("POST /login")(c)
	})
	again.logIn("alice", "wrong")
	if n := app.asked.Load(); n != 10 {
		t.Errorf("%d guesses reached the app over a restart, want 10", n)
	}
}

// TestLoginFound finds a login, observes it, and enforces it when it is confirmed.
func TestLoginFound(t *testing.T) {
	app := &shop{}
	h := build(t, app, nil)
	h.post("/register", url.Values{"username": {"a"}, "password": {"b"}})
	h.post("/other", url.Values{"username": {"a"}, "password": {"b"}, "password2": {"b"}})
	h.post("/search", url.Values{"q": {"password"}})
	h.logIn("alice", "wrong")
	h.told.await(t, `login found: POST /login: observed (enforce: panoply login confirm "POST /login"`)
	client := door.Client(door.Socket(h.cfg.State))
	found, err := client.Logins(t.Context())
	if err != nil || len(found) != 1 || found[0].Route != "POST /login" || found[0].State != logins.Found {
		t.Fatalf("found %+v, %v, want POST /login alone", found, err)
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		h.logIn("alice", "wrong")
		if found, _ = client.Logins(t.Context()); found[0].Failures > 12 {
			break
		}
	}
	if status, _ := h.logIn("alice", "right"); status != http.StatusFound {
		t.Errorf("while it is observed = %d, want 302", status)
	}
	if err := client.ChangeLogin(t.Context(), "POST /login", false); err != nil {
		t.Fatal(err)
	}
	last := 0
	for range 12 {
		last, _ = h.logIn("alice", "wrong")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("once confirmed = %d, want 429", last)
	}
	if err := client.ChangeLogin(t.Context(), "no route", false); err == nil {
		t.Error("confirm of no route, want an error")
	}
	if err := client.ChangeLogin(t.Context(), "POST /login", true); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.logIn("alice", "right"); status != http.StatusFound {
		t.Errorf("once forgotten = %d, want 302", status)
	}
}

// TestLoginAuto enforces by itself when 20 successes and 20 failures were told apart.
func TestLoginAuto(t *testing.T) {
	app := &shop{}
	h := build(t, app, func(c *config.Config) { c.Login.Auto = "on" })
	h.logIn("first", "wrong")
	h.told.await(t, "login found: POST /login")
	const enforced = "login enforced: POST /login, after 20 successes and 20 failures"
	i := 0 // it takes a moment until what was found is counted
	for end := time.Now().Add(10 * time.Second); !strings.Contains(h.told.String(), enforced) && time.Now().Before(end); i++ {
		h.logIn(fmt.Sprint("user", i), [...]string{"right", "wrong"}[i%2])
	}
	if i < 40 {
		t.Errorf("enforced after %d tries, want 40 at least", i)
	}
	h.told.await(t, enforced)
	last := 0
	for end := time.Now().Add(3 * time.Second); last != http.StatusTooManyRequests && time.Now().Before(end); {
		last, _ = h.logIn("victim", "wrong")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("once enforced = %d, want 429", last)
	}
}

// TestLoginBehindUnnamedProxy does not count by the address of a proxy that nobody named.
func TestLoginBehindUnnamedProxy(t *testing.T) {
	app := &shop{}
	h := build(t, app, named("POST /login"))
	forwarded := func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") }
	for i := range 130 {
		res, _ := h.post("/login", credentials(fmt.Sprint("user", i), "wrong"), forwarded)
		if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("user %d behind the proxy = %d, want 401", i, res.StatusCode)
		}
	}
	h.told.await(t, "LIMITS BY ADDRESS OFF: 127.0.0.1 looks like a proxy")
	status := 0
	for range 12 {
		res, _ := h.post("/login", credentials("alice", "wrong"), forwarded)
		status = res.StatusCode
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("12 guesses at one user behind the proxy = %d, want 429", status)
	}
}

// TestLimitsOrders is what an operator can do.
func TestLimitsOrders(t *testing.T) {
	app := &shop{}
	h := build(t, app, named("POST /login"))
	client, ctx := door.Client(door.Socket(h.cfg.State)), t.Context()
	for range 12 {
		h.logIn("alice", "wrong")
	}
	blocks, err := client.Blocks(ctx)
	if err != nil || len(blocks) != 1 || blocks[0].Policy != "user-ip" || blocks[0].Reason != "policy, block 1" || blocks[0].Until.IsZero() {
		t.Fatalf("blocks = %+v, %v", blocks, err)
	}
	standings, err := client.Standings(ctx, admin.Subject{User: "alice", Addr: "127.0.0.1"})
	if err != nil || len(standings) != 3 {
		t.Errorf("standings = %+v, %v, want three", standings, err)
	}
	if policies, err := client.Unblock(ctx, admin.Subject{User: "alice", Addr: "127.0.0.1"}); err != nil || len(policies) != 3 {
		t.Errorf("unblock = %v, %v, want three policies", policies, err)
	}
	if status, _ := h.logIn("alice", "right"); status != http.StatusFound {
		t.Errorf("once unblocked = %d, want 302", status)
	}
	if err := client.Block(ctx, admin.Subject{Addr: "127.0.0.1"}, 60); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.logIn("carol", "right"); status != http.StatusTooManyRequests {
		t.Errorf("from a blocked address = %d, want 429", status)
	}
	if res, _ := h.get("/"); res.StatusCode != http.StatusOK {
		t.Errorf("the site from a blocked address = %d, want 200", res.StatusCode)
	}
	blocks, _ = client.Blocks(ctx)
	if len(blocks) != 1 || blocks[0].Reason != "asked for" {
		t.Fatalf("blocks = %+v", blocks)
	}
	if _, err := client.Unblock(ctx, admin.Subject{ID: blocks[0].ID}); err != nil {
		t.Error(err)
	}
	if _, err := client.Unblock(ctx, admin.Subject{ID: "12ab"}); err == nil {
		t.Error("unblock of an id that is nobody's, want an error")
	}
	for _, seconds := range []int64{-1, 18446744074, 1 << 62} { // the second is 0.3 s where it overflows
		if err := client.Block(ctx, admin.Subject{User: "dave"}, seconds); err == nil || !strings.Contains(err.Error(), "seconds cannot be") {
			t.Errorf("block for %d seconds = %v, want to hear that it cannot be", seconds, err)
		}
	}
	for _, bad := range []admin.Subject{{}, {Addr: "nowhere"}} {
		if err := client.Block(ctx, bad, 0); err == nil {
			t.Errorf("block of %+v, want an error", bad)
		}
	}
}
