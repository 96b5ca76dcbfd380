package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/session"
)

func TestFlash(t *testing.T) {
	c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		_ = s.AddFlash("note", "saved")
		_ = s.AddFlash("note", "and sent")
	})
	for i, want := range []string{"[saved and sent]", "[]"} {
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if got, err := s.Flashes("note"); err != nil || fmt.Sprint(got) != want {
				t.Errorf("request %d: Flashes() = %v, %v, want %s", i, got, err, want)
			}
		})
	}
}

func TestErrorOfUpdateChangesNothing(t *testing.T) {
	c := &client{t: t, m: manager(t, session.Options{Store: memory(t), MaxBytes: 100})}
	c.set("ann")
	refused := errors.New("refused")
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		if err := s.Update(func(a *account) error { a.Name = "eve"; return refused }); !errors.Is(err, refused) {
			t.Errorf("Update() = %v, want the function's error", err)
		}
		if err := s.Set(account{Name: strings.Repeat("x", 200)}); !errors.Is(err, session.ErrTooLarge) {
			t.Errorf("Set(200 bytes) = %v, want ErrTooLarge", err)
		}
		if got, _ := s.Get(); got.Name != "ann" {
			t.Errorf("Get() = %+v, want ann", got)
		}
	})
	if got := c.visit(); got.Name != "ann" {
		t.Errorf("the next request reads %+v, want ann", got)
	}
}

func TestForeignMembersStay(t *testing.T) {
	store := memory(t)
	type later struct {
		Name  string `json:"name"`
		Color string `json:"color"`
	}
	newer, err := session.New[later](session.Options{Store: store, Keys: [][]byte{keyA}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	newer.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = session.From[later](r.Context()).Set(later{"ann", "green"})
	})).ServeHTTP(w, httptest.NewRequest("GET", "https://x/", nil))
	pair, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	c := &client{t: t, m: manager(t, session.Options{Store: store}), cookie: pair}
	c.set("bob") // a process that runs the version of before
	r := httptest.NewRequest("GET", "https://x/", nil)
	r.Header.Set("Cookie", pair)
	newer.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := session.From[later](r.Context()).Get(); err != nil || got != (later{"bob", "green"}) {
			t.Errorf("Get() = %+v, %v, want bob and green", got, err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// TestBinding: what is bound to a session is good for as long as nothing but its id's age
// and the keys change.
func TestBinding(t *testing.T) {
	key, next := keyA, keyB
	for name, o := range map[string]session.Options{
		"stored": {Store: memory(t)},
		"sealed": {Sealed: &session.Sealed{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o.Keys = [][]byte{key}
				o.Timeouts = session.Timeouts{Idle: 3 * time.Hour, Renewal: time.Hour}
				c := &client{t: t, m: manager(t, o)}
				// bind is the binding before f and after it, in one request.
				bind := func(f func(*session.Session[account]) error) (before, after string) {
					c.do(func(s *session.Session[account], _ http.ResponseWriter, r *http.Request) {
						for _, b := range []*string{&before, &after} {
							got, err := c.m.Binding(r)
							if err != nil {
								t.Error(err)
							}
							if *b = string(got); f != nil && b == &before {
								if err := f(s); err != nil {
									t.Error(err)
								}
							}
						}
					})
					return before, after
				}
				if b, _ := bind(nil); b != "" {
					t.Errorf("Binding() of a visitor = %x, want nil", b)
				}
				none, first := bind(func(s *session.Session[account]) error { return s.Set(account{Name: "ann"}) })
				again, _ := bind(nil)
				if none != "" || len(first) != 16 || first != again {
					t.Errorf("Binding() of a session that begins = %x, then %x, later %x; want nil, then the same 16 bytes", none, first, again)
				}
				time.Sleep(61 * time.Minute)
				if before, after := bind(func(s *session.Session[account]) error { return s.Set(account{Name: "ann2"}) }); before != first || after != first {
					t.Error("Binding() changed with a renewal")
				}
				o.Keys = [][]byte{next, key}
				c.m = manager(t, o)
				if b, _ := bind(nil); b != first {
					t.Error("Binding() changed with a renewal, or with the keys")
				}
				last := first
				for _, change := range []struct {
					what string
					f    func(*session.Session[account]) error
				}{
					{"Regenerate", func(s *session.Session[account]) error { return s.Regenerate(session.Keep) }},
					{"Regenerate with Drop", func(s *session.Session[account]) error { return s.Regenerate(session.Drop) }},
					{"Authenticate", func(s *session.Session[account]) error { return s.Authenticate("ann", "") }},
					{"Authenticate, asked again", func(s *session.Session[account]) error { return s.Authenticate("ann", "") }},
				} {
					before, after := bind(change.f)
					later, _ := bind(nil)
					if before != last || after == last || later != after {
						t.Errorf("%s: Binding() = %x, then %x, later %x; want %x, then the same new one", change.what, before, after, later, last)
					}
					last = later
				}
				if _, after := bind(func(s *session.Session[account]) error { return s.Destroy() }); after != "" {
					t.Errorf("Binding() after Destroy = %x, want nil", after)
				}
			})
		})
	}
}

// TestBindingOfOldID: whoever keeps the id of before a login is not bound to the login.
func TestBindingOfOldID(t *testing.T) {
	c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
	c.set("visitor")
	old := c.cookie
	var before, login, within []byte
	bind := func(into *[]byte, f func(*session.Session[account])) {
		c.do(func(s *session.Session[account], _ http.ResponseWriter, r *http.Request) {
			if f != nil {
				f(s)
			}
			*into, _ = c.m.Binding(r)
		})
	}
	bind(&before, nil)
	bind(&login, func(s *session.Session[account]) { _ = s.Authenticate("ann", "") })
	c.cookie = old
	bind(&within, nil)
	if len(within) == 0 || !bytes.Equal(within, before) || bytes.Equal(within, login) {
		t.Errorf("within the grace the old id is bound to %x, want %x as before and not %x", within, before, login)
	}
}
