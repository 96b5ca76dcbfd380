package wire

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	sixMonths = 15552000
	aYear     = 31536000
)

// transport judges Strict-Transport-Security and says why when it was not asked for.
// The target's own address decides, as the one that visitors type; the rest of the site
// is judged for being malformed and, as a note, for being without.
//
// Source: RFC 6797 sections 6.1, 7.2 and 8.1.
func (h *headersJudge) transport() string {
	const name = "Strict-Transport-Security"
	first := h.pages[0]
	if local := h.local(first); local != "" {
		for _, p := range h.pages {
			if len(p.Header.Values(name)) > 0 && p.TLS != nil {
				h.note("headers/hsts-local", p)
			}
		}
		return name + " is not asked of " + local
	}
	for i, p := range h.pages {
		fields := p.Header.Values(name)
		if len(fields) == 0 {
			if i == 0 {
				h.note("headers/hsts-absent", p)
			} else if !h.saw("headers/hsts-absent") {
				h.note("headers/hsts-partial", p)
			}
			continue
		}
		hsts, ok := parseHSTS(fields[0])
		switch {
		case !ok:
			h.note("headers/hsts-invalid", p)
		case hsts.maxAge == 0 && i == 0:
			h.note("headers/hsts-absent", p)
		case hsts.maxAge < sixMonths:
			h.note("headers/hsts-short", p)
		}
		if ok && hsts.preload && (hsts.maxAge < aYear || !hsts.subdomains) {
			h.note("headers/hsts-preload", p)
		}
	}
	return ""
}

// local says why this host must not be pinned to HTTPS, or nothing when it should be.
func (h *headersJudge) local(p check.Page) string {
	host := strings.ToLower(h.session.URL.Hostname())
	_, notIP := netip.ParseAddr(host)
	switch {
	case p.TLS == nil:
		return "plain HTTP"
	case notIP == nil:
		return "an IP address"
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test"):
		return "a local name"
	case !p.Public:
		return "a host whose certificate is not publicly trusted"
	}
	return ""
}

// strictTransport is what a Strict-Transport-Security field says.
type strictTransport struct {
	maxAge              int64
	subdomains, preload bool
}

// parseHSTS reads a field. One that repeats a directive, or has no max-age of digits,
// is ignored by browsers.
func parseHSTS(field string) (strictTransport, bool) {
	var s strictTransport
	names := make(map[string]bool)
	for part := range strings.SplitSeq(field, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if names[name] {
			return strictTransport{}, false
		}
		names[name] = true
		switch name {
		case "includesubdomains":
			s.subdomains = true
		case "preload":
			s.preload = true
		case "max-age":
			value = strings.TrimSpace(value)
			if len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			n, err := strconv.ParseUint(value, 10, 62)
			if err != nil {
				return strictTransport{}, false
			}
			s.maxAge = int64(n)
		}
	}
	return s, names["max-age"]
}
