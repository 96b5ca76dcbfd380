package wire_test

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/checks/wire"
)

// policed sends a policy among headers that leave no note. FRESH in it is a new nonce
// in each answer.
func policed(policies ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lines := but(strict, "Content-Security-Policy:")
		for _, p := range policies {
			lines = append(lines, "Content-Security-Policy: "+strings.ReplaceAll(p, "FRESH", rand.Text()))
		}
		app("<p>hello", lines...)(w, r)
	}
}

var cspTwins = []twin{
	{check: "headers", name: "report-only is no policy", bad: true, handler: app("<p>", but(strict, "Content-Security-Policy:", "Content-Security-Policy-Report-Only: default-src 'self'")...),
		want: []string{"headers/csp-absent"}},
	{check: "headers", name: "policy open to plugins and base", bad: true, handler: policed("script-src 'self'" + sealed),
		want: []string{"headers/csp-object-src", "headers/csp-base-uri"}},
	{check: "headers", name: "no base where there is no script", handler: policed("default-src 'none'")},
	{check: "headers", name: "unsafe-inline is void beside a nonce", handler: policed("default-src 'none'; base-uri 'none'; script-src 'unsafe-inline' 'nonce-FRESH'" + sealed)},
	{check: "headers", name: "strict-dynamic voids schemes", handler: policed("default-src 'none'; base-uri 'none'; script-src https: 'strict-dynamic' 'nonce-FRESH'" + sealed)},
	{check: "headers", name: "script-src-elem decides", handler: policed("default-src 'self'; base-uri 'none'; script-src-elem 'unsafe-inline'" + sealed), want: []string{"headers/csp-script"}},
	{check: "headers", name: "attributes are script too", handler: policed("object-src 'none'; base-uri 'none'; script-src-elem 'self'" + sealed), want: []string{"headers/csp-script"}},
	{check: "headers", name: "any host by a star and a port", handler: policed("default-src 'self'; base-uri 'none'; script-src https://*:443" + sealed), want: []string{"headers/csp-script"}},
	{check: "headers", name: "a sandbox without script", handler: policed("default-src 'none'; base-uri 'none'; sandbox; script-src *" + sealed)},
	{check: "headers", name: "eval", handler: policed("default-src 'self'; base-uri 'none'; script-src 'self' 'unsafe-eval'" + sealed), want: []string{"headers/csp-eval"}},
	{check: "headers", name: "two policies in one field both hold", handler: policed("object-src 'none'; base-uri 'none', script-src 'self'" + sealed)},
	{check: "headers", name: "two policies in two fields both hold", handler: policed("object-src 'none'; base-uri 'none'; script-src 'unsafe-inline'", "script-src 'self'"+sealed)},
	{check: "headers", name: "first of two equal directives counts", handler: policed("default-src 'none'; base-uri 'none'; script-src 'self'; script-src *" + sealed), want: []string{"headers/csp-mistake"}},
	{check: "headers", name: "a nonce that is always the same", bad: true, handler: policed("default-src 'self'; base-uri 'none'; script-src 'nonce-c3RhdGljIGFuZCBsb25nIQ'" + sealed), want: []string{"headers/csp-nonce-static"}},
	{check: "headers", name: "a nonce of one character", bad: true, handler: policed("default-src 'self'; base-uri 'none'; script-src 'nonce-a'" + sealed),
		want: []string{"headers/csp-nonce-static", "headers/csp-nonce-short"}},
	{check: "headers", name: "a nonce that is the same once a page", bad: true, want: []string{"headers/csp-nonce-static"}, handler: func(w http.ResponseWriter, r *http.Request) {
		policed("default-src 'self'; base-uri 'none'; script-src 'nonce-c3RhdGljIGFuZCBsb25n"+strings.Map(letters, r.URL.Path)+"'"+sealed)(w, r)
	}},
	{check: "headers", name: "callback and angular hosts", handler: policed("default-src 'self'; base-uri 'none'; script-src 'self' https://ajax.googleapis.com" + sealed),
		want: []string{"headers/csp-bypass", "headers/csp-hosts"}},
	{check: "headers", name: "one file of a large host", handler: policed("default-src 'self'; base-uri 'none'; script-src https://cdnjs.cloudflare.com/ajax/libs/a/1/a.min.js" + sealed),
		want: []string{"headers/csp-hosts"}},
	{check: "headers", name: "hosts do not count beside strict-dynamic", handler: policed("default-src 'self'; base-uri 'none'; script-src 'strict-dynamic' 'nonce-FRESH' unpkg.com" + sealed)},
	{check: "headers", name: "blobs", handler: policed("default-src 'self'; base-uri 'none'; script-src 'self' blob:" + sealed), want: []string{"headers/csp-blob"}},
	{check: "headers", name: "script in clear", handler: policed("default-src 'self'; base-uri 'none'; script-src http://cdn.shop.example" + sealed), want: []string{"headers/csp-plain", "headers/csp-hosts"}},
	{check: "headers", name: "form targets, types and reports", handler: policed("default-src 'self'; base-uri 'none'"),
		want: []string{"headers/csp-form-action", "headers/csp-trusted-types", "headers/csp-reporting"}},
	{check: "headers", name: "a second policy shuts out what the first lets in", handler: policed("default-src 'self'; base-uri 'none'; script-src 'self' blob:"+sealed, "script-src 'self'")},
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

func TestPolicyMistakes(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		want         []string
	}{
		{"helmet's own", strings.TrimPrefix(helmet[0], "Content-Security-Policy: "), nil},
		{"nonce and hash", "script-src 'nonce-AAAA+/-_==' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='", nil},
		{"semicolon", "default-src 'self' object-src 'none'", []string{
			"in default-src object-src is a directive's name: a semicolon is missing before it", "in default-src 'none' is ignored beside other sources"}},
		{"misspelt directive", "defualt-src 'self'", []string{"defualt-src is no directive"}},
		{"removed", "plugin-types application/pdf", []string{"plugin-types has been removed from browsers"}},
		{"twice", "img-src *; img-src 'self'", []string{"img-src is given twice, and only the first counts"}},
		{"unquoted keyword", "script-src self", []string{"in script-src self is read as a host's name, since its quotes are missing or wrong"}},
		{"unquoted nonce", "script-src nonce-abcd", []string{"in script-src nonce-abcd is read as a host's name, since its quotes are missing or wrong"}},
		{"double quotes", `script-src "self"`, []string{`in script-src "self" is read as a host's name, since its quotes are missing or wrong`}},
		{"no keyword", "script-src 'unsafe-inlin'", []string{"in script-src 'unsafe-inlin' is no keyword"}},
		{"nonce outside base64", "script-src 'nonce-a.b'", []string{"in script-src 'nonce-a.b' is not base64"}},
		{"none beside others", "script-src 'none' https://a.example", []string{"in script-src 'none' is ignored beside other sources"}},
		{"tokens are no sources", "sandbox allow-scripts; report-to self; trusted-types none", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.Mistakes(tt.policy); !slices.Equal(got, tt.want) {
				t.Errorf("Mistakes(%q) = %q, want %q", tt.policy, got, tt.want)
			}
		})
	}
}

// FuzzPolicyMistakes holds that a policy joined to itself has no fewer mistakes.
func FuzzPolicyMistakes(f *testing.F) {
	f.Add("default-src 'self' object-src; script-src nonce-a")
	f.Add("\xff 'nonce-'; ; '")
	f.Fuzz(func(t *testing.T, policy string) {
		once, twice := wire.Mistakes(policy), wire.Mistakes(policy+";"+policy)
		if len(twice) < len(once) {
			t.Errorf("Mistakes() of %q = %d, of the same twice %d", policy, len(once), len(twice))
		}
	})
}
