package conceal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/guard"
)

func Example() {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Express")
		http.NotFound(w, r)
	})
	g, err := conceal.New(conceal.Options{Sink: discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/nope", nil)
	r.Header.Set("Accept", "text/plain")
	w := httptest.NewRecorder()
	g.Handler(app).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("X-Powered-By") == "")
	fmt.Print(w.Body.String()[:43])
	// Output:
	// 404 true
	// Not Found
	// There is nothing at this address.
}

func ExampleGuard_Deny() {
	g, err := conceal.New(conceal.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("POST", "/login", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	g.Deny(w, r, guard.Denial{Practice: "brute-force", Rule: "per-client", Status: 429, RetryAfter: time.Minute, ID: "7f3a"})
	fmt.Println(w.Header().Get("Retry-After"), w.Header().Get("Content-Type"))
	fmt.Print(w.Body)
	// Output:
	// 60 application/problem+json
	// {"type":"about:blank","title":"Too Many Requests","status":429,"request_id":"7f3a"}
}

func ExampleOptions_pages() {
	g, err := conceal.New(conceal.Options{Pages: map[int]conceal.Page{
		404: {HTML: "<title>Lost</title><p>Error {{.Status}}: {{.Title}}</p>\n"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	g.Page(w, r, http.StatusNotFound)
	fmt.Print(w.Body)
	// Output: <title>Lost</title><p>Error 404: Not Found</p>
}

func ExampleOptions_keep() {
	_, err := conceal.New(conceal.Options{Keep: []string{"Servr"}})
	fmt.Println(err)
	// Output: conceal: Keep[0] is "Servr": must be the name of a banner; did you mean "server"?
}
