package wire_test

import (
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// elsewhere are rules that a loopback server cannot show; the tests named show them.
var elsewhere = []string{
	"headers/hsts-absent", "headers/hsts-invalid", "headers/hsts-short", // TestStrictTransport
}

var headersTwins = []twin{
	{check: "headers", name: "naked", bad: true, handler: app("<p>hello"), want: []string{
		"headers/nosniff", "headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation"}},
	{check: "headers", name: "naked over plain http", bad: true, plain: true, handler: app("<p>hello"), want: []string{
		"headers/nosniff", "headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation"}},
	{check: "headers", name: "helmet", handler: app("<p>hello", helmet...)},
	{check: "headers", name: "first day of the door", handler: app("<p>hello", firstDay...), want: []string{"headers/csp-script", "headers/isolation"}},
	{check: "headers", name: "json needs nosniff only", handler: app(`{"a":1}`, "Content-Type: application/json", "X-Content-Type-Options: nosniff")},
	{check: "headers", name: "json without nosniff", bad: true, handler: app(`{"a":1}`, "Content-Type: application/json"), want: []string{"headers/nosniff"}},
	{check: "headers", name: "content type in capitals is a document", bad: true, handler: app("<p>", append(but(helmet, "X-Frame-Options:", "Content-Security-Policy: default-src 'self'; base-uri 'none'"), "Content-Type: TEXT/HTML")...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "nosniff is the second value", bad: true, handler: app("<p>", but(helmet, "X-Content-Type-Options: no, nosniff")...), want: []string{"headers/nosniff"}},
	{check: "headers", name: "equal values in one field", handler: app("<p>", but(helmet, "X-Content-Type-Options: nosniff, nosniff", "X-Frame-Options: DENY, DENY")...)},
	{check: "headers", name: "two fields", handler: app("<p>", append(but(helmet, "X-Frame-Options: DENY"), "X-Frame-Options: SAMEORIGIN")...),
		want: []string{"headers/duplicate", "headers/framing-conflict"}},
	{check: "headers", name: "allow-from", bad: true, handler: app("<p>", but(helmet, "X-Frame-Options: ALLOW-FROM https://a.example", "Content-Security-Policy: default-src 'self'; base-uri 'none'")...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "frame-ancestors star beats x-frame-options", bad: true, handler: app("<p>", but(helmet, "X-Frame-Options: DENY", "Content-Security-Policy: default-src 'self'; base-uri 'none'; frame-ancestors *")...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "frame-ancestors in a meta element is ignored", bad: true,
		handler: app(`<meta http-equiv="Content-Security-Policy" content="default-src 'self'; base-uri 'none'; frame-ancestors 'none'">`, but(helmet, "Content-Security-Policy:", "X-Frame-Options:")...),
		// The missing page has no meta element, so it has no policy at all.
		want: []string{"headers/framing", "headers/csp-absent"}},
	{check: "headers", name: "report-only is no policy", bad: true, handler: app("<p>", but(helmet, "Content-Security-Policy:", "Content-Security-Policy-Report-Only: default-src 'self'")...),
		want: []string{"headers/csp-absent"}},
	{check: "headers", name: "policy open to plugins and base", bad: true, handler: app("<p>", but(helmet, "Content-Security-Policy: script-src 'self'")...),
		want: []string{"headers/csp-object-src", "headers/csp-base-uri"}},
	{check: "headers", name: "no base where there is no script", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'none'")...)},
	{check: "headers", name: "unsafe-inline is void beside a nonce", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'none'; base-uri 'none'; script-src 'unsafe-inline' 'nonce-cmFuZG9t'")...)},
	{check: "headers", name: "strict-dynamic voids schemes", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'none'; base-uri 'none'; script-src https: 'strict-dynamic' 'nonce-cmFuZG9t'")...)},
	{check: "headers", name: "script-src-elem decides", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'self'; base-uri 'none'; script-src-elem 'unsafe-inline'")...), want: []string{"headers/csp-script"}},
	{check: "headers", name: "eval", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'self'; base-uri 'none'; script-src 'self' 'unsafe-eval'")...), want: []string{"headers/csp-eval"}},
	{check: "headers", name: "two policies in one field both hold", handler: app("<p>", but(helmet, "Content-Security-Policy: object-src 'none'; base-uri 'none', script-src 'self'")...)},
	{check: "headers", name: "first of two equal directives counts", handler: app("<p>", but(helmet, "Content-Security-Policy: default-src 'none'; base-uri 'none'; script-src 'self'; script-src *")...)},
	{check: "headers", name: "last known referrer policy counts", bad: true, handler: app("<p>", but(helmet, "Referrer-Policy: no-referrer, unsafe-url, made-up")...), want: []string{"headers/referrer-unsafe"}},
	{check: "headers", name: "xss auditor", handler: app("<p>", but(helmet, "X-XSS-Protection: 1; mode=block")...), want: []string{"headers/xss-auditor"}},
	{check: "headers", name: "hsts on loopback", handler: app("<p>", append(helmet, "Strict-Transport-Security: max-age=31536000")...), want: []string{"headers/hsts-local"}},
	{check: "headers", name: "server errors are not judged", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
	{check: "headers", name: "redirects only", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example/", http.StatusFound)
	}},
	{check: "headers", name: "refusals only", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusUnauthorized)
	}},
	{check: "headers", name: "the missing page counts", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			app("<p>", helmet...)(w, r)
			return
		}
		app("<p>")(w, r)
	}, want: []string{"headers/nosniff", "headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation"}},
	{check: "headers", name: "the page behind a redirect counts", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/home", http.StatusFound)
		case "/home":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("X-Content-Type-Options", "nosniff")
		default:
			app("<p>", helmet...)(w, r)
		}
	}, want: []string{"headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation"}},
}

func TestStrictTransport(t *testing.T) {
	for _, tt := range []struct {
		name, host, field string
		tls, public       bool
		want              string
	}{
		{"absent", "shop.example", "", true, true, "headers/hsts-absent"},
		{"a year", "shop.example", "max-age=31536000; includeSubDomains", true, true, ""},
		{"quoted", "shop.example", `max-age="31536000"`, true, true, ""},
		{"capitals", "shop.example", "Max-Age=31536000", true, true, ""},
		{"letters", "shop.example", "max-age=abc", true, true, "headers/hsts-invalid"},
		{"digits and letters", "shop.example", "max-age=31536000abc", true, true, "headers/hsts-invalid"},
		{"negative", "shop.example", "max-age=-1", true, true, "headers/hsts-invalid"},
		{"no max-age", "shop.example", "includeSubDomains", true, true, "headers/hsts-invalid"},
		{"twice", "shop.example", "max-age=1; max-age=31536000", true, true, "headers/hsts-invalid"},
		{"switched off", "shop.example", "max-age=0", true, true, "headers/hsts-absent"},
		{"the door's first week", "shop.example", "max-age=300", true, true, "headers/hsts-short"},
		{"loopback address", "127.0.0.1", "", true, true, ""},
		{"IPv6 address", "[::1]", "", true, true, ""},
		{"localhost", "localhost", "", true, true, ""},
		{"test name", "shop.test", "", true, true, ""},
		{"certificate of a local authority", "shop.example", "", true, false, ""},
		{"plain http", "shop.example", "", false, false, ""},
		{"sent on a local name", "shop.localhost", "max-age=1", true, true, "headers/hsts-local"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.StrictTransport(tt.host, tt.field, tt.tls, tt.public); got != tt.want {
				t.Errorf("verdict on %q for %s = %q, want %q", tt.field, tt.host, got, tt.want)
			}
		})
	}
}
