package compat_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/cookiesession"
)

// cookieService is the Go side of app/sessions.cjs with cookie-session.
func cookieService(t *testing.T, algorithm string, keys ...string) string {
	t.Helper()
	var ring [][]byte
	for _, k := range keys {
		ring = append(ring, []byte(k))
	}
	grip, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: ring, Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	// Compat, for the test speaks plain http on loopback and Strict's cookies are Secure.
	m, err := cookiesession.New(cookiesession.Options{Mode: cookiesession.Compat, Keygrip: grip, Cookie: cookiesession.Cookie{SameSite: "lax"}})
	if err != nil {
		t.Fatal(err)
	}
	session := func(r *http.Request) *cookiesession.Session { return cookiesession.From(r.Context()) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /show", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(session(r).JSON()) })
	mux.HandleFunc("GET /set", func(_ http.ResponseWriter, r *http.Request) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(r.FormValue("members")), &members); err != nil {
			t.Error(err)
		}
		for name, value := range members {
			if err := session(r).Set(name, value); err != nil {
				t.Error(err)
			}
		}
	})
	mux.HandleFunc("GET /login", func(_ http.ResponseWriter, r *http.Request) {
		if err := session(r).Replace(map[string]string{"user": r.FormValue("user")}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := session(r).Unset(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(m.Handler(mux))
	t.Cleanup(server.Close)
	return server.URL
}

// TestSharedCookieSession has one visitor go to a real Express app with cookie-session, and
// to a Go service, with the same cookies.
func TestSharedCookieSession(t *testing.T) {
	const old, next = "the key of last year", "the key of this year"
	for _, algorithm := range []string{"sha1", "sha256"} {
		t.Run(algorithm, func(t *testing.T) {
			express := sessionApp(t, []string{old}, "KIND=cookie", "ALGORITHM="+algorithm)
			rotated := sessionApp(t, []string{next, old}, "KIND=cookie", "ALGORITHM="+algorithm)
			service, newService := cookieService(t, algorithm, old), cookieService(t, algorithm, next, old)
			v := newVisitor(t)
			v.get(express + "/login?user=ann")
			v.shows(service, map[string]any{"user": "ann"})
			v.set(service, `{"cart":["bread","wine"],"note":"<&> 李雷"}`)
			v.shows(express, map[string]any{"user": "ann", "cart": []any{"bread", "wine"}, "note": "<&> 李雷"})
			v.set(express, `{"cart":[],"n":1e21}`)
			v.shows(service, map[string]any{"user": "ann", "cart": []any{}, "note": "<&> 李雷", "n": 1e21})

			v.get(service + "/login?user=bob")
			v.shows(express, map[string]any{"user": "bob"})

			// The key is rotated on both sides: each signs anew what the other can read.
			v.shows(newService, map[string]any{"user": "bob"})
			v.shows(rotated, map[string]any{"user": "bob"})
			v.shows(express, map[string]any{}) // which does not have the new key
			v.get(rotated + "/login?user=cid")
			v.shows(newService, map[string]any{"user": "cid"})
			v.get(newService + "/logout")
			v.shows(rotated, map[string]any{})
		})
	}
}
