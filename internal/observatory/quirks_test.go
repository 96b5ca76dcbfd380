package observatory_test

import (
	"testing"

	"github.com/panoplysec/panoply/internal/observatory"
)

// TestQuirks holds verdicts that look wrong and are the real ones.
func TestQuirks(t *testing.T) {
	const (
		csp    = "content-security-policy"
		hsts   = "strict-transport-security"
		policy = "Content-Security-Policy"
		strict = "Strict-Transport-Security"
	)
	for _, c := range []struct {
		name, test string
		fields     []string
		v4, v6     string
	}{
		{"max-age is no number", hsts, []string{strict, "max-age=abc"},
			"hsts-implemented-max-age-at-least-six-months", "hsts-implemented-max-age-at-least-six-months"},
		{"max-age is quoted", hsts, []string{strict, `max-age="31536000"`},
			"hsts-implemented-max-age-at-least-six-months", "hsts-implemented-max-age-at-least-six-months"},
		{"last max-age counts", hsts, []string{strict, "max-age=31536000; max-age=1"},
			"hsts-implemented-max-age-less-than-six-months", "hsts-implemented-max-age-less-than-six-months"},
		{"negative max-age", hsts, []string{strict, "max-age=-31536000"},
			"hsts-implemented-max-age-less-than-six-months", "hsts-implemented-max-age-less-than-six-months"},
		{"comma in HSTS", hsts, []string{strict, "max-age=31536000, preload"},
			"hsts-header-invalid", "hsts-header-invalid"},
		{"anyone may frame", "x-frame-options", []string{policy, "frame-ancestors *"},
			"x-frame-options-implemented-via-csp", "x-frame-options-implemented-via-csp"},
		{"two policies in one field", csp, []string{policy, "default-src 'none', default-src 'none'"},
			"csp-implemented-with-no-unsafe", "csp-implemented-with-no-unsafe-default-src-none"},
		{"broken escape in two policies", csp, []string{policy, "default-src /%zz", policy, "default-src /a"},
			"csp-header-invalid", "csp-header-invalid"},
		{"comma at the end", csp, []string{policy, "default-src 'none',"},
			"csp-implemented-with-no-unsafe", "csp-header-invalid"},
		{"reporting address over HTTP", csp, []string{policy, "default-src 'none'; report-uri http://a/"},
			"csp-implemented-with-insecure-scheme", "csp-implemented-with-insecure-scheme"},
		{"reporting directive twice", csp, []string{policy, "default-src 'none'; report-uri /a; report-uri /b"},
			"csp-implemented-but-duplicate-directives", "csp-implemented-but-duplicate-directives"},
		{"sources shared with default-src", csp, []string{policy, "default-src 'none' https: 'strict-dynamic' 'nonce-a'"},
			"csp-implemented-with-no-unsafe", "csp-implemented-with-no-unsafe"},
		{"strict-dynamic alone", csp, []string{policy, "script-src 'strict-dynamic'; object-src 'none'"},
			"csp-header-invalid", "csp-header-invalid"},
		{"data: beside strict-dynamic", csp, []string{policy, "default-src 'self'; script-src 'strict-dynamic' 'nonce-a' data: https:"},
			"csp-implemented-with-unsafe-inline", "csp-implemented-with-unsafe-inline"},
		{"own name of the original", csp, []string{policy, "default-src 'none'; _observatory_duplicate_key_warnings x"},
			"csp-implemented-but-duplicate-directives", "csp-implemented-but-duplicate-directives"},
		{"two policies that only report", csp, []string{policy + "-Report-Only", "", policy + "-Report-Only", ""},
			"csp-not-implemented-but-reporting-enabled", "csp-not-implemented-but-reporting-enabled"},
		{"resource policy twice", "cross-origin-resource-policy", []string{"Cross-Origin-Resource-Policy", "same-site", "Cross-Origin-Resource-Policy", "same-site"},
			"corp-implemented-with-same-site", "corp-header-invalid"},
		{"cookie that is deleted", "cookies", []string{"Set-Cookie", "a=; Max-Age=0"},
			"cookies-without-secure-flag", "cookies-without-secure-flag"},
		{"cookie of another domain", "cookies", []string{"Set-Cookie", "a=1; Domain=example.org"},
			"cookies-not-found", "cookies-not-found"},
		{"cookie of a suffix", "cookies", []string{"Set-Cookie", "a=1; Domain=com"},
			"cookies-not-found", "cookies-not-found"},
		{"bad SameSite that a later one mends", "cookies", []string{"Set-Cookie", "a=1; Secure; SameSite=x; SameSite=Lax"},
			"cookies-samesite-flag-invalid", "cookies-samesite-flag-invalid"},
		{"heroku's cookie", "cookies", []string{"Set-Cookie", "heroku-session-affinity=1"},
			"cookies-not-found", "cookies-not-found"},
		{"host prefix without Secure", "cookies", []string{"Set-Cookie", "__Host-sess=1"},
			"cookies-not-found", "cookies-not-found"},
		{"express's session", "cookies", []string{"Set-Cookie", "connect.sid=1; Secure; SameSite=Lax"},
			"cookies-secure-with-httponly-sessions-and-samesite", "cookies-secure-with-httponly-sessions-and-samesite"},
		{"frame option repeated in one field", "x-frame-options", []string{"X-Frame-Options", "DENY, DENY"},
			"x-frame-options-header-invalid", "x-frame-options-header-invalid"},
		{"last known referrer policy", "referrer-policy", []string{"Referrer-Policy", "no-referrer, unsafe-url, nonsense"},
			"referrer-policy-unsafe", "referrer-policy-unsafe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answer(c.fields...)
			if got := result(t, a, observatory.V4, c.test); got != c.v4 {
				t.Errorf("v4: Score(%q) = %s, want %s", c.fields, got, c.v4)
			}
			if got := result(t, a, observatory.V6, c.test); got != c.v6 {
				t.Errorf("v6: Score(%q) = %s, want %s", c.fields, got, c.v6)
			}
		})
	}
}

// TestIsolation: the fields that are tokens are read as structured fields.
func TestIsolation(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"token", "same-origin", "coop-implemented-with-same-origin"},
		{"parameters", `same-origin; report-to="x"; a=1.5;b=?0;c=:YQ==:;d=-1;e=t`, "coop-implemented-with-same-origin"},
		{"blanks", "  same-origin  ", "coop-implemented-with-same-origin"},
		{"empty", "", "coop-not-implemented"},
		{"upper case", "Same-Origin", "coop-header-invalid"},
		{"quoted", `"same-origin"`, "coop-header-invalid"},
		{"list", "same-origin, same-origin", "coop-header-invalid"},
		{"blank before a parameter", "same-origin ;a", "coop-header-invalid"},
		{"parameter in upper case", "same-origin;A", "coop-header-invalid"},
		{"parameter without a value", "same-origin;a=", "coop-header-invalid"},
		{"number too long", "same-origin;a=1234567890123456", "coop-header-invalid"},
		{"decimal too fine", "same-origin;a=1.1234", "coop-header-invalid"},
		{"string not closed", `same-origin;a="x`, "coop-header-invalid"},
		{"string with an escape", `same-origin;a="\""`, "coop-implemented-with-same-origin"},
		{"string with a wrong escape", `same-origin;a="\x"`, "coop-header-invalid"},
		{"string beyond ASCII", `same-origin;a="é"`, "coop-header-invalid"},
		{"bytes not closed", "same-origin;a=:YQ", "coop-header-invalid"},
		{"bytes without padding", "same-origin;a=:YQ:", "coop-implemented-with-same-origin"},
		{"date at the end", "same-origin;a=@1", "coop-implemented-with-same-origin"},
		{"date before more", "same-origin;a=@1;b", "coop-header-invalid"},
		{"display string", `same-origin;a=%"%c3%a9"`, "coop-implemented-with-same-origin"},
		{"display string not UTF-8", `same-origin;a=%"%ff"`, "coop-header-invalid"},
		{"display string in upper case", `same-origin;a=%"%C3%A9"`, "coop-header-invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := answer("Cross-Origin-Opener-Policy", c.value)
			if got := result(t, a, observatory.V6, "cross-origin-opener-policy"); got != c.want {
				t.Errorf("Score(%q) = %s, want %s", c.value, got, c.want)
			}
		})
	}
}
