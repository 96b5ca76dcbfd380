package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

func TestBinding(t *testing.T) {
	c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
	bind := func() (b []byte) {
		c.do(func(_ *session.Session[account], _ http.ResponseWriter, r *http.Request) {
			var err error
			if b, err = c.m.Binding(r); err != nil {
				t.Error(err)
			}
		})
		return b
	}
	if b := bind(); b != nil {
		t.Errorf("Binding() of a visitor = %x, want nil", b)
	}
	c.set("ann")
	first, again := bind(), bind()
	if len(first) != 32 || string(first) != string(again) {
		t.Errorf("Binding() = %x then %x, want the same 32 bytes", first, again)
	}
	c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
		_ = s.Regenerate(session.Keep)
	})
	if b := bind(); string(b) == string(first) {
		t.Error("Binding() outlived Regenerate")
	}
}
