package login_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/login"
)

// logIn returns the device cookie of a success.
func logIn(t testing.TB, s *login.Shield, user string, r *http.Request) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	a := s.Attempt(t.Context(), user, r)
	if !a.Allowed {
		t.Fatalf("%s is refused by %s", user, a.Rule)
	}
	a.Succeeded(w)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies after a success, want the device's", len(cookies))
	}
	return cookies[0]
}

func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shield(t, login.Options{Secret: []byte("0123456789abcdef")})
		cookie := logIn(t, s, "alice", from("198.51.100.1"))
		if cookie.Name != "__Host-device" || !cookie.HttpOnly || !cookie.Secure || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 180*24*3600 {
			t.Errorf("device cookie = %v", cookie)
		}
		if strings.Contains(cookie.Value, "alice") {
			t.Error("the cookie names its user")
		}
		with := func(value string) *http.Request {
			r := from("203.0.113.7")
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: value})
			return r
		}
		known := func(user, value string) bool {
			a := s.Attempt(t.Context(), user, with(value))
			defer a.Cancelled()
			return a.Known
		}
		if !known("alice", cookie.Value) || !known("ALICE", cookie.Value) {
			t.Error("the device is not known to its user")
		}
		for name, bad := range map[string]string{
			"another user": "", "cut": cookie.Value[1:], "changed": "A" + cookie.Value[1:], "twice": cookie.Value + cookie.Value, "empty": "",
		} {
			user := "alice"
			if name == "another user" {
				user, bad = "bob", cookie.Value
			}
			if known(user, bad) && bad != cookie.Value || user == "bob" && known(user, bad) {
				t.Errorf("%s: the device is known", name)
			}
		}
		// Two users share the device: both are known.
		second := logIn(t, s, "bob", with(cookie.Value))
		if !known("alice", second.Value) || !known("bob", second.Value) {
			t.Error("the second user of a device made it forget the first")
		}
		if other := shield(t, login.Options{Secret: []byte("fedcba9876543210")}).Attempt(t.Context(), "alice", with(cookie.Value)); other.Known {
			t.Error("a cookie of another secret is taken")
		}
		// A stolen cookie is worth 10 guesses an hour, and then what a stranger has.
		n := 0
		for range 40 {
			a := s.Attempt(t.Context(), "alice", with(cookie.Value))
			if a.Allowed {
				n++
				a.Failed()
			}
		}
		if n != 20 {
			t.Errorf("%d guesses with a stolen cookie, want 10 and a stranger's 10", n)
		}
		time.Sleep(181 * 24 * time.Hour)
		if known("alice", cookie.Value) {
			t.Error("the device is known after its time")
		}
	})
}

func TestRecognise(t *testing.T) {
	s := shield(t, login.Options{})
	w := httptest.NewRecorder()
	s.Recognise(w, from("203.0.113.7"), "alice")
	guesses(t, s, 20, "alice", "203.0.113.9")
	if guess(t, s, "alice", "203.0.113.7") {
		t.Fatal("a stranger gets in although the user's points are used up")
	}
	r := from("203.0.113.7")
	r.AddCookie(w.Result().Cookies()[0])
	if a := s.Attempt(t.Context(), "alice", r); !a.Allowed || !a.Known {
		t.Errorf("after the recovery the device is refused by %s", a.Rule)
	}
	plain := httptest.NewRecorder()
	insecure := httptest.NewRequest("GET", "http://shop.test/", nil)
	s.Recognise(plain, insecure, "alice")
	if len(plain.Result().Cookies()) != 0 {
		t.Error("a device cookie over plain HTTP")
	}
}
