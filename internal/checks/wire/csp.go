package wire

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// policy judges the enforced policies of a document: what they let happen breaks the
// practice, what could be stricter is a note. Notes on how script is allowed make sense
// only where it is restricted at all.
//
// Source: CSP Level 3; the kinds of findings are those of Google's csp_evaluator 1.1.8.
func (h *headersJudge) policy(p check.Page, all []policy) {
	if len(all) == 0 {
		h.note("headers/csp-absent", p)
		return
	}
	h.mistakes(p)
	strict := func(names ...string) func(policy) bool {
		return func(p policy) bool { l, ok := p.sources(names...); return ok && !wide(l) }
	}
	if !anyPolicy(all, strict("object-src", "default-src")) {
		h.note("headers/csp-object-src", p)
	}
	// base-uri does not fall back to default-src; a page that may run no script at all
	// has none that an injected base could lead astray.
	scriptless := func(p policy) bool {
		l, ok := p.sources("script-src-elem", "script-src", "default-src")
		return ok && (len(l) == 0 || len(l) == 1 && l[0] == "'none'")
	}
	if !anyPolicy(all, strict("base-uri")) && !anyPolicy(all, scriptless) {
		h.note("headers/csp-base-uri", p)
	}
	if !anyPolicy(all, policy.restrictsScript) {
		h.note("headers/csp-script", p)
		return
	}
	if anyPolicy(all, scriptless) {
		return
	}
	eval := func(p policy) bool {
		l, ok := p.sources("script-src", "default-src")
		return ok && !slices.Contains(l, "'unsafe-eval'")
	}
	if !anyPolicy(all, eval) {
		h.note("headers/csp-eval", p)
	}
	h.allowed(p, all)
	if !anyPolicy(all, strict("form-action")) {
		h.note("headers/csp-form-action", p)
	}
	if !anyPolicy(all, func(p policy) bool { return slices.Contains(p["require-trusted-types-for"], "'script'") }) {
		h.note("headers/csp-trusted-types", p)
	}
	reported := policies(p.Header, "Content-Security-Policy-Report-Only")
	if !anyPolicy(slices.Concat(policies(p.Header, "Content-Security-Policy"), reported), func(p policy) bool {
		return len(p["report-uri"]) > 0 || len(p["report-to"]) > 0
	}) {
		h.note("headers/csp-reporting", p)
	}
}

// allowed notes what each policy's list of scripts lets in beside the page's own. A
// source counts only when no other policy shuts it out; a policy is taken to do so when
// it restricts script and has no such source.
func (h *headersJudge) allowed(p check.Page, all []policy) {
	open := func(is func(source string) bool) (string, bool) {
		found := ""
		for _, q := range all {
			list, ok := q.sources("script-src-elem", "script-src", "default-src")
			if !ok {
				continue
			}
			i := -1
			if !slices.Contains(list, "'strict-dynamic'") {
				i = slices.IndexFunc(list, is)
			}
			if i < 0 {
				return "", false
			}
			found = list[i]
		}
		return found, found != ""
	}
	for _, kind := range []struct {
		id string
		is func(string) bool
	}{
		{"headers/csp-bypass", servesAnybody},
		{"headers/csp-hosts", func(s string) bool { return sourceHost(s) != "" }},
		{"headers/csp-blob", func(s string) bool { return s == "blob:" || s == "filesystem:" }},
		{"headers/csp-plain", func(s string) bool {
			_, err := netip.ParseAddr(sourceHost(s))
			return err == nil || strings.HasPrefix(s, "http://") && sourceHost(s) != ""
		}},
	} {
		if source, ok := open(kind.is); ok {
			h.see(kind.id, headerOf(kind.id), p, p.Evidence("Content-Security-Policy"),
				fmt.Sprintf("%s, such as %.80q", headersRules.Find(kind.id, "").Title, source))
		}
	}
}

// sourceHost is the host of a source, or nothing when the source names none. A star
// before the first dot stays.
func sourceHost(source string) string {
	if strings.HasPrefix(source, "'") || strings.HasSuffix(source, ":") || wideSource(source) {
		return ""
	}
	_, host, ok := strings.Cut(source, "://")
	if !ok {
		host = source
	}
	host, _, _ = strings.Cut(host, "/")
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// directiveNames are those that browsers know; the value says whether the sources may
// be keywords in quotes.
var directiveNames = map[string]bool{
	"default-src": true, "child-src": true, "connect-src": true, "fenced-frame-src": true, "font-src": true,
	"frame-src": true, "img-src": true, "manifest-src": true, "media-src": true, "object-src": true,
	"prefetch-src": true, "script-src": true, "script-src-attr": true, "script-src-elem": true, "style-src": true,
	"style-src-attr": true, "style-src-elem": true, "worker-src": true, "base-uri": true, "form-action": true,
	"frame-ancestors": true, "navigate-to": true,
	"sandbox": false, "report-to": false, "report-uri": false, "require-trusted-types-for": false,
	"trusted-types": false, "upgrade-insecure-requests": false, "webrtc": false,
}

// removedNames are those that browsers knew once. block-all-mixed-content does no harm.
var removedNames = map[string]bool{"plugin-types": true, "referrer": true, "reflected-xss": true, "require-sri-for": true}

var sourceKeywords = map[string]bool{
	"none": true, "self": true, "strict-dynamic": true, "report-sample": true, "inline-speculation-rules": true,
	"unsafe-inline": true, "unsafe-eval": true, "unsafe-hashes": true, "wasm-unsafe-eval": true,
	"trusted-types-eval": true, "unsafe-allow-redirects": true, "report-sha256": true, "report-sha384": true, "report-sha512": true,
}

// mistakes notes what browsers ignore in the policies of the header.
func (h *headersJudge) mistakes(p check.Page) {
	for _, field := range p.Header.Values("Content-Security-Policy") {
		for text := range strings.SplitSeq(field, ",") {
			for _, m := range policyMistakes(text) {
				h.see("headers/csp-mistake", m.directive, p, p.Evidence("Content-Security-Policy"), "the policy has a mistake: "+m.text)
			}
		}
	}
}

// A mistake is a part of a policy that browsers do not read as it was meant.
type mistake struct{ directive, text string }

// policyMistakes reads one policy, up to a few mistakes.
func policyMistakes(text string) []mistake {
	var all []mistake
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		name := strings.ToLower(words[0])
		add := func(format string, args ...any) {
			all = append(all, mistake{shorten(name), fmt.Sprintf(format, args...)})
		}
		listed, known := directiveNames[name]
		switch {
		case seen[name]:
			add("%s is given twice, and only the first counts", shorten(name))
			continue
		case removedNames[name]:
			add("%s has been removed from browsers", name)
		case !known && name != "block-all-mixed-content":
			add("%s is no directive", shorten(name))
		}
		if len(all) > maxSubjects {
			return all
		}
		seen[name] = true
		for _, source := range words[1:] {
			if why := sourceMistake(strings.ToLower(source), source, listed, len(words) == 2); why != "" {
				add("in %s %s %s", shorten(name), shorten(source), why)
			}
			if len(all) > maxSubjects {
				return all
			}
		}
	}
	return all
}

// sourceMistake says what is wrong with one word of a directive.
func sourceMistake(lower, source string, listed, alone bool) string {
	if name := strings.TrimSuffix(lower, ":"); directiveNames[name] && strings.Contains(name, "-") {
		return "is a directive's name: a semicolon is missing before it"
	}
	if !listed {
		return ""
	}
	inner := strings.Trim(lower, `'"`)
	secret := strings.HasPrefix(inner, "nonce-") || strings.HasPrefix(inner, "sha256-") || strings.HasPrefix(inner, "sha384-") || strings.HasPrefix(inner, "sha512-")
	quoted := len(lower) > 2 && strings.HasPrefix(lower, "'") && strings.HasSuffix(lower, "'")
	switch {
	case (sourceKeywords[inner] || secret) && !quoted:
		return "is read as a host's name, since its quotes are missing or wrong"
	case quoted && secret:
		_, value, _ := strings.Cut(strings.Trim(source, "'"), "-")
		if !isBase64(value) {
			return "is not base64"
		}
	case quoted && !sourceKeywords[inner]:
		return "is no keyword"
	case inner == "none" && !alone:
		return "is ignored beside other sources"
	}
	return ""
}

// isBase64 says that every character is one of base64, in either alphabet. Whether it
// can be decoded does not matter to browsers.
func isBase64(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+/-_", r)
	})
}

// shorten cuts a word of the target for a message.
func shorten(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
