package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/need"
)

// allowing answers JSON and allows the origins that the function chooses, with
// credentials.
func allowing(origin func(r *http.Request, origin string) bool, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if o := r.Header.Get("Origin"); o != "" && origin(r, o) {
			w.Header().Set("Access-Control-Allow-Origin", o)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
		app(`{"a":1}`, append([]string{"Content-Type: application/json", "Vary: Origin"}, lines...)...)(w, r)
	}
}

var corsTwins = []twin{
	{check: "cors", name: "nothing is allowed", handler: app("<p>hello")},
	{check: "cors", name: "reflected with credentials", bad: true, want: []string{"cors/reflected"},
		handler: allowing(func(r *http.Request, o string) bool { return true })},
	{check: "cors", name: "reflected without vary", bad: true, want: []string{"cors/reflected", "cors/vary"},
		handler: func(w http.ResponseWriter, r *http.Request) {
			if o := r.Header.Get("Origin"); o != "null" {
				w.Header().Set("Access-Control-Allow-Origin", o)
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
			app("<p>hello", "Vary: Accept-Encoding")(w, r)
		}},
	{check: "cors", name: "reflected in the preflight only", bad: true, want: []string{"cors/reflected"},
		handler: allowing(func(r *http.Request, o string) bool { return r.Method == http.MethodOptions && o != "null" })},
	{check: "cors", name: "null", bad: true, want: []string{"cors/null"},
		handler: allowing(func(r *http.Request, o string) bool { return o == "null" })},
	{check: "cors", name: "the beginning decides", bad: true, want: []string{"cors/lookalike"},
		handler: allowing(func(r *http.Request, o string) bool {
			return strings.HasPrefix(o, "https://127.0.0.1.") || o == "https://127.0.0.1"
		})},
	{check: "cors", name: "the end decides", bad: true, want: []string{"cors/lookalike", "cors/subdomain"},
		handler: allowing(func(r *http.Request, o string) bool {
			return strings.HasPrefix(o, "https://") && strings.HasSuffix(o, r.Host) && o != "https://"+r.Host
		})},
	{check: "cors", name: "a dot is any character", bad: true, want: []string{"cors/lookalike"},
		handler: allowing(func(r *http.Request, o string) bool {
			return strings.HasPrefix(o, "https://127x") && strings.HasSuffix(o, strings.TrimPrefix(r.Host, "127."))
		})},
	{check: "cors", name: "an allowed partner, by the end of its name", bad: true, want: []string{"cors/lookalike", "cors/downgrade"},
		handler: func(w http.ResponseWriter, r *http.Request) {
			allow := "https://app.shop.example"
			if o := r.Header.Get("Origin"); strings.HasSuffix(o, "app.shop.example") {
				allow = o
			}
			app(`{"a":1}`, "Content-Type: application/json", "Vary: Origin", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: "+allow)(w, r)
		}},
	{check: "cors", name: "its own plain address", bad: true, want: []string{"cors/downgrade"},
		handler: allowing(func(r *http.Request, o string) bool { return o == "http://"+r.Host || o == "https://"+r.Host })},
	{check: "cors", name: "its subdomains", want: []string{"cors/subdomain"},
		handler: allowing(func(r *http.Request, o string) bool {
			return strings.HasPrefix(o, "https://") && strings.HasSuffix(o, "."+r.Host)
		})},
	{check: "cors", name: "a list", handler: allowing(func(r *http.Request, o string) bool {
		return slices.Contains([]string{"https://shop.example", "https://app.shop.example"}, o)
	})},
	{check: "cors", name: "a fixed partner", handler: app(`{"a":1}`, "Content-Type: application/json", "Access-Control-Allow-Origin: https://app.shop.example", "Access-Control-Allow-Credentials: true")},
	{check: "cors", name: "public to all", handler: app(`{"a":1}`, "Content-Type: application/json", "Access-Control-Allow-Origin: *")},
	{check: "cors", name: "star with credentials", want: []string{"cors/star"},
		handler: app(`{"a":1}`, "Content-Type: application/json", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true")},
	{check: "cors", name: "refusals are read too", bad: true, want: []string{"cors/reflected"},
		handler: func(w http.ResponseWriter, r *http.Request) {
			if o := r.Header.Get("Origin"); o != "" {
				w.Header().Set("Access-Control-Allow-Origin", o)
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
			w.Header().Set("Vary", "Origin")
			w.WriteHeader(http.StatusUnauthorized)
		}},
	{check: "cors", name: "private and open to all", want: []string{"cors/private-any"}, target: asUser,
		handler: shop("Cache-Control: no-store", "Access-Control-Allow-Origin: *")},
	{check: "cors", name: "nobody there", status: check.Unproven, target: nobodyThere},
}

// shop has an API that answers users only, with the lines on every answer.
func shop(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, l := range lines {
			name, value, _ := strings.Cut(l, ": ")
			w.Header().Add(name, value)
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Cookie") != "sid=known" {
			w.WriteHeader(http.StatusUnauthorized)
			json.NewEncoder(w).Encode("who are you?")
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"name": "ada", "orders": r.URL.Path})
	}
}

// asUser audits with the credentials that shop knows.
func asUser(_ *testing.T, s *httptest.Server) check.Target {
	return check.Target{URL: s.URL, Credentials: "Cookie: sid=known"}
}

// nobodyThere is an address where nothing listens.
func nobodyThere(t *testing.T, _ *httptest.Server) check.Target {
	return check.Target{URL: fmt.Sprintf("http://127.0.0.1:%d", need.Port(t))}
}
