package session_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/session"
)

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory(t)
		c := &client{t: t, m: manager(t, session.Options{Store: store, Timeouts: session.Timeouts{Idle: 10 * time.Minute, Absolute: time.Hour, Renewal: -1}})}
		c.set("ann")
		for range 6 {
			time.Sleep(9*time.Minute + 59*time.Second)
			if got := c.visit(); got.Name != "ann" {
				t.Fatal("a session in use ended")
			}
		}
		if store.touches != 5 { // the last would move the end by seconds
			t.Errorf("%d touches, want 5", store.touches)
		}
		time.Sleep(10 * time.Second) // an hour in all
		if got := c.visit(); got.Name != "" {
			t.Error("a session outlived Absolute")
		}
		c.set("bob")
		time.Sleep(30 * time.Second)
		c.visit()
		if store.touches != 5 {
			t.Errorf("a touch within a tenth of Idle: %d, want 5", store.touches)
		}
		time.Sleep(10 * time.Minute)
		if got := c.visit(); got.Name != "" {
			t.Error("a session outlived Idle")
		}
	})
}

func TestOwnTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &client{t: t, m: manager(t, session.Options{Store: memory(t), Persistent: true})}
		res := c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			_ = s.Set(account{Name: "ann"})
			if err := s.SetTimeouts(48*time.Hour, 96*time.Hour); err != nil {
				t.Error(err)
			}
		})
		if line := res.Header.Get("Set-Cookie"); !strings.HasSuffix(line, "; Max-Age=172800") {
			t.Errorf("Set-Cookie = %q, want Max-Age of two days", line)
		}
		time.Sleep(47 * time.Hour)
		if got := c.visit(); got.Name != "ann" {
			t.Error("the session's own timeouts do not hold")
		}
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &client{t: t, m: manager(t, session.Options{Store: memory(t), Timeouts: session.Timeouts{Idle: 2 * time.Hour, Renewal: time.Hour}})}
		c.set("ann")
		first := c.cookie
		time.Sleep(61 * time.Minute)
		if got := c.set("ann2"); got.Header.Get("Set-Cookie") == "" || c.cookie == first {
			t.Fatal("no new id after Renewal")
		}
		second := c.cookie
		old := &client{t: t, m: c.m, cookie: first}
		if got := old.visit(); got.Name != "ann2" || old.cookie != second {
			t.Errorf("within the grace the old id reads %+v and is given %v, want ann2 and the new id", got, old.cookie == second)
		}
		time.Sleep(31 * time.Second)
		if got := (&client{t: t, m: c.m, cookie: first}).visit(); got.Name != "" {
			t.Error("the old id outlived its grace")
		}
		if got := c.visit(); got.Name != "ann2" {
			t.Error("the new id lost the session")
		}
	})
}

func TestRegenerateLeavesTheOldIDBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &client{t: t, m: manager(t, session.Options{Store: memory(t)})}
		c.set("visitor")
		planted := c.cookie
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if err := s.Authenticate("ann@example", "Firefox on Linux"); err != nil {
				t.Error(err)
			}
			_ = s.Update(func(a *account) error { a.Notes = map[string]string{"secret": "1"}; return nil })
		})
		thief := &client{t: t, m: c.m, cookie: planted}
		thief.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			got, err := s.Get()
			user, _ := s.User()
			if err != nil || got.Name != "visitor" || got.Notes != nil || user != "" {
				t.Errorf("the old id sees %+v as %q, %v; want the visitor's data and no user", got, user, err)
			}
			_ = s.Touch()
		})
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			got, _ := s.Get()
			if user, _ := s.User(); user != "ann@example" || got.Notes["secret"] != "1" || got.Name != "visitor" {
				t.Errorf("the new id sees %+v as %q", got, user)
			}
		})
		time.Sleep(31 * time.Second)
		if got := thief.visit(); got.Name != "" {
			t.Error("the old id outlived its grace")
		}
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if err := s.Regenerate(session.Drop); err != nil {
				t.Error(err)
			}
		})
		c.do(func(s *session.Session[account], _ http.ResponseWriter, _ *http.Request) {
			if user, _ := s.User(); user != "" {
				t.Errorf("after Drop the user is %q", user)
			}
		})
	})
}
