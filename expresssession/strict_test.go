package expresssession_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	es "github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
)

var secret = []byte("a secret for these tests")

func strict(t testing.TB, o es.Options) *es.Manager {
	t.Helper()
	if o.Secret == nil {
		o.Secret = [][]byte{secret}
	}
	if o.Store == nil {
		o.Store = es.NewMemoryStore()
	}
	if o.Sink == nil {
		o.Sink = discard
	}
	m, err := es.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends one request by https through h.
func ask(h http.Handler, cookies ...string) *http.Response {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	if len(cookies) > 0 {
		r.Header["Cookie"] = cookies
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// pair is the name and value of the response's cookie.
func pair(r *http.Response) string {
	p, _, _ := strings.Cut(r.Header.Get("Set-Cookie"), ";")
	return p
}

func handle(m *es.Manager, f func(w http.ResponseWriter, s *es.Session)) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, es.From(r.Context())) }))
}

func set(t testing.TB, name string, v any) func(http.ResponseWriter, *es.Session) {
	return func(_ http.ResponseWriter, s *es.Session) {
		if err := s.Set(name, v); err != nil {
			t.Error(err)
		}
	}
}

func TestStrictLife(t *testing.T) {
	m := strict(t, es.Options{})
	first := ask(handle(m, set(t, "user", "ann")))
	line := first.Header.Get("Set-Cookie")
	for _, want := range []string{"connect.sid=s%3A", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(line, want) {
			t.Errorf("Set-Cookie: %s lacks %q", line, want)
		}
	}
	if got := first.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q, want no-store", got)
	}
	var seen string
	ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
		raw, _ := s.Get("user")
		seen = string(raw)
	}), pair(first))
	if seen != `"ann"` {
		t.Errorf("user = %s, want what was set", seen)
	}
	gone := ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
		if err := s.Destroy(); err != nil {
			t.Error(err)
		}
	}), pair(first))
	if line := gone.Header.Get("Set-Cookie"); !strings.Contains(line, "connect.sid=;") || !strings.Contains(line, "Expires=Thu, 01 Jan 1970") {
		t.Errorf("Destroy sends %q, want the cookie removed", line)
	}
	ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
		if !s.IsNew() {
			t.Error("a destroyed session is there")
		}
	}), pair(first))
	if none := ask(handle(m, func(http.ResponseWriter, *es.Session) {})); len(none.Header["Set-Cookie"]) > 0 || none.Header.Get("Cache-Control") != "" {
		t.Errorf("a visitor without session gets %v", none.Header)
	}
}

// A broken store fails where it is told to.
type broken struct {
	*es.MemoryStore
	get, set error
}

func (b broken) Get(ctx context.Context, sid string) ([]byte, bool, error) {
	if b.get != nil {
		return nil, false, b.get
	}
	return b.MemoryStore.Get(ctx, sid)
}

func (b broken) Set(ctx context.Context, sid string, s es.Stored) error {
	if b.set != nil {
		return b.set
	}
	return b.MemoryStore.Set(ctx, sid, s)
}

func TestStrictStoreFails(t *testing.T) {
	secretText := errors.New("the store's secret address")
	m := strict(t, es.Options{Store: broken{es.NewMemoryStore(), nil, secretText}})
	r := ask(handle(m, func(w http.ResponseWriter, s *es.Session) {
		set(t, "user", "ann")(w, s)
		w.Header().Set("Location", "/home")
		w.WriteHeader(http.StatusFound)
	}))
	if r.StatusCode != 503 || r.Header.Get("Set-Cookie") != "" || r.Header.Get("Location") != "" || r.Header.Get("Retry-After") == "" {
		t.Errorf("a session that cannot be saved is answered %d with %v, want 503 without a cookie", r.StatusCode, r.Header)
	}
	m = strict(t, es.Options{Store: broken{es.NewMemoryStore(), secretText, nil}})
	reached := false
	r = ask(handle(m, func(http.ResponseWriter, *es.Session) { reached = true }), "connect.sid="+cookie.EncodeSigned("some-id-of-enough-bytes", secret))
	body := make([]byte, 512)
	n, _ := r.Body.Read(body)
	if r.StatusCode != 503 || reached || strings.Contains(string(body[:n]), "secret") {
		t.Errorf("a session that cannot be loaded is answered %d %q, handler reached: %v; want 503", r.StatusCode, body[:n], reached)
	}
}

// A session that cannot be loaded is not removed because of it in Strict, and is by the
// peer.
func TestUnsetOfUnreadable(t *testing.T) {
	for _, tt := range []struct {
		mode  es.Mode
		there bool
	}{{es.Strict, true}, {es.Compat, false}} {
		store := es.NewMemoryStore()
		fails := broken{store, errors.New("down"), nil}
		m := strict(t, es.Options{Mode: tt.mode, Store: fails, Unset: "destroy"})
		const sid = "an-id-of-enough-characters"
		if err := store.Set(t.Context(), sid, es.Stored{JSON: []byte(`{"cookie":{}}`)}); err != nil {
			t.Fatal(err)
		}
		ask(handle(m, func(http.ResponseWriter, *es.Session) {}), "connect.sid="+cookie.EncodeSigned(sid, secret))
		if _, ok, _ := store.Get(t.Context(), sid); ok != tt.there {
			t.Errorf("mode %v: after a load that failed the session is there: %v, want %v", tt.mode, ok, tt.there)
		}
	}
}

// counting counts calls.
type counting struct {
	*es.MemoryStore
	calls atomic.Int32
}

func (c *counting) Get(ctx context.Context, sid string) ([]byte, bool, error) {
	c.calls.Add(1)
	return c.MemoryStore.Get(ctx, sid)
}

func TestForgedCostsNoCall(t *testing.T) {
	for _, mode := range []es.Mode{es.Strict, es.Compat} {
		store := &counting{MemoryStore: es.NewMemoryStore()}
		var events atomic.Int32
		m := strict(t, es.Options{Mode: mode, Store: store, Sink: func(_ context.Context, e guard.Event) {
			if e.Rule == "forged" {
				events.Add(1)
			}
		}})
		h := handle(m, func(http.ResponseWriter, *es.Session) {})
		for i := range 100 {
			value := cookie.EncodeSigned(fmt.Sprint("id-", i), []byte("another secret"))
			if i%2 == 0 {
				value = fmt.Sprint("bare-", i)
			}
			ask(h, "connect.sid="+value)
		}
		if events.Load() != 100 || store.calls.Load() != 0 {
			t.Errorf("mode %v: 100 forged cookies made %d events and %d calls to the store, want 100 and 0", mode, events.Load(), store.calls.Load())
		}
	}
}

func TestEventsHoldNoID(t *testing.T) {
	var all strings.Builder
	m := strict(t, es.Options{Sink: func(_ context.Context, e guard.Event) { fmt.Fprintf(&all, "%+v\n", e) }})
	var ids []string
	note := func(s *es.Session) { ids = append(ids, s.ID()) }
	first := ask(handle(m, func(w http.ResponseWriter, s *es.Session) { note(s); set(t, "a", 1)(w, s) }))
	ask(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := es.From(r.Context()).Regenerate(); err != nil {
			t.Error(err)
		}
		note(es.From(r.Context()))
		if err := es.From(r.Context()).Destroy(); err != nil {
			t.Error(err)
		}
	})), pair(first))
	if !strings.Contains(all.String(), "regenerated") || !strings.Contains(all.String(), "destroyed") {
		t.Errorf("events lack a change of the life cycle:\n%s", all.String())
	}
	for _, id := range ids {
		if strings.Contains(all.String(), id) {
			t.Errorf("events hold the id %s:\n%s", id, all.String())
		}
	}
}

func TestUnreadable(t *testing.T) {
	for _, text := range []string{`{`, `[]`, `7`, `"x"`, `null`, `{"user":"ann"}`, `{"cookie":null}`, `{"cookie":"x"}`, "", "\xff", `{"cookie":{}} x`} {
		store := es.NewMemoryStore()
		m := strict(t, es.Options{Store: store})
		const sid = "an-id-of-enough-characters"
		if err := store.Set(t.Context(), sid, es.Stored{JSON: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		r := ask(handle(m, func(w http.ResponseWriter, s *es.Session) {
			if !s.IsNew() {
				t.Errorf("%q is taken for a session", text)
			}
			set(t, "user", "bob")(w, s)
		}), "connect.sid="+cookie.EncodeSigned(sid, secret))
		if r.StatusCode != 200 || pair(r) == "" {
			t.Errorf("with %q stored: status %d, cookie %q; want 200 and a new session", text, r.StatusCode, pair(r))
		}
	}
}

func TestRotation(t *testing.T) {
	store := es.NewMemoryStore()
	first := ask(handle(strict(t, es.Options{Store: store}), set(t, "user", "ann")))
	next := strict(t, es.Options{Store: store, Secret: [][]byte{[]byte("the next secret"), secret}})
	r := ask(handle(next, func(_ http.ResponseWriter, s *es.Session) {
		if s.IsNew() {
			t.Error("a session signed by the old secret is lost")
		}
	}), pair(first))
	if pair(r) == "" || pair(r) == pair(first) {
		t.Errorf("Set-Cookie is %q, want the session signed anew", pair(r))
	}
	last := strict(t, es.Options{Store: store, Secret: [][]byte{[]byte("the next secret")}})
	ask(handle(last, func(_ http.ResponseWriter, s *es.Session) {
		if s.IsNew() {
			t.Error("a session signed anew is lost when the old secret goes")
		}
	}), pair(r))
}

func TestHeaderSent(t *testing.T) {
	m := strict(t, es.Options{})
	r := ask(handle(m, func(w http.ResponseWriter, s *es.Session) {
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		if err := s.Set("a", 1); !errors.Is(err, es.ErrHeaderSent) {
			t.Errorf("Set() on a new session after the header = %v, want ErrHeaderSent", err)
		}
		if err := s.Regenerate(); !errors.Is(err, es.ErrHeaderSent) {
			t.Errorf("Regenerate() after the header = %v, want ErrHeaderSent", err)
		}
	}))
	if pair(r) != "" {
		t.Error("a cookie was sent for nothing")
	}
	// An existing session can be changed late: its cookie is with the client.
	first := ask(handle(m, set(t, "a", 1)))
	ask(handle(m, func(w http.ResponseWriter, s *es.Session) {
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		set(t, "late", true)(w, s)
	}), pair(first))
	ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
		if v, _ := s.Get("late"); string(v) != "true" {
			t.Errorf("late = %s, want true", v)
		}
	}), pair(first))
}

type hijackable struct{ *httptest.ResponseRecorder }

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("taken over")
}

func TestHijack(t *testing.T) {
	m := strict(t, es.Options{})
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set(t, "a", 1)(w, es.From(r.Context()))
		_, _, err := http.NewResponseController(w).Hijack()
		if err == nil || !strings.Contains(err.Error(), "Set-Cookie") {
			t.Errorf("Hijack() with a cookie due = %v, want a refusal", err)
		}
	}))
	h.ServeHTTP(hijackable{httptest.NewRecorder()}, httptest.NewRequest("GET", "https://a.example/", nil))
}

func TestStrictPath(t *testing.T) {
	path := "/admin"
	m := strict(t, es.Options{Cookie: es.Cookie{Path: &path}})
	for target, want := range map[string]bool{"/admin": true, "/admin/": true, "/admin/x?y": true, "/administrator": false, "/": false} {
		got := false
		r := httptest.NewRequest("GET", target, nil)
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = es.From(r.Context()) != nil })).ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("a session at %s: %v, want %v", target, got, want)
		}
	}
}

// Two times a thousand requests change different members at once: none is lost.
func TestNoLostUpdates(t *testing.T) {
	m := strict(t, es.Options{})
	first := ask(handle(m, set(t, "start", true)))
	const each = 1000
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := range each {
				if r := ask(handle(m, set(t, fmt.Sprintf("g%d-%d", g, i), i)), pair(first)); r.StatusCode != 200 {
					t.Errorf("status %d", r.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
		if n := len(s.Keys()); n != 2*each+1 {
			t.Errorf("%d members, want %d: changes were lost", n, 2*each+1)
		}
	}), pair(first))
}

// A logout while another request changes the session is final.
func TestLogoutIsFinal(t *testing.T) {
	store := es.NewMemoryStore()
	m := strict(t, es.Options{Store: store})
	const races = 10_000
	back := 0
	for range races {
		var sid string
		first := ask(handle(m, func(w http.ResponseWriter, s *es.Session) { sid = s.ID(); set(t, "user", "ann")(w, s) }))
		loaded, done := make(chan bool), make(chan bool)
		go func() {
			ask(handle(m, func(w http.ResponseWriter, s *es.Session) {
				close(loaded)
				set(t, "seen", 1)(w, s)
			}), pair(first))
			close(done)
		}()
		<-loaded
		ask(handle(m, func(_ http.ResponseWriter, s *es.Session) {
			if s != nil {
				_ = s.Destroy()
			}
		}), pair(first))
		<-done
		if _, ok, _ := store.Get(t.Context(), sid); ok {
			back++
		}
	}
	if back > 0 {
		t.Errorf("%d of %d logouts were undone, want 0", back, races)
	}
}
