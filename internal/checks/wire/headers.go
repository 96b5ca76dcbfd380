package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// Findings of this check. Info is a note; what merely could be stricter is one.
var headersRules = check.Rules{
	{ID: "headers/nosniff", Title: "content types can be guessed: no X-Content-Type-Options: nosniff", Severity: check.Medium, CWE: 693, ASVS: []string{"3.4.4"},
		Why: "A browser that guesses runs as script or shows as a page what was uploaded as something else."},
	{ID: "headers/framing", Title: "other sites can frame the pages", Severity: check.Medium, CWE: 1021, ASVS: []string{"3.4.6"},
		Why: "A page in an invisible frame takes the clicks that were meant for the page around it."},
	{ID: "headers/framing-conflict", Title: "X-Frame-Options is given with different values", Severity: check.Info, CWE: 1021, ASVS: []string{"3.4.6"}},
	{ID: "headers/csp-absent", Title: "documents have no enforced Content-Security-Policy", Severity: check.Medium, CWE: 693, ASVS: []string{"3.4.3"},
		Why: "Without a policy injected script runs with all rights of the page."},
	{ID: "headers/csp-object-src", Title: "the policy lets plugins load from anywhere", Severity: check.Low, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-base-uri", Title: "the policy lets an injected base element redirect relative addresses", Severity: check.Low, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-script", Title: "the enforced policy does not stop injected script", Severity: check.Info, CWE: 79, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-eval", Title: "the policy allows script made from strings ('unsafe-eval')", Severity: check.Info, CWE: 95, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-nonce-static", Title: "the policy's nonce is the same in several answers", Severity: check.Medium, CWE: 330, ASVS: []string{"3.4.3"},
		Why: "A nonce that can be read beforehand lets an attacker sign injected script with it.",
		Bad: "script-src 'nonce-c3RhdGlj' in every answer", Good: "script-src 'nonce-…' with 16 random bytes for each answer",
		Fix: check.Fix{
			Express: "make the nonce per response: res.locals.nonce = crypto.randomBytes(16).toString('base64'), and keep pages with a nonce out of caches",
			Go:      "headers.Options with csp.Default() and a nonce: csp.Nonce(ctx) is new in each request",
			Door:    "let the app make it, or have no nonce: the door must not bless script that it does not know",
		}},
	{ID: "headers/csp-nonce-short", Title: "the policy's nonce is so short that it can be guessed", Severity: check.Low, CWE: 331, ASVS: []string{"3.4.3"},
		Fix: check.Fix{
			Express: "crypto.randomBytes(16).toString('base64')", Go: "csp.Nonce(ctx) has 128 bits",
			Door: "none: the app makes its nonces",
		}},
	{ID: "headers/csp-bypass", Title: "the policy allows script from hosts that serve anybody's script", Severity: check.Info, CWE: 79, ASVS: []string{"3.4.3"},
		Why: "Callback endpoints and old libraries on large hosts run what the attacker puts into the address."},
	{ID: "headers/csp-hosts", Title: "the policy allows script by host instead of by nonce or hash", Severity: check.Info, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-blob", Title: "the policy allows script from blob: or filesystem: addresses", Severity: check.Info, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-plain", Title: "the policy allows script over plain HTTP or from an IP address", Severity: check.Info, CWE: 319, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-form-action", Title: "the policy lets injected forms send elsewhere", Severity: check.Info, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-mistake", Title: "browsers ignore a part of the policy", Severity: check.Info, CWE: 693, ASVS: []string{"3.4.3"}},
	{ID: "headers/csp-trusted-types", Title: "the policy does not ask for Trusted Types", Severity: check.Info, CWE: 79},
	{ID: "headers/csp-reporting", Title: "the policy reports its violations nowhere", Severity: check.Info, CWE: 778, ASVS: []string{"3.4.7"}},
	{ID: "headers/hsts-absent", Title: "no Strict-Transport-Security", Severity: check.Medium, CWE: 319, ASVS: []string{"3.4.1"},
		Why: "Whoever types the name without https:// starts in clear, and can be kept there."},
	{ID: "headers/hsts-invalid", Title: "Strict-Transport-Security is malformed, so browsers ignore it", Severity: check.Medium, CWE: 319, ASVS: []string{"3.4.1"}},
	{ID: "headers/hsts-short", Title: "Strict-Transport-Security holds for less than six months", Severity: check.Info, CWE: 319, ASVS: []string{"3.4.1"}},
	{ID: "headers/hsts-partial", Title: "some answers lack Strict-Transport-Security", Severity: check.Info, CWE: 319, ASVS: []string{"3.4.1"}},
	{ID: "headers/hsts-preload", Title: "Strict-Transport-Security asks for preloading without meeting its conditions", Severity: check.Info, ASVS: []string{"3.7.4"}},
	{ID: "headers/hsts-local", Title: "Strict-Transport-Security on a local name also hits its other ports", Severity: check.Info},
	{ID: "headers/referrer-unsafe", Title: "the Referrer-Policy sends paths to other sites", Severity: check.Low, CWE: 200, ASVS: []string{"3.4.5"}},
	{ID: "headers/referrer-absent", Title: "no Referrer-Policy: the browser's own default holds", Severity: check.Info, CWE: 200, ASVS: []string{"3.4.5"}},
	{ID: "headers/xss-auditor", Title: "X-XSS-Protection switches on a filter that opens holes in old browsers", Severity: check.Info},
	{ID: "headers/duplicate", Title: "a security header is sent twice", Severity: check.Info},
	{ID: "headers/isolation", Title: "documents are not isolated from other origins (COOP, CORP)", Severity: check.Info, CWE: 346, ASVS: []string{"3.4.8", "3.5.8"}},
	{ID: "headers/permissions-absent", Title: "no Permissions-Policy: injected script and frames may ask for camera, place and the like", Severity: check.Info, CWE: 693},
	{ID: "headers/permissions-invalid", Title: "Permissions-Policy is malformed, so browsers ignore it", Severity: check.Info, CWE: 693},
}

var headersCheck = check.Check{
	ID: "headers", Practice: "headers", Title: "Browsers are told to defend the pages",
	Why:      "A few response headers switch on the browser's own defences against framing, sniffing and injected script.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: headersRules, Run: runHeaders,
	Bad:  "HTTP/1.1 200 OK\nContent-Type: text/html",
	Good: "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Security-Policy: default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'\nX-Content-Type-Options: nosniff\nReferrer-Policy: strict-origin-when-cross-origin",
}

func runHeaders(ctx context.Context, s *check.Session) check.Result {
	site, err := s.Crawl(ctx)
	judged := slices.DeleteFunc(slices.Clone(site.Pages), func(p check.Page) bool { return outage(p.Status) })
	if len(judged) == 0 {
		if err == nil {
			err = errors.New("every page answered that the app is not there")
		}
		return check.NotProven(err.Error())
	}
	h := headersJudge{session: s, pages: judged, tally: tally{rules: headersRules, judged: len(judged)}}
	docs := 0
	for _, p := range judged {
		h.always(p)
		if showsPage(p.Exchange) {
			docs++
			h.document(p)
		}
	}
	h.nonces(ctx)
	reason := fmt.Sprintf("judged on %s, %d of them documents", answers(len(judged)), docs)
	var unjudged []string
	if note := h.transport(); note != "" {
		unjudged = []string{"headers/hsts-absent", "headers/hsts-short", "headers/hsts-invalid"}
		reason += "; " + note
	}
	if docs == 0 {
		reason += ", so framing and Content-Security-Policy were not judged"
		unjudged = append(unjudged, "headers/framing", "headers/csp-absent", "headers/csp-script", "headers/csp-eval", "headers/referrer-unsafe")
	}
	var r check.Result
	switch {
	case err != nil:
		r = check.NotProven(err.Error(), h.findings()...)
	case !slices.ContainsFunc(judged, func(p check.Page) bool { return p.Status >= 200 && p.Status < 300 }):
		r = check.NotProven("no page was served: every answer is a redirect, a refusal or an error", h.findings()...)
	default:
		r = check.Conclude(reason, h.findings())
	}
	r.Grades, r.Unjudged = grades(ctx, s, site), unjudged
	return r
}

// outage says that an answer is a gateway's word on an app that is not there: it tells
// nothing about what is sent when it is.
func outage(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// showsPage says whether a browser needs a page's defences for the answer. A drawing
// is a page only when it holds script.
func showsPage(x *check.Exchange) bool {
	return isDocument(x) && (media(x) != "image/svg+xml" || bytes.Contains(bytes.ToLower(head(x)), []byte("<script")))
}

// headersJudge collects over all pages.
type headersJudge struct {
	tally
	session *check.Session
	pages   []check.Page
}

// headerOf is the subject of a rule, and what its evidence shows.
func headerOf(id string) string {
	name := strings.TrimPrefix(id, "headers/")
	switch name {
	case "nosniff":
		return "X-Content-Type-Options"
	case "framing", "framing-conflict":
		return "X-Frame-Options"
	case "xss-auditor":
		return "X-XSS-Protection"
	case "isolation":
		return "Cross-Origin-Opener-Policy"
	}
	kind, _, _ := strings.Cut(name, "-")
	return map[string]string{
		"csp": "Content-Security-Policy", "hsts": "Strict-Transport-Security", "referrer": "Referrer-Policy",
		"permissions": "Permissions-Policy",
	}[kind]
}

// note notes a rule under its header, with the headers named as evidence.
func (h *headersJudge) note(id string, p check.Page, names ...string) {
	subject := headerOf(id)
	if len(names) == 0 {
		names = []string{subject}
	}
	if subject == "" {
		subject = names[0]
	}
	h.see(id, subject, p, p.Evidence(names...), "")
}

// always judges what every answer should carry.
func (h *headersJudge) always(p check.Page) {
	// Browsers look at the first value only.
	if v := list(p.Header, "X-Content-Type-Options"); sniffed(p) && (len(v) == 0 || v[0] != "nosniff") {
		h.note("headers/nosniff", p, "Content-Type", "X-Content-Type-Options")
	}
	if v := list(p.Header, "X-XSS-Protection"); len(v) > 0 && !strings.HasPrefix(v[0], "0") {
		h.note("headers/xss-auditor", p)
	}
	for _, name := range []string{
		"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Strict-Transport-Security",
		"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Cross-Origin-Embedder-Policy",
	} {
		if len(p.Header.Values(name)) > 1 {
			h.see("headers/duplicate", name, p, p.Evidence(name), "")
		}
	}
}

// sniffed says whether a browser without nosniff could take the content for a page or
// run it as script: anything but what is labelled as image, sound, film or font.
//
// Source: Fetch, "should response to request be blocked due to nosniff"; MIME Sniffing.
func sniffed(p check.Page) bool {
	if p.Class == check.Redirect || len(p.Body) == 0 && !p.Truncated {
		return false
	}
	kind, _, _ := strings.Cut(media(p.Exchange), "/")
	switch kind {
	case "image", "audio", "video", "font":
		return false
	}
	return true
}

// document judges what only a page in a browser needs.
func (h *headersJudge) document(p check.Page) {
	enforced := policies(p.Header, "Content-Security-Policy")
	h.framing(p, enforced)
	h.policy(p, append(enforced, metaPolicies(p.Exchange)...))
	h.referrer(p)
	if len(list(p.Header, "Cross-Origin-Opener-Policy")) == 0 || len(list(p.Header, "Cross-Origin-Resource-Policy")) == 0 {
		h.note("headers/isolation", p, "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy")
	}
	switch fields := p.Header.Values("Permissions-Policy"); {
	case len(fields) == 0:
		h.note("headers/permissions-absent", p)
	case !dictionary.Get().MatchString(strings.Join(fields, ", ")):
		h.note("headers/permissions-invalid", p)
	}
}

// dictionary is a structured field whose values are tokens or lists in brackets; what
// is spelt as the older Feature-Policy is none.
//
// Source: RFC 9651 section 3.2; Permissions Policy section 5.2.
var dictionary = pattern.New(`^\s*(?:[a-z*][a-z0-9_.*-]*(?:=(?:\*|self|\?[01]|\([^()]*\)|"[^"]*"))?(?:;[^,"()]*)?\s*,\s*)*[a-z*][a-z0-9_.*-]*(?:=(?:\*|self|\?[01]|\([^()]*\)|"[^"]*"))?(?:;[^,"()]*)?\s*$`)

// framing: frame-ancestors of the header decides; without one X-Frame-Options does.
//
// Source: CSP Level 3 section 6.4.2.2; HTML, "X-Frame-Options".
func (h *headersJudge) framing(p check.Page, enforced []policy) {
	values := list(p.Header, "X-Frame-Options")
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) > 1 {
		h.note("headers/framing-conflict", p)
	}
	said := anyPolicy(enforced, func(p policy) bool { _, ok := p["frame-ancestors"]; return ok })
	held := anyPolicy(enforced, func(p policy) bool { l, ok := p["frame-ancestors"]; return ok && !wide(l) })
	// Several different values make browsers deny, as long as one of them is known.
	legacy := slices.Contains(values, "deny") || slices.Contains(values, "sameorigin")
	if said && !held || !said && !legacy {
		h.note("headers/framing", p, "X-Frame-Options", "Content-Security-Policy")
	}
}

// referrer: of several tokens the last that a browser knows counts.
//
// Source: Referrer Policy, section 8.1.
func (h *headersJudge) referrer(p check.Page) {
	last := ""
	for _, v := range list(p.Header, "Referrer-Policy") {
		switch v {
		case "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "origin",
			"no-referrer-when-downgrade", "origin-when-cross-origin", "unsafe-url":
			last = v
		}
	}
	switch last {
	case "":
		h.note("headers/referrer-absent", p)
	case "no-referrer-when-downgrade", "unsafe-url":
		h.note("headers/referrer-unsafe", p)
	}
}
