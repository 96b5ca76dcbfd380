package wire

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// Findings of this check. Info is a note; what merely could be stricter is one.
var headersRules = check.Rules{
	{ID: "headers/nosniff", Title: "content types can be guessed: no X-Content-Type-Options: nosniff", Severity: check.Medium, CWE: 693},
	{ID: "headers/framing", Title: "other sites can frame the pages", Severity: check.Medium, CWE: 1021},
	{ID: "headers/framing-conflict", Title: "X-Frame-Options is given with different values", Severity: check.Info, CWE: 1021},
	{ID: "headers/csp-absent", Title: "documents have no enforced Content-Security-Policy", Severity: check.Medium, CWE: 693},
	{ID: "headers/csp-object-src", Title: "the policy lets plugins load from anywhere", Severity: check.Low, CWE: 693},
	{ID: "headers/csp-base-uri", Title: "the policy lets an injected base element redirect relative addresses", Severity: check.Low, CWE: 693},
	{ID: "headers/csp-script", Title: "the enforced policy does not stop injected script", Severity: check.Info, CWE: 79},
	{ID: "headers/csp-eval", Title: "the policy allows script made from strings ('unsafe-eval')", Severity: check.Info, CWE: 95},
	{ID: "headers/hsts-absent", Title: "no Strict-Transport-Security", Severity: check.Medium, CWE: 319},
	{ID: "headers/hsts-invalid", Title: "Strict-Transport-Security is malformed, so browsers ignore it", Severity: check.Medium, CWE: 319},
	{ID: "headers/hsts-short", Title: "Strict-Transport-Security holds for less than six months", Severity: check.Info, CWE: 319},
	{ID: "headers/hsts-local", Title: "Strict-Transport-Security on a local name also hits its other ports", Severity: check.Info},
	{ID: "headers/referrer-unsafe", Title: "the Referrer-Policy sends paths to other sites", Severity: check.Low, CWE: 200},
	{ID: "headers/referrer-absent", Title: "no Referrer-Policy: the browser's own default holds", Severity: check.Info, CWE: 200},
	{ID: "headers/xss-auditor", Title: "X-XSS-Protection switches on a filter that opens holes in old browsers", Severity: check.Info},
	{ID: "headers/duplicate", Title: "a security header is sent twice", Severity: check.Info},
	{ID: "headers/isolation", Title: "documents are not isolated from other origins (COOP, CORP)", Severity: check.Info},
}

var headersCheck = check.Check{
	ID: "headers", Practice: "headers", Title: "Browsers are told to defend the pages",
	Why:      "A few response headers switch on the browser's own defences against framing, sniffing and injected script.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: headersRules, Run: runHeaders,
	Bad:  "HTTP/1.1 200 OK\nContent-Type: text/html",
	Good: "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Security-Policy: default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'\nX-Content-Type-Options: nosniff\nReferrer-Policy: strict-origin-when-cross-origin",
}

func runHeaders(ctx context.Context, s *check.Session) check.Result {
	all, err := pages(ctx, s)
	// Errors of the server say nothing about what it sends when it works.
	judged := slices.DeleteFunc(all, func(x *check.Exchange) bool { return x.Status >= 500 })
	if len(judged) == 0 {
		if err == nil {
			err = fmt.Errorf("every page answered with a server error")
		}
		return check.NotProven(err.Error())
	}
	h := headersJudge{session: s, pages: judged, rules: map[string]*seen{}}
	docs := 0
	for _, x := range judged {
		h.always(x)
		if isDocument(x) {
			docs++
			h.document(x)
		}
	}
	reason := fmt.Sprintf("judged on %s, %d of them documents", answers(len(judged)), docs)
	if note := h.transport(); note != "" {
		reason += "; " + note
	}
	if docs == 0 {
		reason += ", so framing and Content-Security-Policy were not judged"
	}
	if err != nil {
		return check.NotProven(err.Error(), h.findings()...)
	}
	if !slices.ContainsFunc(judged, func(x *check.Exchange) bool { return x.Status >= 200 && x.Status < 300 }) {
		return check.NotProven("no page was served: every answer is a redirect or a refusal", h.findings()...)
	}
	return check.Conclude(reason, h.findings())
}

// headersJudge collects over all pages, one finding a rule.
type headersJudge struct {
	session *check.Session
	pages   []*check.Exchange
	rules   map[string]*seen
}

var headerOf = map[string]string{
	"headers/nosniff": "X-Content-Type-Options", "headers/framing": "X-Frame-Options",
	"headers/framing-conflict": "X-Frame-Options", "headers/csp-absent": "Content-Security-Policy",
	"headers/csp-object-src": "Content-Security-Policy", "headers/csp-base-uri": "Content-Security-Policy",
	"headers/csp-script": "Content-Security-Policy", "headers/csp-eval": "Content-Security-Policy",
	"headers/hsts-absent": "Strict-Transport-Security", "headers/hsts-invalid": "Strict-Transport-Security",
	"headers/hsts-short": "Strict-Transport-Security", "headers/hsts-local": "Strict-Transport-Security",
	"headers/referrer-unsafe": "Referrer-Policy", "headers/referrer-absent": "Referrer-Policy",
	"headers/xss-auditor": "X-XSS-Protection", "headers/isolation": "Cross-Origin-Opener-Policy",
}

func (h *headersJudge) see(id string, x *check.Exchange, names ...string) {
	if h.rules[id] == nil {
		h.rules[id] = new(seen)
	}
	if len(names) == 0 {
		names = []string{headerOf[id]}
	}
	h.rules[id].add(x.Evidence(names...))
}

func (h *headersJudge) findings() []check.Finding {
	var found []check.Finding
	for _, r := range headersRules {
		s := h.rules[r.ID]
		if s == nil {
			continue
		}
		f := headersRules.Find(r.ID, headerOf[r.ID], s.evidence...)
		found = append(found, f.Saying("%s (%d of %s)", r.Title, s.count, answers(len(h.pages))))
	}
	return found
}

// always judges what every answer should carry.
func (h *headersJudge) always(x *check.Exchange) {
	redirect := x.Status >= 300 && x.Status < 400
	// Browsers look at the first value only.
	if v := list(x.Header, "X-Content-Type-Options"); !redirect && (len(v) == 0 || v[0] != "nosniff") {
		h.see("headers/nosniff", x)
	}
	if v := list(x.Header, "X-XSS-Protection"); len(v) > 0 && !strings.HasPrefix(v[0], "0") {
		h.see("headers/xss-auditor", x)
	}
	for _, name := range []string{
		"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Strict-Transport-Security",
		"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Cross-Origin-Embedder-Policy",
	} {
		if len(x.Header.Values(name)) > 1 {
			h.see("headers/duplicate", x, name)
		}
	}
}

// document judges what only a page in a browser needs.
func (h *headersJudge) document(x *check.Exchange) {
	enforced := policies(x.Header, "Content-Security-Policy")
	h.framing(x, enforced)
	h.policy(x, append(enforced, metaPolicies(x)...))
	h.referrer(x)
	if len(list(x.Header, "Cross-Origin-Opener-Policy")) == 0 || len(list(x.Header, "Cross-Origin-Resource-Policy")) == 0 {
		h.see("headers/isolation", x, "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy")
	}
}

// framing: frame-ancestors of the header decides; without one X-Frame-Options does.
//
// Source: CSP Level 3 section 6.4.2.2; HTML, "X-Frame-Options".
func (h *headersJudge) framing(x *check.Exchange, enforced []policy) {
	values := list(x.Header, "X-Frame-Options")
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) > 1 {
		h.see("headers/framing-conflict", x)
	}
	said := anyPolicy(enforced, func(p policy) bool { _, ok := p["frame-ancestors"]; return ok })
	held := anyPolicy(enforced, func(p policy) bool { l, ok := p["frame-ancestors"]; return ok && !wide(l) })
	// Several different values make browsers deny, as long as one of them is known.
	legacy := slices.Contains(values, "deny") || slices.Contains(values, "sameorigin")
	if said && !held || !said && !legacy {
		h.see("headers/framing", x, "X-Frame-Options", "Content-Security-Policy")
	}
}

func (h *headersJudge) policy(x *check.Exchange, all []policy) {
	if len(all) == 0 {
		h.see("headers/csp-absent", x)
		return
	}
	strict := func(names ...string) func(policy) bool {
		return func(p policy) bool { l, ok := p.sources(names...); return ok && !wide(l) }
	}
	if !anyPolicy(all, strict("object-src", "default-src")) {
		h.see("headers/csp-object-src", x)
	}
	// base-uri does not fall back to default-src; a page that may run no script at all
	// has none that an injected base could lead astray.
	scriptless := func(p policy) bool {
		l, ok := p.sources("script-src-elem", "script-src", "default-src")
		return ok && (len(l) == 0 || len(l) == 1 && l[0] == "'none'")
	}
	if !anyPolicy(all, strict("base-uri")) && !anyPolicy(all, scriptless) {
		h.see("headers/csp-base-uri", x)
	}
	if !anyPolicy(all, policy.restrictsScript) {
		h.see("headers/csp-script", x)
		return
	}
	eval := func(p policy) bool {
		l, ok := p.sources("script-src", "default-src")
		return ok && !slices.Contains(l, "'unsafe-eval'")
	}
	if !anyPolicy(all, eval) {
		h.see("headers/csp-eval", x)
	}
}

// referrer: of several tokens the last that a browser knows counts.
//
// Source: Referrer Policy, section 8.1.
func (h *headersJudge) referrer(x *check.Exchange) {
	last := ""
	for _, v := range list(x.Header, "Referrer-Policy") {
		switch v {
		case "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "origin",
			"no-referrer-when-downgrade", "origin-when-cross-origin", "unsafe-url":
			last = v
		}
	}
	switch last {
	case "":
		h.see("headers/referrer-absent", x)
	case "no-referrer-when-downgrade", "unsafe-url":
		h.see("headers/referrer-unsafe", x)
	}
}

const sixMonths = 15552000

// transport judges Strict-Transport-Security, once for the host, and says why when it
// was not asked for.
//
// Source: RFC 6797 sections 6.1, 7.2 and 8.1.
func (h *headersJudge) transport() string {
	x := h.pages[0]
	fields := x.Header.Values("Strict-Transport-Security")
	if local := h.local(x); local != "" {
		if len(fields) > 0 && x.TLS != nil {
			h.see("headers/hsts-local", x)
		}
		return "Strict-Transport-Security is not asked of " + local
	}
	if len(fields) == 0 {
		h.see("headers/hsts-absent", x)
		return ""
	}
	switch age, ok := maxAge(fields[0]); {
	case !ok:
		h.see("headers/hsts-invalid", x)
	case age == 0:
		h.see("headers/hsts-absent", x)
	case age < sixMonths:
		h.see("headers/hsts-short", x)
	}
	return ""
}

// local says why this host must not be pinned to HTTPS, or nothing when it should be.
func (h *headersJudge) local(x *check.Exchange) string {
	host := strings.ToLower(h.session.URL.Hostname())
	_, notIP := netip.ParseAddr(host)
	switch {
	case x.TLS == nil:
		return "plain HTTP"
	case notIP == nil:
		return "an IP address"
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test"):
		return "a local name"
	case !x.Public:
		return "a host whose certificate is not publicly trusted"
	}
	return ""
}

// maxAge reads the max-age of a Strict-Transport-Security field. A field that repeats a
// directive, or has no max-age of digits, is ignored by browsers.
func maxAge(field string) (int64, bool) {
	age, found := int64(0), false
	names := make(map[string]bool)
	for part := range strings.SplitSeq(field, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if names[name] {
			return 0, false
		}
		names[name] = true
		if name == "max-age" {
			value = strings.TrimSpace(value)
			if len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			n, err := strconv.ParseUint(value, 10, 62)
			if err != nil {
				return 0, false
			}
			age, found = int64(n), true
		}
	}
	return age, found
}
