package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/session"
)

// Two writers of a thousand different members each, at once, on one session.
func TestNoLostUpdates(t *testing.T) {
	for name, write := range map[string]func(s *session.Session[account], key string) error{
		"update": func(s *session.Session[account], key string) error {
			return s.Update(func(a *account) error {
				if a.Notes == nil {
					a.Notes = map[string]string{}
				}
				a.Notes[key] = key
				a.Visits++
				return nil
			})
		},
		"set": func(s *session.Session[account], key string) error {
			a, err := s.Get()
			if err != nil {
				return err
			}
			notes := map[string]string{key: key}
			for k, v := range a.Notes {
				notes[k] = v
			}
			a.Notes = notes
			return s.Set(a)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each := 1000
			if name == "set" {
				each = 200 // it reads and copies all of them each time
			}
			c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
			c.set("both")
			var wg sync.WaitGroup
			for i := range 2 {
				one := &client{t: t, m: c.m, cookie: c.cookie}
				wg.Go(func() {
					for n := range each {
						res := one.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
							if err := write(s, fmt.Sprintf("%d-%d", i, n)); err != nil {
								t.Errorf("write: %v", err)
							}
						})
						if res.StatusCode != 200 {
							t.Errorf("answer = %d, want 200", res.StatusCode)
						}
					}
				})
			}
			wg.Wait()
			got := c.visit()
			if len(got.Notes) != 2*each || name == "update" && got.Visits != 2*each+1 {
				t.Errorf("%d members and %d visits are left, want %d and %d", len(got.Notes), got.Visits, 2*each, 2*each+1)
			}
		})
	}
}

// A logout while another request, which has loaded the session, is about to save it.
func TestLogoutIsFinal(t *testing.T) {
	const races = 10000
	m := manager(t, session.Options{Store: memory(t)})
	back := 0
	for i := range races {
		c := &client{t: t, m: m}
		c.set("ann")
		held := c.cookie
		loaded, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			other := &client{t: t, m: m, cookie: held}
			other.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
				_, _ = s.Get()
				close(loaded)
				_ = s.Update(func(a *account) error { a.Visits = i; return nil })
			})
		}()
		if i%2 == 0 {
			<-loaded
		}
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if err := s.Destroy(); err != nil {
				t.Error(err)
			}
		})
		<-done
		if got := (&client{t: t, m: m, cookie: held}).visit(); got.Name != "" {
			back++
		}
	}
	if back != 0 {
		t.Errorf("%d of %d sessions came back after the logout, want 0", back, races)
	}
}

func TestUsers(t *testing.T) {
	ctx := context.Background()
	store := memory(t)
	m := manager(t, session.Options{Store: store, MaxPerUser: 3})
	login := func(user, label string) *client {
		c := &client{t: t, m: m}
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if err := s.Authenticate(user, label); err != nil {
				t.Error(err)
			}
		})
		return c
	}
	user := func(c *client) (name string) {
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) { name, _ = s.User() })
		return name
	}
	for i := range 1000 {
		login(fmt.Sprint("crowd", i), "x")
	}
	var ann []*client
	for i := range 4 {
		ann = append(ann, login("ann", fmt.Sprint("browser ", i)))
	}
	if user(ann[3]) != "ann" {
		t.Error("the newest of four logins is out")
	}
	list, err := m.List(ctx, "ann")
	if err != nil || len(list) != 3 {
		t.Fatalf("List() = %d sessions, %v, want 3", len(list), err)
	}
	out := 0
	for _, c := range ann {
		if user(c) == "" {
			out++
		}
	}
	if out != 1 {
		t.Errorf("%d of four sessions ended at a limit of three, want 1", out)
	}
	if ok, err := m.End(ctx, "bob", list[0].Key); ok || err != nil {
		t.Errorf("End() of another user's session = %v, %v, want false", ok, err)
	}
	if ok, err := m.End(ctx, "ann", list[0].Key); !ok || err != nil {
		t.Errorf("End() = %v, %v, want true", ok, err)
	}
	store.mu.Lock()
	store.loads, store.del = 0, 0
	store.mu.Unlock()
	n, err := m.EndAll(ctx, "ann", list[1].Key)
	if err != nil || n != 1 || store.del != 1 {
		t.Errorf("EndAll(but one) = %d, %v, with %d deletions, want 1 of each", n, err, store.del)
	}
	if n, err := m.EndAll(ctx, "ann"); n != 1 || err != nil {
		t.Errorf("EndAll() = %d, %v, want the last one", n, err)
	}
	for i, c := range ann {
		if got := user(c); got != "" {
			t.Errorf("session %d is still %q's", i, got)
		}
	}
	if list, err := m.List(ctx, "crowd7"); err != nil || len(list) != 1 || list[0].Label != "x" {
		t.Errorf("List(crowd7) = %v, %v, want its one", list, err)
	}
}

// Renewals of one session by many requests at once end at one id.
func TestParallelRenewal(t *testing.T) {
	m := manager(t, session.Options{Store: memory(t), Timeouts: session.Timeouts{Renewal: 1e9, Idle: 60e9}})
	c := &client{t: t, m: m}
	c.set("ann")
	held := c.cookie
	sleepPast(t, 1e9)
	cookies := make([]string, 16)
	var wg sync.WaitGroup
	for i := range cookies {
		wg.Go(func() {
			one := &client{t: t, m: m, cookie: held}
			one.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
				_ = s.Update(func(a *account) error { a.Visits++; return nil })
			})
			cookies[i] = one.cookie
		})
	}
	wg.Wait()
	for _, cookie := range cookies {
		if got := (&client{t: t, m: m, cookie: cookie}).visit(); got.Name != "ann" || got.Visits != len(cookies)+1 {
			t.Errorf("one of the clients reads %+v, want all %d visits", got, len(cookies)+1)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for name, f := range map[string]func(s *session.Session[account], i int){
		"untouched": func(s *session.Session[account], i int) { _, _ = s.IsNew() },
		"read":      func(s *session.Session[account], i int) { _, _ = s.Get() },
		"put": func(s *session.Session[account], i int) {
			_ = s.Update(func(a *account) error { a.Visits = i; return nil })
		},
	} {
		b.Run(name, func(b *testing.B) {
			m := manager(b, session.Options{Store: memory(b), Timeouts: session.Timeouts{Renewal: -1}})
			c := &client{t: b, m: m}
			c.set("ann")
			i := 0
			h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				i++
				f(session.From[account](r.Context()), i)
			}))
			r := httptest.NewRequest("GET", "https://x/", nil)
			r.Header.Set("Cookie", c.cookie)
			w := &nowhere{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				h.ServeHTTP(w, r)
			}
		})
	}
}

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// sleepPast waits for real time to pass: these requests run at once, and a bubble of
// synctest has one clock that stands still while they do.
func sleepPast(t *testing.T, ns int64) {
	t.Helper()
	time.Sleep(time.Duration(ns) + 20*time.Millisecond)
}
