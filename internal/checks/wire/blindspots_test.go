package wire_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// blindSpots are the answers on which MDN's HTTP Observatory gives a wrong verdict or
// none, by their number in the list of those that were measured. Each is judged here by
// the check that should; notes beside the finding do not matter, other findings do.
var blindSpots = []struct {
	number int
	twin   twin
}{
	{1, twin{check: "cors", name: "reflected origin", handler: allowing(func(*http.Request, string) bool { return true }), want: []string{"cors/reflected"}}},
	{3, twin{check: "headers", name: "frame-ancestors *", handler: policed("default-src 'self'; base-uri 'none'; frame-ancestors *"), want: []string{"headers/framing"}}},
	{3, twin{check: "headers", name: "frame-ancestors in a meta element", want: []string{"headers/framing"},
		handler: app(`<meta http-equiv=Content-Security-Policy content="frame-ancestors 'none'">`, but(helmet, "X-Frame-Options:", "Content-Security-Policy: default-src 'none'; base-uri 'none'")...)}},
	{4, twin{check: "headers", name: "a nonce of one character", handler: policed("default-src 'self'; base-uri 'none'; script-src 'nonce-a'"),
		want: []string{"headers/csp-nonce-static", "headers/csp-nonce-short"}}},
	{4, twin{check: "headers", name: "no base-uri", handler: policed("default-src 'self'"), want: []string{"headers/csp-base-uri"}}},
	{5, twin{check: "cookies", name: "session-like names without HttpOnly", handler: app("<p>", "Set-Cookie: jwt=abcdefghijklmnop; Secure; SameSite=Lax"), want: []string{"cookies/httponly"}}},
	{5, twin{check: "cookies", name: "tokens that script must read", handler: app("<p>", "Set-Cookie: XSRF-TOKEN=abcdefghijklmnop; Secure; SameSite=Lax")}},
	{6, twin{check: "cookies", name: "deleted cookies", handler: app("<p>", "Set-Cookie: sid=; Max-Age=0")}},
	{6, twin{check: "cookies", name: "cookies of other pages", want: []string{"cookies/httponly"},
		handler: site(app("<a href=/b>b</a>"), map[string]http.HandlerFunc{"/b": app("<p>", "Set-Cookie: __Host-token=abcdefghijklmnop; Path=/; Secure; SameSite=Lax")})}},
	{7, twin{check: "content", name: "plain script of the own host", handler: own("<script src=http://HOST/a.js></script>"), want: []string{"content/mixed-active"}}},
	{8, twin{check: "content", name: "media type in capitals", handler: app("<iframe src=http://a.example/></iframe>", "Content-Type: TEXT/HTML"), want: []string{"content/mixed-active"}}},
	{9, twin{check: "headers", name: "equal values", handler: app("<p>", but(helmet, "X-Content-Type-Options: nosniff, nosniff", "X-Frame-Options: DENY, DENY")...)}},
	{10, twin{check: "tls", name: "an invalid certificate", target: with(&leaf{ip: "127.0.0.9"}, nil), want: []string{"tls/cert-host", "tls/cert-untrusted"}}},
	{11, twin{check: "headers", name: "two policies, one directive in both", handler: policed("default-src 'self'; base-uri 'none'; object-src 'none'", "object-src 'none'; frame-ancestors 'none'")}},
	{12, twin{check: "headers", name: "other pages", want: []string{"headers/nosniff"},
		handler: site(app("<script src=/a.js></script>", helmet...), map[string]http.HandlerFunc{"/a.js": app("1", "Content-Type: text/javascript")})}},
	{12, twin{check: "caching", name: "Cache-Control", target: asUser, handler: shop(), want: []string{"caching/private-unsaid"}}},
	{12, twin{check: "fingerprint", name: "banners", handler: app("<p>", "X-Powered-By: Express"), want: []string{"fingerprint/banner"}}},
}

func TestBlindSpotsOfTheObservatory(t *testing.T) {
	seen := make(map[int]bool)
	for _, b := range blindSpots {
		seen[b.number] = true
		t.Run(fmt.Sprintf("%d %s", b.number, b.twin.name), func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range audited(t, b.twin).Findings {
				if f.Severity > check.Info {
					got = append(got, f.ID)
				}
			}
			want := slices.Clone(b.twin.want)
			slices.Sort(want)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, want) {
				t.Errorf("findings = %v, want %v", got, want)
			}
		})
	}
	t.Run("2 malformed Strict-Transport-Security", func(t *testing.T) {
		for field, want := range map[string]string{
			"max-age=abc": "headers/hsts-invalid", "max-age=31536000abc": "headers/hsts-invalid", `max-age="31536000"`: "",
		} {
			if got := wire.StrictTransport("shop.example", field, true, true); got != want {
				t.Errorf("verdict on %q = %q, want %q", field, got, want)
			}
		}
	})
	// What weakens a policy without undoing it, and what is newer than the Observatory,
	// are notes.
	for _, n := range []struct {
		number int
		id     string
		lines  []string
	}{
		{4, "headers/csp-script", []string{"Content-Security-Policy: default-src 'self'; base-uri 'none'; script-src-elem 'unsafe-inline'"}},
		{4, "headers/csp-blob", []string{"Content-Security-Policy: default-src 'self'; base-uri 'none'; script-src 'self' blob:"}},
		{4, "headers/csp-form-action", []string{"Content-Security-Policy: default-src 'self'; base-uri 'none'"}},
		{4, "headers/csp-bypass", []string{"Content-Security-Policy: default-src 'self'; base-uri 'none'; script-src ajax.googleapis.com"}},
		{7, "content/sri-style", nil},
		{12, "headers/permissions-absent", helmet}, {12, "headers/csp-trusted-types", helmet}, {12, "headers/csp-reporting", helmet},
	} {
		t.Run(fmt.Sprintf("%d %s", n.number, n.id), func(t *testing.T) {
			t.Parallel()
			id, _, _ := strings.Cut(n.id, "/")
			r := audited(t, twin{check: id, handler: app("<link rel=stylesheet href=https://cdn.example/a.css>", n.lines...)})
			if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == n.id }) {
				t.Errorf("%s was not found", n.id)
			}
		})
	}
	for number := 1; number <= 12; number++ {
		if !seen[number] && number != 2 {
			t.Errorf("number %d has no app", number)
		}
	}
}

// TestCorrectAppsHaveNotes holds that well-made apps of several kinds give notes at
// most, from every check of this family that looks at headers and content.
func TestCorrectAppsHaveNotes(t *testing.T) {
	asset := func(kind, body string, lines ...string) http.HandlerFunc {
		return app(body, append(slices.Clone(lines), "Content-Type: "+kind, "Cache-Control: public, max-age=31536000, immutable")...)
	}
	for _, a := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"helmet", app("<p>hello<form action=/search><input name=q></form>", helmet...)},
		{"first day of the door", app("<p>hello", firstDay...)},
		{"json with a list of partners", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Origin")
			if r.Header.Get("Origin") == "https://app.shop.example" {
				w.Header().Set("Access-Control-Allow-Origin", "https://app.shop.example")
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path != "/" {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, `{"items":[]}`)
		}},
		{"static files", site(app(`<link rel=stylesheet href=/a.css><img src=/a.svg><script src=/a.js></script>`, helmet...), map[string]http.HandlerFunc{
			"/a.css": asset("text/css", "p{}", helmet...), "/a.js": asset("text/javascript", "1", helmet...), "/a.svg": asset("image/svg+xml", "<svg/>", helmet...),
		})},
		{"nonces and a font host", func(w http.ResponseWriter, r *http.Request) {
			app(`<link rel=stylesheet href="https://fonts.googleapis.com/css2?family=Inter">`,
				but(helmet, "Content-Security-Policy: default-src 'self'; base-uri 'none'; object-src 'none'; script-src 'strict-dynamic' 'nonce-"+rand.Text()+"'")...)(w, r)
		}},
	} {
		for _, id := range []string{"headers", "cors", "content", "caching"} {
			t.Run(a.name+"/"+id, func(t *testing.T) {
				t.Parallel()
				r := audited(t, twin{check: id, handler: a.handler})
				for _, f := range r.Findings {
					if f.Severity > check.Info {
						t.Errorf("%s %s: %s", f.ID, f.Severity, f.Message)
					}
				}
				for _, row := range r.Practices {
					if row.ID == "headers" && row.Status != check.Proved {
						t.Errorf("status = %q (%s), want %q", row.Status, row.Reason, check.Proved)
					}
				}
			})
		}
	}
}
