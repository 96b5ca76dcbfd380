package csrf_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/csrf"
)

func Example() {
	g, err := csrf.New(csrf.Options{
		TrustedOrigins: []string{"https://app.example"},
		Routes:         []csrf.Route{{Pattern: "POST /hooks/pay", Exempt: "signed by the payment provider"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "paid") }))

	for _, from := range []string{"https://shop.example", "https://app.example", "https://evil.example"} {
		r := httptest.NewRequest("POST", "https://shop.example/pay", nil)
		r.Header.Set("Origin", from)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(from, w.Code)
	}
	// Output:
	// https://shop.example 200
	// https://app.example 200
	// https://evil.example 403
}

func ExampleGuard_Check() {
	g, err := csrf.New(csrf.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "https://shop.example/chat", nil)
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Origin", "https://evil.example")
	fmt.Println(g.Check(r))
	// Output: csrf: a page of another origin asks for a connection; if that is meant, trust its origin
}

func ExampleNew_problems() {
	_, err := csrf.New(csrf.Options{TrustedOrigins: []string{"https://App.example/", "https://*.example.com"}})
	fmt.Println(err)
	// Output:
	// csrf: TrustedOrigins[0] is "https://App.example/": must be spelled as browsers do; write https://app.example
	// csrf: TrustedOrigins[1] is "https://*.example.com": must be an origin such as "https://app.example"; there are no wildcards: list each origin, since whoever gets any one subdomain could send
}
