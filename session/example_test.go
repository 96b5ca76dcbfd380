package session_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/panoplysec/panoply/session"
)

type Account struct {
	Cart []string `json:"cart,omitempty"`
}

func Example() {
	store, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		panic(err)
	}
	key := make([]byte, 32)
	rand.Read(key) // keep it: with another key everybody is logged out
	m, err := session.New[Account](session.Options{Store: store, Keys: [][]byte{key}})
	if err != nil {
		panic(err)
	}
	app := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From[Account](r.Context())
		if err := s.Update(func(a *Account) error {
			a.Cart = append(a.Cart, r.URL.Query().Get("buy"))
			return nil
		}); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		a, _ := s.Get()
		fmt.Fprintln(w, strings.Join(a.Cart, " and "))
	}))

	first := httptest.NewRecorder()
	app.ServeHTTP(first, httptest.NewRequest("GET", "https://shop.example/?buy=bread", nil))
	again := httptest.NewRequest("GET", "https://shop.example/?buy=wine", nil)
	again.AddCookie(first.Result().Cookies()[0])
	second := httptest.NewRecorder()
	app.ServeHTTP(second, again)
	fmt.Print(second.Body)
	fmt.Println(second.Header().Get("Cache-Control"))
	// Output:
	// bread and wine
	// no-store
}

// A login changes the id; a page of the user's sessions can end the others.
func ExampleManager_EndAll() {
	store, _ := session.NewMemory(session.MemoryOptions{})
	m, err := session.New[Account](session.Options{Store: store, Keys: [][]byte{[]byte("an example's key, to be 32 random")}})
	if err != nil {
		panic(err)
	}
	login := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := session.From[Account](r.Context()).Authenticate("ann", r.UserAgent()); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	}))
	for _, browser := range []string{"Firefox", "Chromium"} {
		r := httptest.NewRequest("POST", "https://shop.example/login", nil)
		r.Header.Set("User-Agent", browser)
		login.ServeHTTP(httptest.NewRecorder(), r)
	}
	n, err := m.EndAll(context.Background(), "ann")
	fmt.Println(n, err)
	// Output: 2 <nil>
}
