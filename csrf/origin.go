package csrf

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
)

// Relations of an origin to the request's own.
type relation uint8

const (
	foreign relation = iota
	own
	downgraded // the same host, over http, while the request came over https
)

// relate compares an origin, as a browser sends it, with the scheme and host that a
// request was sent to. It allocates nothing.
//
// Scheme and host are compared without regard to case, and a scheme's own port is as good
// as none. An origin of https is taken for the own one where the request seems to have
// come over http: a proxy that ends TLS and says nothing about it is common, and a page
// of https is no weaker than the app.
func relate(origin, scheme, host string) relation {
	name, rest, ok := strings.Cut(origin, "://")
	if !ok || host == "" {
		return foreign
	}
	secure := len(name) == 5 && equalFold(name, "https")
	if !secure && !(len(name) == 4 && equalFold(name, "http")) {
		return foreign
	}
	if !equalFold(withoutPort(rest, secure), withoutPort(host, secure)) || !authority(rest) {
		return foreign
	}
	if !secure && scheme == "https" {
		return downgraded
	}
	return own
}

// withoutPort takes off the scheme's own port.
func withoutPort(host string, secure bool) string {
	port := ":80"
	if secure {
		port = ":443"
	}
	return strings.TrimSuffix(host, port)
}

// authority tells whether s may be a host and port: what holds a path, a user or a blank
// equals a Host only where that is as strange.
func authority(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '?' || c == '#' || c == '\\' || c == ','
	}) < 0
}

// equalFold is strings.EqualFold for ASCII: "K" is no Kelvin sign.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}

// originOf is the part of a Referer that an Origin would have: all before the path. It is
// empty where there is none.
func originOf(referer string) string {
	i := strings.Index(referer, "://")
	if i < 0 {
		return ""
	}
	if end := strings.IndexAny(referer[i+3:], "/?#"); end >= 0 {
		return referer[:i+3+end]
	}
	return referer
}

// lintOrigins notes each of list that no browser can send, or that is there twice or in
// before, and returns a warning for each that is worth one.
func lintOrigins(field string, list, before []string, p *guard.Problems) (warnings []string) {
	seen := map[string]bool{}
	for _, o := range before {
		seen[o] = true
	}
	for i, o := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		clean, why := CleanOrigin(o)
		switch {
		case clean == "":
			p.Add(at, o, `an origin such as "https://app.example"`, why)
		case clean != o:
			p.Add(at, o, "spelled as browsers do", "write "+clean)
		case seen[o]:
			p.Add(at, o, "listed once", "it is trusted already")
		case strings.HasPrefix(o, "http://") && !local(o):
			warnings = append(warnings, o+" is trusted without TLS: whoever is on the way can write its pages")
		}
		seen[o] = true
	}
	return warnings
}

// local tells an origin of this machine.
func local(origin string) bool {
	name, _, _ := clientip.SplitHost(strings.TrimPrefix(origin, "http://"))
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && addr.IsLoopback()
}

// CleanOrigin returns the origin of s as a browser sends it in Origin: lower case, with a
// port only where it is not the scheme's own, and nothing else. Where s is not such an
// origin and none can be made of it, the origin is empty, and why says the reason.
//
// Source: RFC 6454 section 6.2; URL Standard section 4.6 (origin serialization).
func CleanOrigin(s string) (origin, why string) {
	if s == "null" {
		return "", "null is every sandbox and every redirect, from anywhere"
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		if u, err := url.Parse("https://" + s); err == nil && u.Host != "" {
			if clean, _ := CleanOrigin("https://" + u.Host); clean != "" {
				return "", "the scheme is missing; write " + clean
			}
		}
		return "", "the scheme is missing"
	}
	scheme = strings.ToLower(scheme)
	if scheme == "" || scheme[0] < 'a' || scheme[0] > 'z' || strings.IndexFunc(scheme, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.'
	}) >= 0 {
		return "", "the scheme is malformed"
	}
	switch scheme {
	case "ws":
		return "", "pages that open a WebSocket have an origin of http"
	case "wss":
		return "", "pages that open a WebSocket have an origin of https"
	case "file", "data", "about", "blob", "javascript", "ftp":
		return "", "pages of " + scheme + ": have no origin that could be told apart"
	}
	if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if strings.Contains(rest, "*") {
		return "", "there are no wildcards: list each origin, since whoever gets any one subdomain could send"
	}
	name, port, ok := clientip.SplitHost(rest)
	if !ok {
		for _, c := range rest {
			if c > 0x7f {
				return "", "write an international name as its A-labels (xn--…)"
			}
		}
		if digits := strings.TrimLeft(rest[strings.LastIndexByte(rest, ':')+1:], "0"); digits != "" && strings.Contains(rest, ":0") {
			return CleanOrigin(scheme + "://" + rest[:strings.LastIndexByte(rest, ':')+1] + digits)
		}
		return "", "the host is missing or malformed"
	}
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "[") {
		addr, err := netip.ParseAddr(name[1 : len(name)-1])
		if err != nil {
			return "", "the address is malformed"
		}
		name = "[" + addr.String() + "]"
		if addr.Is4In6() { // browsers write no dots here
			b := addr.As16()
			name = fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
		}
	} else if label := name[strings.LastIndexByte(strings.TrimSuffix(name, "."), '.')+1:]; numeric(strings.TrimSuffix(label, ".")) {
		// Browsers read such a name as an address, in whatever form.
		if addr, err := netip.ParseAddr(name); err != nil || !addr.Is4() {
			return "", "write the address as four numbers"
		}
	}
	if port == "" || port == "443" && scheme == "https" || port == "80" && scheme == "http" {
		return scheme + "://" + name, ""
	}
	return scheme + "://" + name + ":" + port, ""
}

// numeric tells a label that makes a browser read a host as an IPv4 address.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}
