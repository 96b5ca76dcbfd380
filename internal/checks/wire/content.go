package wire

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/panoplysec/panoply/audit/check"
)

var contentRules = check.Rules{
	{ID: "content/mixed-active", Title: "encrypted pages load script, style or frames over plain HTTP", Severity: check.Medium, CWE: 319, ASVS: []string{"12.2.1"},
		Why: "Whoever is on the way rewrites the script and owns the page; browsers block it, so the page is broken too.",
		Bad: `<script src="http://shop.example/app.js">`, Good: `<script src="/app.js">`,
		Fix: check.Fix{
			Express: "write addresses without scheme and host, or with https://", Go: "write addresses without scheme and host, or with https://",
			Door: "headers.helmet: {} in panoply.yaml sends upgrade-insecure-requests, until the pages are mended",
		}},
	{ID: "content/mixed-form", Title: "encrypted pages send forms over plain HTTP", Severity: check.Medium, CWE: 319, ASVS: []string{"12.2.1"},
		Bad: `<form action="http://shop.example/login" method="post">`, Good: `<form action="/login" method="post">`,
		Fix: check.Fix{
			Express: "write the action without scheme and host, or with https://", Go: "write the action without scheme and host, or with https://",
			Door: "headers.helmet: {} in panoply.yaml sends upgrade-insecure-requests, until the pages are mended",
		}},
	{ID: "content/mixed-passive", Title: "encrypted pages load pictures or media over plain HTTP", Severity: check.Low, CWE: 319, ASVS: []string{"12.2.1"},
		Fix: check.Fix{
			Express: "write addresses without scheme and host, or with https://", Go: "write addresses without scheme and host, or with https://",
			Door: "headers.helmet: {} in panoply.yaml sends upgrade-insecure-requests, until the pages are mended",
		}},
	{ID: "content/mixed-upgraded", Title: "addresses with http:// work only because the policy upgrades them", Severity: check.Info, CWE: 319, ASVS: []string{"12.2.1"}},
	{ID: "content/sri-script", Title: "script of another site is run without a check of its content", Severity: check.Low, CWE: 353, ASVS: []string{"3.6.1"},
		Why: "Whoever takes over the other site runs script in this one.",
		Bad: `<script src="https://cdn.example/lib.js">`, Good: `<script src="https://cdn.example/lib.js" integrity="sha384-…" crossorigin>`,
		Fix: check.Fix{
			Express: "serve a copy of your own, or add integrity=\"sha384-…\" crossorigin to the element", Go: "serve a copy of your own, or add integrity=\"sha384-…\" crossorigin to the element",
			Door: "none: the page names what it loads",
		}},
	{ID: "content/sri-script-changing", Title: "script of another site is run that cannot be checked, since it changes", Severity: check.Info, CWE: 829, ASVS: []string{"3.6.1"}},
	{ID: "content/sri-style", Title: "style sheets of another site are used without a check of their content", Severity: check.Info, CWE: 353, ASVS: []string{"3.6.1"}},
	{ID: "content/integrity-invalid", Title: "an integrity attribute is malformed, so browsers check nothing", Severity: check.Low, CWE: 353, ASVS: []string{"3.6.1"},
		Fix: check.Fix{
			Express: "integrity=\"sha384-\" and the base64 of 48 bytes: openssl dgst -sha384 -binary FILE | openssl base64 -A",
			Go:      "integrity=\"sha384-\" and the base64 of 48 bytes: openssl dgst -sha384 -binary FILE | openssl base64 -A",
			Door:    "none: the page names what it loads",
		}},
	{ID: "content/crossorigin", Title: "integrity without crossorigin: browsers do not load the file", Severity: check.Info, ASVS: []string{"3.6.1"}},
}

var contentCheck = check.Check{
	ID: "content", Practice: "headers", Title: "Pages load what they run over HTTPS, and check what is foreign",
	Why:      "A page is as safe as the weakest place that its script comes from.",
	Severity: check.Medium, Needs: check.Wire, Rules: contentRules, Run: runContent,
	Bad:  `<script src="http://cdn.example/lib.js"></script>`,
	Good: `<script src="https://cdn.example/lib.js" integrity="sha384-…" crossorigin></script>`,
}

func runContent(ctx context.Context, s *check.Session) check.Result {
	site, err := s.Crawl(ctx)
	j := contentJudge{tally: tally{rules: contentRules}}
	for _, p := range site.Pages {
		if isDocument(p.Exchange) {
			j.judged++
			j.page(p)
		}
	}
	switch {
	case err != nil:
		return check.NotProven(err.Error(), j.findings()...)
	case j.judged == 0:
		return check.Conclude("there is no document that could load anything", nil)
	}
	return check.Conclude("what "+answers(j.judged)+" with documents load was looked at", j.findings())
}

// contentJudge collects over the documents.
type contentJudge struct{ tally }

func (j *contentJudge) page(p check.Page) {
	base, err := url.Parse(p.URL)
	if err != nil {
		return
	}
	own := *base
	upgraded := anyPolicy(append(policies(p.Header, "Content-Security-Policy"), metaPolicies(p.Exchange)...), func(q policy) bool {
		_, ok := q["upgrade-insecure-requests"]
		return ok
	})
	for _, r := range references(bytes.NewReader(p.Body)) {
		u, err := base.Parse(strings.TrimSpace(r.address))
		if err != nil {
			continue
		}
		if r.use == baseAddress {
			base = u
			continue
		}
		if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		if own.Scheme == "https" && u.Scheme == "http" {
			j.mixed(p, r, u, upgraded)
		}
		if r.use == scriptFile || r.use == styleFile {
			j.integrity(p, r, u, &own)
		}
	}
}

// mixed judges a plain address in an encrypted page. The page's own host is no
// exception, and neither is this machine: what is audited there stands for a real one.
//
// Source: Mixed Content, sections 3 and 4; Upgrade Insecure Requests.
func (j *contentJudge) mixed(p check.Page, r reference, u *url.URL, upgraded bool) {
	id, what := "content/mixed-active", r.element
	switch {
	case upgraded:
		id = "content/mixed-upgraded"
	case r.use == formTarget:
		id = "content/mixed-form"
	case r.use == picture:
		id = "content/mixed-passive"
	}
	j.see(id, u.Host, p, p.Excerpt(r.from, r.to), fmt.Sprintf("%s: %s from %.80s", contentRules.Find(id, "").Title, what, u.Host))
}

// integrity judges how a script or a style sheet of another origin is checked. Hosts of
// the same registrable domain are the site's own.
//
// Source: Subresource Integrity, section 3.
func (j *contentJudge) integrity(p check.Page, r reference, u, own *url.URL) {
	foreign := !strings.EqualFold(u.Host, own.Host) || u.Scheme != own.Scheme
	see := func(id string) {
		j.see(id, u.Host, p, p.Excerpt(r.from, r.to), fmt.Sprintf("%s: %.80s", contentRules.Find(id, "").Title, u.Host))
	}
	switch valid := validIntegrity(r.integrity); {
	case r.integrity != "" && !valid:
		see("content/integrity-invalid")
	case valid && foreign && !r.crossorigin:
		see("content/crossorigin")
	case valid || !foreign || domain(u.Hostname()) == domain(own.Hostname()):
	case r.use == styleFile:
		see("content/sri-style")
	case changing[strings.ToLower(u.Hostname())]:
		see("content/sri-script-changing")
	default:
		see("content/sri-script")
	}
}

// changing are hosts that change their scripts in place, so that no hash can be given.
var changing = map[string]bool{
	"js.stripe.com": true, "www.paypal.com": true, "www.googletagmanager.com": true, "www.google-analytics.com": true,
	"www.google.com": true, "www.recaptcha.net": true, "accounts.google.com": true, "apis.google.com": true, "maps.googleapis.com": true,
	"challenges.cloudflare.com": true, "static.cloudflareinsights.com": true, "js.hcaptcha.com": true, "hcaptcha.com": true,
	"appleid.cdn-apple.com": true, "connect.facebook.net": true, "platform.twitter.com": true,
}

// domain is the registrable domain of a host, or the host where it has none.
func domain(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

// validIntegrity says that browsers would compare something: one hash that they know,
// of the right length.
func validIntegrity(text string) bool {
	return slices.ContainsFunc(strings.Fields(text), func(word string) bool {
		kind, value, _ := strings.Cut(word, "-")
		size := map[string]int{"sha256": 32, "sha384": 48, "sha512": 64}[strings.ToLower(kind)]
		value, _, _ = strings.Cut(value, "?")
		raw, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(value, "=")))
		return size > 0 && err == nil && len(raw) == size
	})
}
