package login_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

var quiet = func(context.Context, guard.Event) {}

func shield(t testing.TB, o login.Options) *login.Shield {
	t.Helper()
	if o.Sink == nil {
		o.Sink = quiet
	}
	s, err := login.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func from(addr string) *http.Request {
	r := httptest.NewRequest("POST", "https://shop.test/login", nil)
	if strings.Contains(addr, ":") {
		addr = "[" + addr + "]"
	}
	r.RemoteAddr = addr + ":1234"
	return r
}

// guess is one wrong password; it tells whether it was looked at.
func guess(t testing.TB, s *login.Shield, user, addr string) bool {
	t.Helper()
	a := s.Attempt(t.Context(), user, from(addr))
	if a.Allowed {
		a.Failed()
	}
	return a.Allowed
}

func guesses(t testing.TB, s *login.Shield, n int, user, addr string) (allowed int) {
	t.Helper()
	for range n {
		if guess(t, s, user, addr) {
			allowed++
		}
	}
	return allowed
}

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := login.New(login.Options{
		Secret: []byte("short"), Cookie: "a b", CookieAge: time.Minute, MaxBody: 1,
		Policies: login.Policies{User: limit.Policy{Points: 1, Duration: 1}},
		Routes:   []login.Route{{Pattern: "login"}, {Pattern: "POST /a/**/b"}, {Pattern: "POST /ok", Success: login.Success{Status: []int{9}, Body: strings.Repeat("x", 300)}}},
	})
	var fields []string
	for _, e := range guard.OptionErrors(err) {
		fields = append(fields, e.Field)
	}
	want := "Secret Cookie CookieAge MaxBody Policy[user].Duration Routes[0].Pattern Routes[1].Pattern Routes[2].Success.Status Routes[2].Success.Body"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("problems with %q, want %q", got, want)
	}
}

// TestTwoMetrics holds the page's example and what is added to it.
func TestTwoMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shield(t, login.Options{})
		if n := guesses(t, s, 50, "alice", "203.0.113.7"); n != 10 {
			t.Errorf("%d guesses at one user from one address, want 10", n)
		}
		if guess(t, s, " ALICE ", "203.0.113.7") {
			t.Error("a name in other case has points of its own")
		}
		// Another user from this address, up to 100 in all.
		total := 10
		for i := range 30 {
			total += guesses(t, s, 10, fmt.Sprint("user", i), "203.0.113.7")
		}
		if total != 100 {
			t.Errorf("%d guesses from one address in a day, want 100", total)
		}
		if !guess(t, s, "bob", "203.0.113.8") {
			t.Error("the neighbour of a blocked address is refused")
		}
		time.Sleep(24*time.Hour + time.Second)
		if !guess(t, s, "carol", "203.0.113.7") {
			t.Error("the address is blocked for more than a day")
		}
	})
}

// TestSuccess clears the failures of one user from one address, and gives one back to the
// rest.
func TestSuccess(t *testing.T) {
	s := shield(t, login.Options{Policies: login.Policies{
		User: limit.Policy{Points: 1000, Duration: time.Hour}, IP: limit.Policy{Points: 25, Duration: 24 * time.Hour},
	}})
	in := func(user, addr string) {
		t.Helper()
		a := s.Attempt(t.Context(), user, from(addr))
		if !a.Allowed {
			t.Fatalf("%s is refused by %s", user, a.Rule)
		}
		a.Succeeded(httptest.NewRecorder())
	}
	guesses(t, s, 9, "alice", "203.0.113.7")
	in("alice", "203.0.113.7")
	if n := guesses(t, s, 20, "alice", "203.0.113.7"); n != 10 {
		t.Errorf("%d guesses after a success, want 10", n)
	}
	// 19 counted for the address. The attacker's own logins do not help with others.
	for range 50 {
		in("mallory", "203.0.113.7")
	}
	if n := guesses(t, s, 20, "bob", "203.0.113.7"); n != 6 {
		t.Errorf("%d guesses from the address, want the 6 that are left of 25", n)
	}
}

func TestCancelled(t *testing.T) {
	s := shield(t, login.Options{})
	for range 200 {
		a := s.Attempt(t.Context(), "alice", from("203.0.113.7"))
		if !a.Allowed {
			t.Fatalf("refused by %s although nothing was found out", a.Rule)
		}
		a.Cancelled()
		a.Failed() // the first word holds
	}
}

// TestParallelGuesses sends 1,000 guesses at once, of which 10 may be looked at.
func TestParallelGuesses(t *testing.T) {
	s := shield(t, login.Options{})
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if guess(t, s, "alice", "203.0.113.7") {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 10 {
		t.Errorf("%d of 1000 parallel guesses were looked at, want 10", allowed.Load())
	}
}

// TestBotnet guesses at one user from 10,000 networks for a day, while the owner logs in
// on a known device.
func TestBotnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shield(t, login.Options{})
		cookie := logIn(t, s, "alice", from("198.51.100.1"))
		allowed, tried, in := 0, 0, 0
		start := time.Now()
		for n := 0; time.Since(start) < 24*time.Hour; n++ {
			time.Sleep(5 * time.Second)
			addr := fmt.Sprintf("10.%d.%d.7", n%10_000/100, n%100)
			if n%2 == 1 {
				addr = fmt.Sprintf("2001:db8:%x::1", n%10_000)
			}
			tried++
			if guess(t, s, "alice", addr) {
				allowed++
			}
			if n%600 != 0 {
				continue
			}
			r := from("198.51.100.77")
			r.AddCookie(cookie)
			a := s.Attempt(t.Context(), "alice", r)
			if !a.Allowed || !a.Known {
				t.Fatalf("the owner's known device is refused by %s (known: %v)", a.Rule, a.Known)
			}
			in++
			a.Succeeded(httptest.NewRecorder())
		}
		t.Logf("%d of %d guesses looked at in a day; the owner logged in %d times", allowed, tried, in)
		if allowed > 240 {
			t.Errorf("%d guesses in a day, want at most 240", allowed)
		}
	})
}

// TestIPv6Ladder guesses from ever new networks of one provider's customer.
func TestIPv6Ladder(t *testing.T) {
	s := shield(t, login.Options{})
	count := func(format string) (allowed int) {
		for i := range 4000 {
			if guess(t, s, fmt.Sprint("user", i), fmt.Sprintf(format, i%200)) {
				allowed++
			}
		}
		return allowed
	}
	if n := count("2001:db8:0:0::%x"); n != 100 {
		t.Errorf("%d guesses from one /64, want 100", n)
	}
	if n := count("2001:db8:1:%x::1"); n != 400 {
		t.Errorf("%d guesses from one /56, want 400", n)
	}
	if n := count("2001:db8:2:%x00::1"); n != 1600 {
		t.Errorf("%d guesses from one /48, want 1600", n)
	}
	if n := count("::ffff:203.0.113.%d"); n < 3900 {
		t.Errorf("%d of 4000 guesses from 200 IPv4 addresses, want all: they are no IPv6 network", n)
	}
}

// TestUnknownAddress counts by user where a proxy hides who asks.
func TestUnknownAddress(t *testing.T) {
	var told atomic.Int64
	s := shield(t, login.Options{
		IPCounts: func(*http.Request) bool { return false },
		Sink: func(_ context.Context, e guard.Event) {
			if e.Action == guard.WouldDeny && e.Rule == "ip" {
				told.Add(1)
			}
		},
	})
	for i := range 300 {
		if !guess(t, s, fmt.Sprint("user", i), "10.0.0.1") {
			t.Fatalf("user %d is refused for the address of a proxy", i)
		}
	}
	if told.Load() == 0 {
		t.Error("nothing was told of the address")
	}
	if n := guesses(t, s, 30, "alice", "10.0.0.1"); n != 10 {
		t.Errorf("%d guesses at one user, want 10", n)
	}
}

func TestGlobal(t *testing.T) {
	policies := login.Policies{Global: limit.Policy{Points: 50, Duration: time.Hour}}
	told := 0
	watch := func(_ context.Context, e guard.Event) {
		if e.Rule == "global" {
			told++
		}
	}
	s := shield(t, login.Options{Policies: policies, Sink: watch})
	enforced := shield(t, login.Options{Policies: policies, EnforceGlobal: true})
	cookie := logIn(t, enforced, "alice", from("198.51.100.1"))
	n, m := 0, 0
	for i := range 80 {
		user, addr := fmt.Sprint("user", i), fmt.Sprintf("10.0.0.%d", i)
		if guess(t, s, user, addr) {
			n++
		}
		if guess(t, enforced, user, addr) {
			m++
		}
	}
	if n != 80 || told != 30 {
		t.Errorf("%d of 80 allowed and %d told, want 80 and 30", n, told)
	}
	if m != 50 {
		t.Errorf("%d of 80 allowed with EnforceGlobal, want 50", m)
	}
	r := from("198.51.100.1")
	r.AddCookie(cookie)
	if a := enforced.Attempt(t.Context(), "alice", r); !a.Allowed {
		t.Error("a known device is refused for what others do")
	}
}

func TestModes(t *testing.T) {
	told := 0
	s := shield(t, login.Options{Mode: guard.Observe, Sink: func(_ context.Context, e guard.Event) {
		if e.Action == guard.WouldDeny {
			told++
		}
	}})
	if n := guesses(t, s, 30, "alice", "203.0.113.7"); n != 30 || told != 20 {
		t.Errorf("observing: %d allowed and %d told, want 30 and 20", n, told)
	}
	s = shield(t, login.Options{Mode: guard.Off})
	if n := guesses(t, s, 30, "alice", "203.0.113.7"); n != 30 {
		t.Errorf("off: %d allowed, want 30", n)
	}
}

// TestObserveSetsNoCookie: a guard that observes changes no answer.
func TestObserveSetsNoCookie(t *testing.T) {
	for mode, want := range map[guard.Mode]int{guard.Enforce: 1, guard.Observe: 0, guard.Off: 0} {
		w := httptest.NewRecorder()
		shield(t, login.Options{Mode: mode}).Attempt(t.Context(), "alice", from("203.0.113.7")).Succeeded(w)
		if n := len(w.Result().Cookies()); n != want {
			t.Errorf("%v: %d cookies, want %d", mode, n, want)
		}
	}
}

type broken struct{ limit.Store }

func (broken) Decide(context.Context, time.Time, []limit.Op, []limit.Result) error {
	return fmt.Errorf("the store is broken")
}

// TestBrokenStore refuses: a login that nobody counts is open.
func TestBrokenStore(t *testing.T) {
	s := shield(t, login.Options{Store: broken{}})
	a := s.Attempt(t.Context(), "alice", from("203.0.113.7"))
	if a.Allowed || a.Rule != login.RuleStore {
		t.Errorf("with a broken store = %+v", a)
	}
	w := httptest.NewRecorder()
	a.Deny(w, from("203.0.113.7"))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("Deny = %d, want 503", w.Code)
	}
}

// TestDenyIsTheSameForAll compares what is refused for a user that is there and one that
// is not.
func TestDenyIsTheSameForAll(t *testing.T) {
	s := shield(t, login.Options{})
	answer := func(user, addr string) string {
		guesses(t, s, 10, user, addr)
		w := httptest.NewRecorder()
		r := from(addr)
		s.Attempt(t.Context(), user, r).Deny(w, r)
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	if a, b := answer("alice", "203.0.113.7"), answer("nobody", "203.0.113.8"); a != b {
		t.Errorf("for one %s, for another %s", a, b)
	}
}
