package headers_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/headers"
)

// The mistakes that Helmet accepts, each by one set of its options.
func TestEveryMistakeOfHelmetIsNamed(t *testing.T) {
	directives := func(s string) string { return `{"contentSecurityPolicy": {"directives": {` + s + `}}}` }
	for _, c := range []struct{ name, options, rule string }{
		{"1 unquoted keyword in one string", directives(`"scriptSrc": "self https://x.example"`), "unquoted-keyword"},
		{"1 unquoted nonce in one string", directives(`"scriptSrc": "'self' nonce-abc"`), "unquoted-keyword"},
		{"2 upper-case keyword", directives(`"scriptSrc": ["'SELF'"]`), "upper-case-keyword"},
		{"2 double-quoted keyword", directives(`"scriptSrc": ["\"self\""]`), "wrong-quotes"},
		{"3 misspelt directive", directives(`"scirptSrc": ["'self'"]`), "unknown-directive"},
		{"4 unquoted script", directives(`"requireTrustedTypesFor": ["script"]`), "trusted-types"},
		{"4 unquoted allow-duplicates", directives(`"trustedTypes": ["default", "allow-duplicates"]`), "trusted-types"},
		{"5 duplicate source", directives(`"imgSrc": ["https://a.example", "https://a.example"]`), "duplicate-source"},
		{"6 none next to others", directives(`"imgSrc": ["'none'", "data:"]`), "none-with-others"},
		{"7 bad hash", directives(`"scriptSrc": ["'sha256-abc='"]`), "bad-hash"},
		{"7 bad nonce", directives(`"scriptSrc": ["'nonce-%%'"]`), "bad-nonce"},
		{"8 block-all-mixed-content", directives(`"blockAllMixedContent": []`), "deprecated-directive"},
		{"8 plugin-types", directives(`"pluginTypes": ["application/pdf"]`), "deprecated-directive"},
		{"9 preload without subdomains", `{"hsts": {"preload": true, "includeSubDomains": false}}`, "preload-ineligible"},
		{"9 preload for a minute", `{"hsts": {"preload": true, "maxAge": 60}}`, "preload-ineligible"},
		{"11 bare string", `{"xFrameOptions": "deny"}`, "bare-value"},
		{"12 unknown option", `{"expectCt": true}`, "unknown-option"},
		{"12 unknown option of an option", `{"hsts": {"force": true}}`, "unknown-option"},
		{"13 empty referrer policy", `{"referrerPolicy": {"policy": ""}}`, "empty-referrer-policy"},
		{"14 HSTS over plain HTTP", `{}`, "hsts-plain-http"},
		{"15 framing contradicts", `{"xFrameOptions": {"action": "deny"}}`, "framing-contradicts"},
		{"16 report-to without an endpoint", directives(`"reportTo": "csp"`), "report-to-unnamed"},
		{"17 report-only that nobody hears", `{"contentSecurityPolicy": {"reportOnly": true}}`, "report-only-unheard"},
		{"18 sandbox token", directives(`"sandbox": ["allow-script"]`), "sandbox-token"},
		{"19 upgrade over plain HTTP", `{}`, "upgrade-plain-http"},
		{"20 policy on everything", `{}`, "csp-everywhere"},
		{"value without meaning", `{"noSniff": {"mode": 1}}`, "ignored-value"},
		{"truthy", `{"hsts": {"preload": 1}}`, "not-boolean"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := headers.FromHelmet([]byte(c.options))
			if err != nil {
				t.Fatalf("FromHelmet(%s) = %v, want nil", c.options, err)
			}
			warnings := o.Lint()
			at := slices.IndexFunc(warnings, func(w headers.Warning) bool { return w.Rule == c.rule })
			if at < 0 {
				t.Fatalf("Lint() = %v, want one of rule %s", warnings, c.rule)
			}
			if got := slices.Contains(o.Warnings(), warnings[at].String()); got != (warnings[at].When == "") {
				t.Errorf("Warnings() names %v: %t, want those alone that hold everywhere", warnings[at], got)
			}
			if w := warnings[at]; w.Text == "" || w.Fix == "" || w.Field == "" {
				t.Errorf("warning %+v lacks the field, the text or the fix", w)
			}
		})
	}
	if _, err := headers.FromHelmet([]byte(`{"hsts": {"maxAge": 1e21}}`)); err == nil { // 10
		t.Error("FromHelmet with a maxAge of 1e21 = nil, want an error")
	}
}

// Options that are right give no warning, or one that says where it would hold.
func TestSoundOptionsAreNotWarnedOf(t *testing.T) {
	firstDay := headers.FirstDay()
	firstDay.ReportURI = func(*http.Request) string { return "/r" }
	sound := map[string]headers.Options{
		"zero value": {}, "first day": firstDay,
		"strict": {
			ContentSecurityPolicy: headers.CSP{DocumentsOnly: true, Policy: csp.Policy{
				{Name: "default-src", Sources: []string{"'none'"}},
				{Name: "script-src", Sources: []string{"'strict-dynamic'"}, Nonce: true},
				{Name: "frame-ancestors", Sources: []string{"'none'"}},
				{Name: "require-trusted-types-for", Sources: []string{"'script'"}},
			}},
			XFrameOptions:           headers.Field{Value: "DENY"},
			StrictTransportSecurity: headers.StrictTransportSecurity{Preload: true},
		},
		"hsts by request": {StrictTransportSecurity: headers.StrictTransportSecurity{MaxAgeFor: func(*http.Request) time.Duration { return 0 }}},
	}
	for _, v := range vectors(t) {
		// The vectors that a careful person could have written.
		switch v.Group + "/" + v.Name {
		case "whole/no argument (all defaults)", "whole/every middleware true", "whole/API profile: CSP off, CORP cross-origin, frame deny",
			"csp/new directive connect-src appended at the end", "csp/override script-src camelCase keeps its default position",
			"csp/string value for a directive", "csp/empty array gives a directive without value", "csp/IPv6 and IDN-like hosts pass unchanged",
			"csp/report-sample and wasm-unsafe-eval quoted", "csp/Trusted Types directives", "hsts/maxAge two years, preload", "hsts/maxAge 0",
			"dns/alias allow true", "referrer/two tokens", "coep/crossOriginEmbedderPolicy policy credentialless":
			o, err := headers.FromHelmet(v.Options)
			if v.NoArgument {
				o, err = headers.FromHelmet([]byte("{}"))
			}
			if err != nil {
				t.Fatal(err)
			}
			sound[v.Name] = o
		}
	}
	if len(sound) < 19 {
		t.Fatalf("%d sound options, want 19: a vector has another name", len(sound))
	}
	for name, o := range sound {
		mustNew(t, o)
		for _, w := range o.Warnings() {
			t.Errorf("%s: warning %v, want none", name, w)
		}
	}
}
