package csrf_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
)

var shop = template.Must(template.New("shop").Parse(`<form method="post" action="/buy">{{.}}<button>Buy</button></form>`))

type visitor struct{ Pages int }

// Tokens of a session: its Handler is around the Guard's.
func ExampleGuard_Field() {
	store, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		panic(err)
	}
	sessions, err := session.New[visitor](session.Options{Store: store, Keys: [][]byte{[]byte("an example's key, to be 32 random")}})
	if err != nil {
		panic(err)
	}
	g, err := csrf.New(csrf.Options{
		Binding: sessions.Binding, Keys: [][]byte{[]byte("another key, also to be 32 random")}, RequireToken: true,
		Sink: func(_ context.Context, e guard.Event) { fmt.Println("told:", e.Rule) },
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		s := session.From[visitor](r.Context())
		err := s.Update(func(v *visitor) error { v.Pages++; return nil })
		field, fieldErr := g.Field(r)
		if err := errors.Join(err, fieldErr); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		_ = shop.Execute(w, field)
	})
	mux.HandleFunc("POST /buy", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "bought ", r.FormValue("item")) })
	app := sessions.Handler(g.Handler(mux))

	page := httptest.NewRecorder()
	app.ServeHTTP(page, httptest.NewRequest("GET", "https://shop.example/", nil))
	token := regexp.MustCompile(`name="_csrf" value="([^"]+)"`).FindStringSubmatch(page.Body.String())[1]
	for _, token := range []string{token, ""} {
		form := url.Values{"item": {"bread"}, "_csrf": {token}}.Encode()
		r := httptest.NewRequest("POST", "https://shop.example/buy", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(page.Result().Cookies()[0])
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 bought bread
	// told: token-missing
	// 403 Forbidden
}

// An Express app with csurf moves here: the pages that it made go on to work.
func ExampleMigrate() {
	sessions, err := expresssession.New(expresssession.Options{
		Secret: [][]byte{[]byte("the Express app's secret")}, Store: expresssession.NewMemoryStore(),
	})
	if err != nil {
		panic(err)
	}
	g, err := csrf.New(csrf.Options{
		Binding: func(r *http.Request) ([]byte, error) { return []byte(expresssession.From(r.Context()).ID()), nil },
		Keys:    [][]byte{[]byte("another key, also to be 32 random")}, RequireToken: true,
		Migrate: csrf.Migrate{Csurf: func(r *http.Request) (secret string, err error) {
			if raw, ok := expresssession.From(r.Context()).Get("csrfSecret"); ok {
				err = json.Unmarshal(raw, &secret)
			}
			return secret, err
		}},
	})
	if err != nil {
		panic(err)
	}
	const secret = "GBbq7MxJ0uWkQ0kO4LxPA1aT"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(_ http.ResponseWriter, r *http.Request) {
		_ = expresssession.From(r.Context()).Set("csrfSecret", secret) // as csurf did, in the old app
	})
	mux.HandleFunc("POST /buy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bought") })
	app := sessions.Handler(g.Handler(mux))

	page := httptest.NewRecorder()
	app.ServeHTTP(page, httptest.NewRequest("GET", "https://shop.example/", nil))
	r := httptest.NewRequest("POST", "https://shop.example/buy", nil)
	r.AddCookie(page.Result().Cookies()[0])
	r.Header.Set("CSRF-Token", csrf.TokenizeCsurf(secret, "k3JdLq0Z"))
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 bought
}

func ExampleVerifyCsurf() {
	fmt.Println(csrf.VerifyCsurf("GBbq7MxJ0uWkQ0kO4LxPA1aT", "fglk0hEg-ZlSWAnItxTbe89-3nQhySXi5eXo"))
	// Output: true
}
