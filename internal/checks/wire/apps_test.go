package wire_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
)

var quiet = log.New(io.Discard, "", 0)

// app answers every path with one status, one body and the headers, written as "Name:
// value" lines; a path that is not "/" gets status 404 with the same.
func app(body string, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, l := range lines {
			name, value, _ := strings.Cut(l, ": ")
			w.Header().Add(name, value)
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<p>There is nothing here.")
			return
		}
		fmt.Fprint(w, body)
	}
}

// firstDay is what the door sends on documents on its first day.
var firstDay = []string{
	"X-Content-Type-Options: nosniff",
	"Content-Security-Policy: object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
	"X-Frame-Options: SAMEORIGIN",
	"Referrer-Policy: strict-origin-when-cross-origin",
	"X-DNS-Prefetch-Control: off",
	"Origin-Agent-Cluster: ?1",
	"X-XSS-Protection: 0",
}

// helmet is what Helmet sends by default.
var helmet = []string{
	"Content-Security-Policy: default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
	"Cross-Origin-Opener-Policy: same-origin",
	"Cross-Origin-Resource-Policy: same-origin",
	"Origin-Agent-Cluster: ?1",
	"Referrer-Policy: no-referrer",
	"X-Content-Type-Options: nosniff",
	"X-DNS-Prefetch-Control: off",
	"X-Download-Options: noopen",
	"X-Frame-Options: SAMEORIGIN",
	"X-Permitted-Cross-Domain-Policies: none",
	"X-XSS-Protection: 0",
}

// but returns the lines with those of the same name replaced; a line without a value
// removes the name.
func but(lines []string, changes ...string) []string {
	var out []string
	changed := func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		for _, c := range changes {
			if n, _, _ := strings.Cut(c, ":"); strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	}
	for _, l := range lines {
		if !changed(l) {
			out = append(out, l)
		}
	}
	for _, c := range changes {
		if _, value, _ := strings.Cut(c, ":"); value != "" {
			out = append(out, c)
		}
	}
	return out
}
