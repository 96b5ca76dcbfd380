package sanity

import (
	"net/http"
	"strings"
)

// offersH2C tells whether the request offers to go on in HTTP/2 without TLS. A server
// behind that accepts would speak past every guard from then on.
func offersH2C(h http.Header) bool {
	if _, ok := h["Http2-Settings"]; ok {
		return true
	}
	upgrade, ok := h["Upgrade"]
	return ok && hasToken(upgrade, "h2c")
}

// dropH2C takes the offer out and leaves others, such as websocket.
func dropH2C(h http.Header) {
	delete(h, "Http2-Settings")
	dropToken(h, "Connection", "HTTP2-Settings")
	dropToken(h, "Upgrade", "h2c")
	if _, ok := h["Upgrade"]; !ok {
		dropToken(h, "Connection", "Upgrade")
	}
}

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// dropToken removes one token from a list header, and the header with its last.
func dropToken(h http.Header, name, token string) {
	lines, ok := h[name]
	if !ok || !hasToken(lines, token) {
		return
	}
	var kept []string
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if t = strings.Trim(t, " \t"); t != "" && !strings.EqualFold(t, token) {
				kept = append(kept, t)
			}
		}
	}
	if kept == nil {
		delete(h, name)
		return
	}
	h[name] = []string{strings.Join(kept, ", ")}
}
