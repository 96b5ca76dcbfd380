package observatory

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// registrable returns the domain that a host was registered under, such as example.co.uk,
// and "" where there is none: for addresses, for suffixes themselves and for what is no
// host name. Rules of private registries, such as github.io, count only if asked for.
func registrable(host string, private bool) string {
	if isIP(host) || !validHostname(host) {
		return ""
	}
	if !isASCII(host) {
		// The list has Punycode; the answer keeps the spelling of the host.
		labels := strings.Split(host, ".")
		domain := registrable(toPunycode(host), private)
		if domain == "" {
			return ""
		}
		return strings.Join(labels[max(0, len(labels)-1-strings.Count(domain, ".")):], ".")
	}
	suffix := publicSuffix(host, private)
	bare := strings.TrimLeft(host, ".")
	if len(suffix) >= len(bare) {
		return ""
	}
	rest := strings.TrimSuffix(bare[:len(bare)-len(suffix)], ".")
	return bare[strings.LastIndexByte(rest, '.')+1:]
}

func publicSuffix(host string, private bool) string {
	suffix, icann := publicsuffix.PublicSuffix(host)
	for !private && !icann {
		// A public rule that matches is shorter than the private one that did.
		_, parent, ok := strings.Cut(suffix, ".")
		if !ok {
			break
		}
		suffix, icann = publicsuffix.PublicSuffix(parent)
	}
	return suffix
}

// siteOf returns the registrable domain of a host or of an address with http or https.
func siteOf(s string) string {
	if !validHostname(s) {
		s = hostIn(s)
	}
	return registrable(trimDots(s), false)
}

// hostIn finds the host as tldts does, which is blind to what makes an address invalid.
func hostIn(s string) string {
	s = dropBreaks.Replace(strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }))
	if scheme, rest, ok := cutScheme(s); ok && specialScheme[scheme] {
		s = strings.TrimLeft(rest, `/\`)
	}
	if i := strings.IndexAny(s, `/?#\`); i >= 0 {
		s = s[:i]
	}
	s = s[strings.LastIndexByte(s, '@')+1:]
	if strings.HasPrefix(s, "[") {
		i := strings.LastIndexByte(s, ']')
		return lower(s[1:max(i, 1)])
	}
	if i := strings.IndexByte(s, ':'); i > 0 && i == strings.LastIndexByte(s, ':') {
		s = s[:i]
	}
	return lower(s)
}

func trimDots(s string) string {
	for len(s) > 1 && s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// isIP is the guess of tldts, which takes 999.1.1.1 for an address.
func isIP(host string) bool { return looksLikeIPv6(host) || looksLikeIPv4(host) }

func looksLikeIPv4(host string) bool {
	if len(host) < len("1.1.1.1") || len(host) > len("255.255.255.255") {
		return false
	}
	return strings.Trim(host, "0123456789.") == "" && strings.Count(host, ".") == 3 &&
		host[0] != '.' && host[len(host)-1] != '.'
}

func looksLikeIPv6(host string) bool {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return len(host) <= 39 && strings.Contains(host, ":") &&
		strings.Trim(host, "0123456789abcdefABCDEF:") == ""
}

// validHostname reports whether s is a host name to tldts: labels of letters, digits,
// hyphens inside, underscores, and anything that is not ASCII.
func validHostname(s string) bool {
	if s == "" || len(s) > 3*255 || !shorter(s, 256) || s[0] == '-' {
		return false
	}
	previous, length := rune(-1), 0
	for _, r := range s {
		switch {
		case r == '.':
			if length > 63 || previous == '.' || previous == '-' {
				return false
			}
			length = -1
		case r == '-':
			if previous == '.' {
				return false
			}
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '_', r > 0x7f:
		default:
			return false
		}
		previous = r
		length++
	}
	return length <= 63 && previous != '-'
}
