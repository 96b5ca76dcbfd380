package sanity_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/internal/sanity"
)

func Example() {
	s, err := sanity.New(sanity.Options{Hosts: []string{"shop.example"}, Sink: silent})
	if err != nil {
		panic(err)
	}
	h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }))
	for _, target := range []string{"https://shop.example/", "https://evil.example/", "https://shop.example/%2e%2e/etc/passwd"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 421
	// 400
}

func ExampleStep_Check() {
	s, err := sanity.New(sanity.Options{Loopback: true})
	if err != nil {
		panic(err)
	}
	var refusal *sanity.Refusal
	if errors.As(s.Check(httptest.NewRequest("TRACE", "http://localhost:8443/", nil)), &refusal) {
		fmt.Println(refusal.Status, refusal.Rule)
	}
	// Output: 405 method
}

// An exemption asks Match, a protection asks MayReach.
func ExampleRoute() {
	hooks, err := sanity.ParseRoute("POST /hooks/")
	if err != nil {
		panic(err)
	}
	for _, target := range []string{"/hooks/paid", "/hooks/..%2fadmin", "/HOOKS/paid", "/shop"} {
		r := httptest.NewRequest("POST", target, nil)
		fmt.Println(target, hooks.Match(r), hooks.MayReach(r))
	}
	// Output:
	// /hooks/paid true true
	// /hooks/..%2fadmin false true
	// /HOOKS/paid false true
	// /shop false false
}
