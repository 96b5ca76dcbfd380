package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
)

type account struct {
	Name   string            `json:"name,omitempty"`
	Visits int               `json:"visits,omitempty"`
	Notes  map[string]string `json:"notes,omitempty"`
}

var (
	keyA = []byte("0123456789abcdef0123456789abcdeA")
	keyB = []byte("0123456789abcdef0123456789abcdeB")
)

// events collects what a manager tells.
type events struct {
	mu  sync.Mutex
	all []guard.Event
}

func (e *events) sink(_ context.Context, ev guard.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) count(rule string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.all {
		if ev.Rule == rule {
			n++
		}
	}
	return n
}

// counting is a store that counts and fails on demand.
type counting struct {
	session.Index
	mu                         sync.Mutex
	loads, saves, touches, del int
	fail                       error
}

func (c *counting) note(n *int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
	return c.fail
}

func (c *counting) Load(ctx context.Context, k session.Key) (session.Record, bool, error) {
	if err := c.note(&c.loads); err != nil {
		return session.Record{}, false, err
	}
	return c.Index.Load(ctx, k)
}

func (c *counting) Save(ctx context.Context, k session.Key, r session.Record) (uint64, error) {
	if err := c.note(&c.saves); err != nil {
		return 0, err
	}
	return c.Index.Save(ctx, k, r)
}

func (c *counting) Touch(ctx context.Context, k session.Key, at time.Time) error {
	if err := c.note(&c.touches); err != nil {
		return err
	}
	return c.Index.Touch(ctx, k, at)
}

func (c *counting) Delete(ctx context.Context, k session.Key, o session.Owner) error {
	if err := c.note(&c.del); err != nil {
		return err
	}
	return c.Index.Delete(ctx, k, o)
}

func memory(t testing.TB) *counting {
	t.Helper()
	m, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &counting{Index: m}
}

func manager(t testing.TB, o session.Options) *session.Manager[account] {
	t.Helper()
	if o.Keys == nil {
		o.Keys = [][]byte{keyA}
	}
	if o.Sink == nil {
		o.Sink = func(context.Context, guard.Event) {}
	}
	m, err := session.New[account](o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// client is a browser with one cookie.
type client struct {
	t      testing.TB
	m      *session.Manager[account]
	cookie string
}

func (c *client) do(f func(s *session.Session[account], w http.ResponseWriter, r *http.Request)) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	if c.cookie != "" {
		r.Header.Set("Cookie", "other=1; "+c.cookie)
	}
	w := httptest.NewRecorder()
	c.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(session.From[account](r.Context()), w, r)
	})).ServeHTTP(w, r)
	res := w.Result()
	for _, line := range res.Header["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(line, ";")
		c.cookie = pair
		if strings.Contains(attributes, "Max-Age=0") {
			c.cookie = ""
		}
	}
	return res
}

func (c *client) visit() account {
	c.t.Helper()
	var got account
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		var err error
		if got, err = s.Get(); err != nil {
			c.t.Errorf("Get() = %v, want nil", err)
		}
	})
	return got
}

func (c *client) set(name string) *http.Response {
	c.t.Helper()
	return c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		if err := s.Update(func(a *account) error { a.Name = name; a.Visits++; return nil }); err != nil {
			c.t.Errorf("Update() = %v, want nil", err)
		}
	})
}

func TestFirstCookie(t *testing.T) {
	store := memory(t)
	c := &client{t: t, m: manager(t, session.Options{Store: store})}
	if got := c.visit(); got.Name != "" || c.cookie != "" || store.loads+store.saves != 0 {
		t.Fatalf("a visitor got %+v, cookie %q, after %d store calls; want nothing of each", got, c.cookie, store.loads+store.saves)
	}
	res := c.set("ann")
	line := res.Header.Get("Set-Cookie")
	name, rest, _ := strings.Cut(line, "=")
	value, attributes, _ := strings.Cut(rest, ";")
	if name != "__Host-id" || len(value) != 64 || attributes != " Path=/; Secure; HttpOnly; SameSite=Lax" {
		t.Errorf("Set-Cookie = %q, want __Host-id, 64 characters, and the safe attributes", line)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store", got)
	}
	if got := c.visit(); got.Name != "ann" || got.Visits != 1 {
		t.Errorf("the next request reads %+v, want ann, 1", got)
	}
	if res := c.set("bob"); res.Header.Get("Set-Cookie") != "" {
		t.Errorf("a change sets %q, want no new cookie", res.Header.Get("Set-Cookie"))
	}
	if store.saves != 2 || store.touches != 0 {
		t.Errorf("store took %d saves and %d touches, want 2 and 0", store.saves, store.touches)
	}
}

func TestCacheControlOfTheApplication(t *testing.T) {
	for given, want := range map[string]string{"": "no-store", "public, max-age=60": "no-store", "private, max-age=5": "private, max-age=5", "no-store": "no-store", `private="x"`: "no-store"} {
		c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
		res := c.do(func(s *session.Session[account], w http.ResponseWriter, _ *http.Request) {
			if given != "" {
				w.Header().Set("Cache-Control", given)
			}
			_ = s.Set(account{Name: "x"})
		})
		if got := res.Header.Get("Cache-Control"); got != want {
			t.Errorf("Cache-Control %q became %q, want %q", given, got, want)
		}
	}
}

func TestForgedCookiesCostNoStoreCall(t *testing.T) {
	store, ev := memory(t), &events{}
	c := &client{t: t, m: manager(t, session.Options{Store: store, Sink: ev.sink})}
	c.set("ann")
	good := c.cookie
	before := store.loads
	for i := range 100 {
		b := []byte(good)
		at := len("__Host-id=") + i%64
		if b[at]++; b[at] == good[at] {
			b[at]--
		}
		c.cookie = string(b)
		if got := c.visit(); got.Name != "" {
			t.Fatalf("a forged cookie reads %+v", got)
		}
	}
	if store.loads != before || ev.count("forged") != 100 {
		t.Errorf("100 forged cookies made %d store calls and %d events, want 0 and 100", store.loads-before, ev.count("forged"))
	}
	for _, odd := range []string{"__Host-id=", "__Host-id", "__Host-id=" + strings.Repeat("A", 64), "__host-id=" + good[10:], "__Host-id=\x00", "__Host-id=" + good[10:] + "A"} {
		c.cookie = odd
		if got := c.visit(); got.Name != "" {
			t.Errorf("cookie %q reads %+v, want nothing", odd, got)
		}
	}
	c.cookie = "__Host-id=planted; " + good
	if got := c.visit(); got.Name != "ann" {
		t.Errorf("behind a planted cookie the session reads %+v, want ann", got)
	}
}

func TestUnknownIDIsNeverAdopted(t *testing.T) {
	ev := &events{}
	a := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
	a.set("ann")
	foreign := a.cookie
	b := &client{t: t, m: manager(t, session.Options{Store: memory(t), Sink: ev.sink}), cookie: foreign}
	b.set("bob")
	if b.cookie == foreign || ev.count("unknown") != 1 {
		t.Errorf("cookie %q after %d events, want another one and 1 event", b.cookie, ev.count("unknown"))
	}
}

func TestStoreOutage(t *testing.T) {
	store, ev := memory(t), &events{}
	c := &client{t: t, m: manager(t, session.Options{Store: store, Sink: ev.sink})}
	c.set("ann")
	store.fail = errors.New("cable cut at 10.0.0.7")
	for name, f := range map[string]func(*session.Session[account], http.ResponseWriter){
		"read":   func(s *session.Session[account], w http.ResponseWriter) { _, _ = s.Get() },
		"update": func(s *session.Session[account], w http.ResponseWriter) { _ = s.Set(account{Name: "x"}) },
		"written": func(s *session.Session[account], w http.ResponseWriter) {
			_, _ = s.Get()
			io.WriteString(w, "all is well")
		},
		"destroy": func(s *session.Session[account], w http.ResponseWriter) { _ = s.Destroy() },
		"location": func(s *session.Session[account], w http.ResponseWriter) {
			_, _ = s.Get()
			w.Header().Set("Location", "/in")
			w.WriteHeader(302)
		},
	} {
		res := c.do(func(s *session.Session[account], w http.ResponseWriter, _ *http.Request) { f(s, w) })
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 503 || strings.Contains(string(body), "cable") || strings.Contains(string(body), "well") || res.Header.Get("Set-Cookie") != "" || res.Header.Get("Location") != "" {
			t.Errorf("%s: answer = %d %q %v, want a bare 503", name, res.StatusCode, body, res.Header)
		}
	}
	res := c.do(func(_ *session.Session[account], w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "static") })
	if res.StatusCode != 200 {
		t.Errorf("who does not ask for the session gets %d, want 200", res.StatusCode)
	}
	// A new visitor whose save fails.
	v := &client{t: t, m: c.m}
	if res := v.set("new"); res.StatusCode != 503 || v.cookie != "" {
		t.Errorf("a failed save answers %d with cookie %q, want 503 and none", res.StatusCode, v.cookie)
	}
	if ev.count("store") == 0 {
		t.Error("the outage was not told")
	}
	store.fail = nil
	if got := c.visit(); got.Name != "ann" {
		t.Errorf("after the outage the session reads %+v, want ann", got)
	}
}

func TestAnonymousOnOutage(t *testing.T) {
	store, ev := memory(t), &events{}
	c := &client{t: t, m: manager(t, session.Options{Store: store, Sink: ev.sink, InsecureAnonymousOnOutage: "a shop window"})}
	c.set("ann")
	store.fail = errors.New("down")
	res := c.do(func(s *session.Session[account], w http.ResponseWriter, _ *http.Request) {
		if got, err := s.Get(); err != nil || got.Name != "" {
			t.Errorf("Get() = %+v, %v, want a visitor", got, err)
		}
	})
	if res.StatusCode != 200 || ev.count("insecure") != 1 {
		t.Errorf("answer = %d after %d warnings, want 200 and 1", res.StatusCode, ev.count("insecure"))
	}
	if res := c.set("lost"); res.StatusCode != 503 {
		t.Errorf("a change that cannot be stored answers %d, want 503", res.StatusCode)
	}
}

func TestDestroy(t *testing.T) {
	c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
	c.set("ann")
	held := c.cookie
	res := c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		if err := s.Destroy(); err != nil {
			t.Error(err)
		}
	})
	if got, want := res.Header.Get("Set-Cookie"), "__Host-id=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"; got != want {
		t.Errorf("Set-Cookie = %q, want %q", got, want)
	}
	if got := (&client{t: t, m: c.m, cookie: held}).visit(); got.Name != "" {
		t.Error("the session outlived Destroy")
	}
	c.cookie = held
	res = c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		_ = s.Destroy()
		_ = s.Set(account{Name: "again"})
	})
	if n := len(res.Header["Set-Cookie"]); n != 1 || c.cookie == "" || c.cookie == held {
		t.Errorf("a change after Destroy sets %q, want one new cookie", res.Header["Set-Cookie"])
	}
}

func TestKeyRotation(t *testing.T) {
	store := memory(t)
	c := &client{t: t, m: manager(t, session.Options{Store: store, Keys: [][]byte{keyA}})}
	c.set("ann")
	old := c.cookie
	c.m = manager(t, session.Options{Store: store, Keys: [][]byte{keyB, keyA}})
	if got := c.visit(); got.Name != "ann" || c.cookie == old {
		t.Fatalf("with the key behind another: %+v, signed anew %v", got, c.cookie != old)
	}
	c.set("ann2") // seals the data anew
	c.m = manager(t, session.Options{Store: store, Keys: [][]byte{keyB}})
	if got := c.visit(); got.Name != "ann2" {
		t.Errorf("after the old key was dropped: %+v, want ann2", got)
	}
}

func TestStoreHoldsNothingReadable(t *testing.T) {
	var record session.Record
	var key session.Key
	m := memory(t) // a store of another type
	c := &client{t: t, m: manager(t, session.Options{Store: m})}
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		_ = s.Set(account{Name: "plain-name"})
		_ = s.Authenticate("plain-user", "plain-label")
	})
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		key, _ = s.Key()
		record, _, _ = m.Load(context.Background(), key)
	})
	text, _ := record.AppendBinary(nil)
	if s := string(text) + string(key[:]); strings.Contains(s, "plain") || strings.Contains(s, c.cookie[10:40]) || len(record.Data) < 40 {
		t.Errorf("the record shows what it holds: %q", s)
	}
}

// What a Memory holds itself goes without sealing, and means the same.
func TestMemoryItself(t *testing.T) {
	m, _ := session.NewMemory(session.MemoryOptions{})
	c := &client{t: t, m: manager(t, session.Options{Store: m})}
	c.set("ann")
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		if err := s.Authenticate("ann", "here"); err != nil {
			t.Error(err)
		}
	})
	c.set("bob")
	if got := c.visit(); got.Name != "bob" || got.Visits != 2 {
		t.Errorf("Get() = %+v, want bob, 2", got)
	}
	if list, err := c.m.List(context.Background(), "ann"); err != nil || len(list) != 1 || list[0].Label != "here" {
		t.Errorf("List() = %+v, %v, want the one from here", list, err)
	}
}
