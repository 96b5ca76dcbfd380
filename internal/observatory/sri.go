package observatory

import (
	"slices"
	"strings"
)

// The results of subresource-integrity that compete, best first: a worse one replaces a
// better one.
var integrityOrder = []string{
	sriAllSecure, sriExternalSecure, sriExternalInsecure, sriNoneExternalSecure, sriNoneExternalInsecure,
}

func integrityTest(s *site) Test {
	if !s.readable() {
		return s.test(testIntegrity, sriNotHTML, true)
	}
	if len(s.page.scripts) == 0 {
		return s.test(testIntegrity, sriNoScripts, true)
	}
	result, foreign := "", false
	own := siteOf(s.Hostname)
	for _, script := range s.page.scripts {
		if script.src == "" {
			continue
		}
		from := s.originOf(script.src, own)
		foreign = foreign || !from.own
		switch {
		case from.own:
			if script.integrity != "" && from.secure && result == "" {
				result = sriAllSecure
			}
		case script.integrity != "" && !from.secure:
			result = worse(sriExternalInsecure, result, integrityOrder)
		case script.integrity == "" && from.secure:
			result = worse(sriNoneExternalSecure, result, integrityOrder)
		case script.integrity == "":
			result = worse(sriNoneExternalInsecure, result, integrityOrder)
		}
	}
	switch {
	case result != "":
	case foreign:
		result = sriExternalSecure
	default:
		result = sriNoneOwnOrigin
	}
	pass := result == sriAllSecure || result == sriExternalSecure || result == sriNoneOwnOrigin
	return s.test(testIntegrity, result, pass)
}

// scriptOrigin says where a script comes from.
type scriptOrigin struct {
	// own: relative, or from a host of the same registrable domain.
	own bool
	// secure: over HTTPS for certain. An address that begins with // is not.
	secure bool
}

func (s *site) originOf(src, own string) scriptOrigin {
	switch {
	case len(src) > 2 && src[:2] == "//" && src[2] != '/':
		return scriptOrigin{}
	case strings.HasPrefix(src, "https://"), strings.HasPrefix(src, "http://"):
		// Two hosts without a registrable domain, such as addresses, count as one site.
		return scriptOrigin{own: siteOf(src) == own, secure: strings.HasPrefix(src, "https:")}
	}
	return scriptOrigin{own: true, secure: s.final.scheme == "https"}
}

// worse returns the result that stands later in the order; an empty old one loses.
func worse(result, old string, order []string) string {
	if old == "" || slices.Index(order, result) > slices.Index(order, old) {
		return result
	}
	return old
}
