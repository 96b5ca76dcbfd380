package login_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

// TestKeyRoute counts wrong API keys by address, and blocks nobody for many at once.
func TestKeyRoute(t *testing.T) {
	s := shield(t, login.Options{
		Routes:   []login.Route{{Pattern: "GET /api/**", Key: "X-Api-Key"}},
		Policies: login.Policies{IP: limit.Policy{Points: 20, Duration: 24 * time.Hour, Blocks: []time.Duration{24 * time.Hour}}},
	})
	asked := 0
	h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("X-Api-Key") != "right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	call := func(key string) int {
		r := from("203.0.113.7")
		r.Method, r.URL.Path = "GET", "/api/items"
		if key != "" {
			r.Header.Set("X-Api-Key", key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Set-Cookie") != "" {
			t.Error("a device cookie for an API key")
		}
		return w.Code
	}
	for range 100 {
		if got := call("right"); got != http.StatusOK {
			t.Fatalf("a right key = %d, want 200", got)
		}
	}
	asked = 0
	for range 30 {
		call("wrong")
	}
	if asked != 20 || call("wrong") != http.StatusTooManyRequests {
		t.Errorf("%d of 30 wrong keys were looked at, want 20", asked)
	}
	if got := call(""); got != http.StatusUnauthorized {
		t.Errorf("without a key = %d, want the app's 401", got)
	}
	if blocked, err := s.Blocked(t.Context()); err != nil || len(blocked) != 0 {
		t.Errorf("Blocked = %+v, %v, want nobody", blocked, err)
	}
	if _, err := login.New(login.Options{Routes: []login.Route{{Pattern: "GET /", Key: "a b"}, {Pattern: "GET /", Key: "a", Basic: true}}}); err == nil {
		t.Error("New with bad keys, want errors")
	}
}
