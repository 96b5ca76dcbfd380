package conceal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// page calls write inside an exchange, as within a chain of guards.
func page(r *http.Request, write func(http.ResponseWriter, *http.Request)) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		write(w, r)
	}).ServeHTTP(w, r)
	return w
}

var identifier = regexp.MustCompile(`[0-9a-f]{32}`)

func TestPageHoldsTheIDAndNothingOfTheRequest(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	for _, accept := range []string{browser, "application/json", "*/*"} {
		r := httptest.NewRequest("GET", "/evil<script>?evil=evil", nil)
		r.Host = "evil.test"
		r.Header.Set("Accept", accept)
		r.Header.Set("X-Request-Id", "evil")
		w := page(r, func(w http.ResponseWriter, r *http.Request) { g.Page(w, r, 404) })
		body := w.Body.String()
		if strings.Contains(body, "evil") {
			t.Errorf("page reflects the request: %s", body)
		}
		if !identifier.MatchString(body) {
			t.Errorf("page for %q has no id: %s", accept, body)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Vary": "Accept"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
	}
}

// Under any policy the page is the same: it has nothing that one could stop.
func TestPageNeedsNoPolicy(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	for status := 400; status < 600; status++ {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", "text/html")
		body := page(r, func(w http.ResponseWriter, r *http.Request) { g.Page(w, r, status) }).Body.String()
		if found := regexp.MustCompile(`(?i)<(script|style|link|img|iframe|form|base)|style=|src=|href=|\son\w+=|javascript:`).FindString(body); found != "" {
			t.Fatalf("page of %d has %q", status, found)
		}
		if len(body) > 1024 {
			t.Errorf("page of %d has %d bytes, want at most 1024", status, len(body))
		}
	}
}

func TestProblemJSON(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "application/json")
	w := page(r, func(w http.ResponseWriter, r *http.Request) { g.Page(w, r, 429) })
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["type"] != "about:blank" || got["title"] != "Too Many Requests" || got["status"] != 429.0 || len(got["request_id"].(string)) != 32 || len(got) != 4 {
		t.Errorf("problem = %v", got)
	}
}

func TestPageStatusOutsideErrorsIs500(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	for status, want := range map[int]int{200: 500, 0: 500, 399: 500, 600: 500, 400: 400, 599: 599} {
		w := httptest.NewRecorder()
		g.Page(w, httptest.NewRequest("GET", "/", nil), status)
		if w.Code != want {
			t.Errorf("Page of %d answers %d, want %d", status, w.Code, want)
		}
	}
}

func TestPageToHEADHasNoBody(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	w := httptest.NewRecorder()
	g.Page(w, httptest.NewRequest("HEAD", "/", nil), 404)
	if w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("HEAD answer = %v %q, want the header alone", w.Header(), w.Body)
	}
}

func TestDeny(t *testing.T) {
	g := mustNew(t, conceal.Options{})
	tests := []struct {
		name   string
		denial guard.Denial
		status int
		retry  string
		body   string
	}{
		{"rate", guard.Denial{Practice: "brute-force", Rule: "ip", Status: 429, RetryAfter: 1500 * time.Millisecond, ID: "abc-1"}, 429, "2", "Reference: abc-1\n"},
		{"no status", guard.Denial{Practice: "csrf", Rule: "x"}, 403, "", "Forbidden\n"},
		{"an id that is none", guard.Denial{Status: 403, ID: "<script>"}, 403, "", "Forbidden\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			var deny guard.Deny = g.Deny
			deny(w, httptest.NewRequest("GET", "/", nil), test.denial)
			if w.Code != test.status || w.Header().Get("Retry-After") != test.retry || !strings.Contains(w.Body.String(), test.body) {
				t.Errorf("Deny(%+v) = %d Retry-After %q %q, want %d %q with %q", test.denial, w.Code, w.Header().Get("Retry-After"), w.Body, test.status, test.retry, test.body)
			}
			for _, secret := range []string{"script", "brute-force", "csrf"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("body %q tells %q", w.Body, secret)
				}
			}
		})
	}
}

func TestUserPages(t *testing.T) {
	g := mustNew(t, conceal.Options{Pages: map[int]conceal.Page{
		404: {HTML: "<h1>{{.Status}} {{.Title}}</h1>{{.ID}}"},
		5:   {HTML: "<h1>Ours {{.Status}}</h1>"},
	}})
	tests := []struct {
		status int
		accept string
		want   string
	}{
		{404, browser, "<h1>404 Not Found</h1>"},
		{503, browser, "<h1>Ours 503</h1>"},
		{403, browser, "<!doctype html>"},
		{404, "application/json", `"status":404`},
	}
	for _, test := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", test.accept)
		body := page(r, func(w http.ResponseWriter, r *http.Request) { g.Page(w, r, test.status) }).Body.String()
		if !strings.Contains(body, test.want) {
			t.Errorf("page of %d for %q = %q, want %q in it", test.status, test.accept, body, test.want)
		}
		if test.status == 404 && !identifier.MatchString(body) {
			t.Errorf("page of 404 for %q = %q, want the id in it", test.accept, body)
		}
	}
}

// A page written by the guard itself is not judged again, even where the user made
// it look like a framework's.
func TestOwnPageIsNotJudged(t *testing.T) {
	var told events
	g := mustNew(t, conceal.Options{Sink: told.sink, Pages: map[int]conceal.Page{404: {HTML: expressNotFound}}})
	w := exchange(g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.Page(w, r, 404) }), header("Accept", browser))
	if w.Body.String() != expressNotFound || len(told.rules()) != 0 {
		t.Errorf("page = %q, told %v, want the user's own and nothing", w.Body, told.rules())
	}
}

func TestPageAfterAPanic(t *testing.T) {
	g := mustNew(t, conceal.Options{Sink: new(events).sink})
	records := 0
	w := httptest.NewRecorder()
	http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Record, func(*hook.Answer) { records++ })
		x.OnPanic(func(w http.ResponseWriter, r *http.Request, _ any, _ []byte) { g.Page(w, r, 500) })
		g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })).ServeHTTP(w, r)
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 || !strings.HasPrefix(w.Body.String(), "Internal Server Error\n") || records != 1 {
		t.Errorf("answer = %d %q, recorded %d times, want the page once", w.Code, w.Body, records)
	}
}
