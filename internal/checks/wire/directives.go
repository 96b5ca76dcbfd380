package wire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A policy is one Content-Security-Policy, by directive. Names and sources are in lower
// case; of a directive given twice the first counts, as in browsers.
//
// Source: Content Security Policy Level 3, sections 2.2.1 and 2.2.2.
type policy map[string][]string

// policies reads the enforced or reported policies of an answer: every field, and
// within a field every part between commas, is a policy of its own.
func policies(h http.Header, name string) []policy {
	var all []policy
	for _, field := range h.Values(name) {
		for text := range strings.SplitSeq(field, ",") {
			if p := parsePolicy(text); len(p) > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

func parsePolicy(text string) policy {
	p := make(policy)
	for directive := range strings.SplitSeq(text, ";") {
		words := strings.Fields(strings.ToLower(directive))
		if len(words) == 0 {
			continue
		}
		if _, twice := p[words[0]]; !twice {
			p[words[0]] = words[1:]
		}
	}
	return p
}

var (
	metaTag  = pattern.New(`(?is)<meta\s[^>]*>`)
	metaCSP  = pattern.New(`(?i)http-equiv\s*=\s*["']?content-security-policy["'\s/>]`)
	metaText = pattern.New(`(?is)\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// metaPolicyTexts returns the policies that a page gives itself, as they are spelt.
func metaPolicyTexts(x *check.Exchange) []string {
	var all []string
	for _, tag := range metaTag.Get().FindAll(head(x), 100) {
		if !metaCSP.Get().Match(tag) {
			continue
		}
		if m := metaText.Get().FindSubmatch(tag); m != nil {
			all = append(all, strings.ReplaceAll(string(m[1])+string(m[2]), "&#39;", "'"))
		}
	}
	return all
}

// metaPolicies reads the policies a page gives itself. Browsers ignore three
// directives there.
func metaPolicies(x *check.Exchange) []policy {
	var all []policy
	for _, text := range metaPolicyTexts(x) {
		p := parsePolicy(text)
		for _, ignored := range []string{"frame-ancestors", "report-uri", "sandbox"} {
			delete(p, ignored)
		}
		if len(p) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// sources returns the list of the first directive that is there.
func (p policy) sources(names ...string) ([]string, bool) {
	for _, name := range names {
		if list, ok := p[name]; ok {
			return list, true
		}
	}
	return nil, false
}

// wide says that the list lets in everybody.
func wide(list []string) bool { return slices.ContainsFunc(list, wideSource) }

// wideSource says that a source names no host: a scheme, or a star in a host's place.
func wideSource(s string) bool {
	switch s {
	case "http:", "https:", "data:", "ftp:":
		return true
	}
	_, host, ok := strings.Cut(s, "://")
	if !ok {
		host = s
	}
	return host == "*" || strings.HasPrefix(host, "*:") || strings.HasPrefix(host, "*/")
}

// keyed says that the list allows script by nonce or hash; then 'unsafe-inline' is void.
func keyed(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		return strings.HasPrefix(s, "'nonce-") || strings.HasPrefix(s, "'sha256-") ||
			strings.HasPrefix(s, "'sha384-") || strings.HasPrefix(s, "'sha512-")
	})
}

// restrictsScript says that the policy stops script that an attacker puts into a page:
// as an element, or as an attribute such as onerror.
//
// Source: CSP Level 3 sections 6.7.3.2 and 6.8.
func (p policy) restrictsScript() bool {
	if flags, ok := p["sandbox"]; ok && !slices.Contains(flags, "allow-scripts") {
		return true
	}
	attributes, ok := p.sources("script-src-attr", "script-src", "default-src")
	if !ok || slices.Contains(attributes, "'unsafe-inline'") && !keyed(attributes) && !slices.Contains(attributes, "'strict-dynamic'") {
		return false
	}
	list, ok := p.sources("script-src-elem", "script-src", "default-src")
	if !ok {
		return false
	}
	if slices.Contains(list, "'strict-dynamic'") {
		return !slices.Contains(list, "data:")
	}
	return !wide(list) && (keyed(list) || !slices.Contains(list, "'unsafe-inline'"))
}

// anyPolicy says whether one of the policies holds: browsers apply them all.
func anyPolicy(all []policy, holds func(policy) bool) bool { return slices.ContainsFunc(all, holds) }

// list splits a header's fields at commas, as browsers join them.
func list(h http.Header, name string) []string {
	var all []string
	for _, field := range h.Values(name) {
		for value := range strings.SplitSeq(field, ",") {
			all = append(all, strings.ToLower(strings.TrimSpace(value)))
		}
	}
	return all
}

// appendOnce appends what is not in the list yet.
func appendOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
