package observatory

import (
	"net/http"
	"strings"
)

// tooBroad are the sources that let in nearly everything.
var tooBroad = []string{"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}

// cspVerdict is the test with what X-Frame-Options wants to know of the policy.
type cspVerdict struct {
	test           Test
	frameAncestors bool
}

func cspTest(s *site) cspVerdict {
	invalid := cspVerdict{test: s.test(testCSP, cspInvalid, false)}
	inHeader := s.policyList(fields(s.Header, "Content-Security-Policy"))
	inMeta := s.policyList(s.page.policies)
	all, err := parsePolicies(append(inHeader[:len(inHeader):len(inHeader)], inMeta...))
	if err != nil {
		return invalid
	}
	// Neither can be broken when both together are not, but each has its own count: a
	// policy of which a meta element may say nothing is none.
	headerOnly, _ := parsePolicies(inHeader)
	metaOnly, _ := parseMetaPolicies(inMeta)
	if len(headerOnly)+len(metaOnly) == 0 {
		if reportsOnly(s.Header) {
			return cspVerdict{test: s.test(testCSP, cspReportOnly, false)}
		}
		return cspVerdict{test: s.test(testCSP, cspNone, false)}
	}
	result := judgePolicies(all, s.final.scheme == "https")
	pass := cspPasses[result]
	if pass && all[repeatedDirective] != nil {
		result = cspRepeated
	}
	return cspVerdict{test: s.test(testCSP, result, pass), frameAncestors: all["frame-ancestors"] != nil}
}

// policyList returns the policies of some fields. Algorithm 4 takes a field for one
// policy, also when the client has joined two.
func (s *site) policyList(values []string) []string {
	if s.version == V4 {
		return values
	}
	var list []string
	for _, v := range values {
		list = append(list, strings.Split(v, ",")...)
	}
	return list
}

// reportsOnly reports whether there is a policy that only reports. Two fields are one
// even when they are empty.
func reportsOnly(h http.Header) bool {
	values := fields(h, "Content-Security-Policy-Report-Only")
	return len(values) > 1 || len(values) == 1 && values[0] != ""
}

var cspPasses = map[string]bool{
	cspNoUnsafe: true, cspNoneByDefault: true, cspInlineStyle: true, cspInsecurePassive: true,
}

// judgePolicies finds the first fault, worst first. A directive that falls back on
// default-src shares its sources: what is ignored in one is gone from the other.
func judgePolicies(p policies, https bool) string {
	everything := func() sourceSet { return sourceSet{"*": true} }
	fallback := func(name string) sourceSet {
		switch {
		case p[name] != nil:
			return p[name]
		case p["default-src"] != nil:
			return p["default-src"]
		}
		return everything()
	}
	object, script, style := fallback("object-src"), fallback("script-src"), fallback("style-src")
	for _, list := range []sourceSet{script, style} {
		if list.hasNonceOrHash() {
			delete(list, "'unsafe-inline'")
		}
	}
	if script["'strict-dynamic'"] {
		if !script.hasNonceOrHash() {
			return cspInvalid
		}
		script.dropIgnoredByStrictDynamic()
	}
	switch {
	case script.anyTooBroad() || script.allowsInline() || object.anyTooBroad():
		return cspInline
	case https && (p.activeInsecure() || script.anyInsecure()):
		return cspInsecure
	case script["'unsafe-eval'"] || style["'unsafe-eval'"]:
		return cspEval
	case https && p.passiveInsecure():
		return cspInsecurePassive
	case style.anyTooBroad() || style.allowsInline():
		return cspInlineStyle
	case len(p["default-src"]) == 1 && p["default-src"]["'none'"]:
		return cspNoneByDefault
	}
	return cspNoUnsafe
}

func (s sourceSet) hasNonceOrHash() bool {
	for source := range s {
		for _, prefix := range [...]string{"'sha256-", "'sha384-", "'sha512-", "'nonce-"} {
			if strings.HasPrefix(source, prefix) {
				return true
			}
		}
	}
	return false
}

func (s sourceSet) dropIgnoredByStrictDynamic() {
	for source := range s {
		ignored := source == "'self'" || source == "'unsafe-inline'"
		for _, broad := range tooBroad {
			ignored = ignored || strings.HasPrefix(source, broad)
		}
		if ignored {
			delete(s, source)
		}
	}
}

func (s sourceSet) anyTooBroad() bool {
	for _, broad := range tooBroad {
		if s[broad] {
			return true
		}
	}
	return false
}

func (s sourceSet) allowsInline() bool { return s["'unsafe-inline'"] || s["data:"] }

func (s sourceSet) anyInsecure() bool {
	for source := range s {
		if strings.HasPrefix(source, "http:") || strings.HasPrefix(source, "ftp:") {
			return true
		}
	}
	return false
}

// activeInsecure looks at every directive but those for images and media. Reporting
// addresses are no sources, and count all the same.
func (p policies) activeInsecure() bool {
	for name, sources := range p {
		if name != "img-src" && name != "media-src" && name != "script-src" && sources.anyInsecure() {
			return true
		}
	}
	return false
}

func (p policies) passiveInsecure() bool {
	for _, name := range [...]string{"img-src", "media-src"} {
		sources := p[name]
		if sources == nil {
			sources = p["default-src"]
		}
		if sources.anyInsecure() {
			return true
		}
	}
	return false
}
