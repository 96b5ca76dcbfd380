package expresssession_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/panoplysec/panoply/expresssession"
)

func Example() {
	sessions, err := expresssession.New(expresssession.Options{
		Secret: [][]byte{[]byte("the Express app's secret")},
		Store:  expresssession.NewMemoryStore(), // or ConnectRedis{Client: store.KV()} of redisstore
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := expresssession.From(r.Context()).Regenerate(); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		_ = expresssession.From(r.Context()).Set("user", "ann")
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		user, _ := expresssession.From(r.Context()).Get("user")
		fmt.Println(string(user))
	})
	h := sessions.Handler(mux)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/login", nil))
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.AddCookie(w.Result().Cookies()[0])
	h.ServeHTTP(httptest.NewRecorder(), r)
	// Output: "ann"
}
