package wire_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// elsewhere are rules that a loopback server cannot show; the tests named show them.
var elsewhere = []string{
	"headers/hsts-absent", "headers/hsts-invalid", "headers/hsts-short", "headers/hsts-preload", // TestStrictTransport
	"headers/hsts-partial", // TestStrictTransportOfASite
	"caching/logout",       // TestClearSiteData
}

// strict is Helmet's set with what came after it, so that no note is left.
var strict = but(append(slices.Clone(helmet), "Permissions-Policy: camera=(), geolocation=(self \"https://maps.example\"), fullscreen=*"),
	"Content-Security-Policy: default-src 'self'; base-uri 'self'; frame-ancestors 'self'"+sealed)

// sealed ends a policy that has its form targets, Trusted Types and reports.
const sealed = "; form-action 'self'; require-trusted-types-for 'script'; report-to main"

// nothing is what an app gives that sends no header at all.
var nothing = []string{"headers/nosniff", "headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation", "headers/permissions-absent"}

// site answers each of the paths with its app and others as the first does.
func site(first http.HandlerFunc, others map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h := others[r.URL.Path]; h != nil {
			r.URL.Path = "/"
			h(w, r)
			return
		}
		first(w, r)
	}
}

var headersTwins = []twin{
	{check: "headers", name: "naked", bad: true, handler: app("<p>hello"), want: nothing},
	{check: "headers", name: "naked over plain http", bad: true, plain: true, handler: app("<p>hello"), want: nothing},
	{check: "headers", name: "helmet", handler: app("<p>hello", helmet...), want: []string{"headers/permissions-absent", "headers/csp-trusted-types", "headers/csp-reporting"}},
	{check: "headers", name: "strict", handler: app("<p>hello", strict...)},
	{check: "headers", name: "first day of the door", handler: app("<p>hello", firstDay...), want: []string{"headers/csp-script", "headers/isolation", "headers/permissions-absent"}},
	{check: "headers", name: "json needs nosniff only", handler: app(`{"a":1}`, "Content-Type: application/json", "X-Content-Type-Options: nosniff")},
	{check: "headers", name: "json without nosniff", bad: true, handler: app(`{"a":1}`, "Content-Type: application/json"), want: []string{"headers/nosniff"}},
	{check: "headers", name: "script without nosniff", bad: true, want: []string{"headers/nosniff"}, handler: site(app(`<script src=/a.js></script>`, strict...),
		map[string]http.HandlerFunc{"/a.js": app("1", "Content-Type: text/javascript")})},
	{check: "headers", name: "pictures and empty answers need nothing", handler: site(app(`<img src=/a.png><img src=/a.svg><a href=/gone>gone</a>`, strict...), map[string]http.HandlerFunc{
		"/a.png": app("\x89PNG", "Content-Type: image/png"),
		"/a.svg": app("<svg xmlns='http://www.w3.org/2000/svg'/>", "Content-Type: image/svg+xml", "X-Content-Type-Options: nosniff"),
		"/gone":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) },
	})},
	{check: "headers", name: "a drawing with script is a page", bad: true, want: []string{"headers/framing", "headers/csp-absent", "headers/referrer-absent", "headers/isolation", "headers/permissions-absent"},
		handler: site(app(`<img src=/a.svg>`, strict...), map[string]http.HandlerFunc{
			"/a.svg": app("<svg><script>1</script></svg>", "Content-Type: image/svg+xml", "X-Content-Type-Options: nosniff"),
		})},
	{check: "headers", name: "content type in capitals is a document", bad: true, handler: app("<p>", append(but(strict, "X-Frame-Options:", "Content-Security-Policy: default-src 'self'; base-uri 'none'"+sealed), "Content-Type: TEXT/HTML")...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "nosniff is the second value", bad: true, handler: app("<p>", but(strict, "X-Content-Type-Options: no, nosniff")...), want: []string{"headers/nosniff"}},
	{check: "headers", name: "equal values in one field", handler: app("<p>", but(strict, "X-Content-Type-Options: nosniff, nosniff", "X-Frame-Options: DENY, DENY")...)},
	{check: "headers", name: "two fields", handler: app("<p>", append(but(strict, "X-Frame-Options: DENY"), "X-Frame-Options: SAMEORIGIN")...),
		want: []string{"headers/duplicate", "headers/framing-conflict"}},
	{check: "headers", name: "allow-from", bad: true, handler: app("<p>", but(strict, "X-Frame-Options: ALLOW-FROM https://a.example", "Content-Security-Policy: default-src 'self'; base-uri 'none'"+sealed)...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "frame-ancestors star beats x-frame-options", bad: true, handler: app("<p>", but(strict, "X-Frame-Options: DENY", "Content-Security-Policy: default-src 'self'; base-uri 'none'; frame-ancestors *"+sealed)...),
		want: []string{"headers/framing"}},
	{check: "headers", name: "frame-ancestors in a meta element is ignored", bad: true,
		handler: app(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; frame-ancestors 'none'">`, but(strict, "Content-Security-Policy:", "X-Frame-Options:")...),
		// The missing page has no meta element, so it has no policy at all.
		want: []string{"headers/framing", "headers/csp-absent"}},
	{check: "headers", name: "last known referrer policy counts", bad: true, handler: app("<p>", but(strict, "Referrer-Policy: no-referrer, unsafe-url, made-up")...), want: []string{"headers/referrer-unsafe"}},
	{check: "headers", name: "xss auditor", handler: app("<p>", but(strict, "X-XSS-Protection: 1; mode=block")...), want: []string{"headers/xss-auditor"}},
	{check: "headers", name: "the older feature policy", handler: app("<p>", but(strict, "Permissions-Policy: geolocation 'none'; camera 'self'")...), want: []string{"headers/permissions-invalid"}},
	{check: "headers", name: "hsts on loopback", handler: app("<p>", append(slices.Clone(strict), "Strict-Transport-Security: max-age=31536000")...), want: []string{"headers/hsts-local"}},
	{check: "headers", name: "outages are not judged", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
	{check: "headers", name: "redirects only", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example/", http.StatusFound)
	}},
	{check: "headers", name: "refusals only", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusUnauthorized)
	}},
	{check: "headers", name: "the missing page counts", bad: true, want: nothing, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			app("<p>", strict...)(w, r)
			return
		}
		app("<p>")(w, r)
	}},
	{check: "headers", name: "a page of the app's own errors counts", bad: true, want: nothing, handler: site(app("<a href=/fails>x</a>", strict...), map[string]http.HandlerFunc{
		"/fails": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "<p>It failed.")
		},
	})},
	{check: "headers", name: "the page behind a redirect counts", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/home", http.StatusFound)
		case "/home":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("X-Content-Type-Options", "nosniff")
		default:
			app("<p>", strict...)(w, r)
		}
	}, want: nothing[1:]},
	{check: "headers", name: "a page behind the login counts", bad: true, want: []string{"headers/nosniff"}, target: asUser, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") == "sid=known" && r.URL.Path == "/" {
			app("<p>ada", but(strict, "X-Content-Type-Options:")...)(w, r)
			return
		}
		app("<p>hello", strict...)(w, r)
	}},
}

func TestMessagesCountByClass(t *testing.T) {
	r := audited(t, twin{check: "headers", handler: site(app(`<script src=/a.js></script><a href=/b>b</a>`), map[string]http.HandlerFunc{
		"/a.js": app("1", "Content-Type: text/javascript"), "/b": app("{}", "Content-Type: application/json"),
	})})
	for _, f := range r.Findings {
		if f.ID != "headers/nosniff" {
			continue
		}
		if !regexp.MustCompile(`nosniff \(\d+ of \d+ answers: 1 document, 1 API answer, 1 asset, \d+ errors\)$`).MatchString(f.Message) {
			t.Errorf("message = %q, want a count by class", f.Message)
		}
		if len(f.Evidence) != 3 {
			t.Errorf("%d pieces of evidence, want 3", len(f.Evidence))
		}
		return
	}
	t.Error("no finding, so no message was tested")
}

// TestStrictTransportOfASite holds that the target's own address decides, and that the
// rest is judged for what is malformed.
func TestStrictTransportOfASite(t *testing.T) {
	const year = "max-age=31536000; includeSubDomains"
	for _, tt := range []struct {
		name   string
		fields []string
		want   []string
	}{
		{"everywhere", []string{year, year}, nil},
		{"nowhere", []string{"", ""}, []string{"headers/hsts-absent"}},
		{"on the first only", []string{year, ""}, []string{"headers/hsts-partial"}},
		{"on the second only", []string{"", year}, []string{"headers/hsts-absent"}},
		{"malformed on the second", []string{year, "max-age=abc"}, []string{"headers/hsts-invalid"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.StrictTransports("shop.example", tt.fields...); !slices.Equal(got, tt.want) {
				t.Errorf("verdicts on %q = %v, want %v", tt.fields, got, tt.want)
			}
		})
	}
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
		{"preload for a month", "shop.example", "max-age=31535999; includeSubDomains; preload", true, true, "headers/hsts-preload"},
		{"preload without subdomains", "shop.example", "max-age=31536000; preload", true, true, "headers/hsts-preload"},
		{"preload", "shop.example", "max-age=31536000; includeSubDomains; preload", true, true, ""},
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
