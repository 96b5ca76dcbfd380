package upstream

import (
	"net/http"
	"slices"
	"strings"
)

// A field is one line of a head or of trailers.
type field struct{ name, value string }

// class says what a byte may be part of.
var class = func() (t [256]byte) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= inValue
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] |= inToken
	}
	return t
}()

const (
	inToken byte = 1 << iota // RFC 9110 section 5.6.2
	inValue                  // RFC 9110 section 5.5, obs-text included
)

func isToken(s string) bool {
	for i := range len(s) {
		if class[s[i]]&inToken == 0 {
			return false
		}
	}
	return s != ""
}

// usual are the spellings of names that applications use, and ours.
var usual = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{"ETag", "WWW-Authenticate", "X-XSS-Protection", "X-DNS-Prefetch-Control", "X-UA-Compatible", "X-Request-ID"} {
		m[name] = http.CanonicalHeaderKey(name)
	}
	for _, name := range []string{
		"Accept-Ranges", "Access-Control-Allow-Credentials", "Access-Control-Allow-Origin", "Age", "Cache-Control", "Connection",
		"Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Security-Policy", "Content-Type",
		"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Date", "Etag", "Expires", "Grpc-Message", "Grpc-Status",
		"Keep-Alive", "Last-Modified", "Link", "Location", "Origin-Agent-Cluster", "Pragma", "Referrer-Policy", "Server", "Set-Cookie",
		"Strict-Transport-Security", "Trailer", "Transfer-Encoding", "Upgrade", "Vary", "X-Content-Type-Options",
		"X-Download-Options", "X-Frame-Options", "X-Permitted-Cross-Domain-Policies", "X-Powered-By", "X-Request-Id",
	} {
		m[strings.ToLower(name)] = name
	}
	return m
}()

// parseField reads one line without its CRLF. Folded lines (obs-fold), a space before the
// colon and control bytes are refused: two readers could see two answers.
//
// Source: RFC 9112 section 5.
func parseField(line string) (field, error) {
	if line == "" || line[0] == ' ' || line[0] == '\t' {
		return field{}, answerError("a field is folded over lines")
	}
	colon, upper, canonical := 0, true, true
	for ; colon < len(line) && line[colon] != ':'; colon++ {
		c := line[colon]
		if class[c]&inToken == 0 {
			return field{}, answerError("a field's name is no token")
		}
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' {
			canonical = false
		}
		upper = c == '-'
	}
	if colon == 0 || colon == len(line) {
		return field{}, answerError("a field has no name")
	}
	name, value := line[:colon], trim(line[colon+1:])
	for i := range len(value) {
		if class[value[i]]&inValue == 0 {
			return field{}, answerError("a field's value holds a control byte")
		}
	}
	if !canonical {
		if known, ok := usual[name]; ok {
			name = known
		} else {
			name = http.CanonicalHeaderKey(name)
		}
	}
	return field{name, value}, nil
}

// trim takes spaces and tabs off both ends.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// hasToken tells whether one of the lists in values holds token, in any case.
func hasToken(values []string, token string) bool {
	for _, list := range values {
		if strings.EqualFold(list, token) {
			return true
		}
		for one := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(trim(one), token) {
				return true
			}
		}
	}
	return false
}

// hop tells the fields that are between two neighbours and go no further.
//
// Source: RFC 9110 section 7.6.1, and RFC 2616 section 13.5.1 for old senders.
func hop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "Te", "Upgrade",
		"Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization":
		return true
	}
	return false
}

// named appends the fields that Connection names, which go no further either. Whoever asks
// listed sorts them first: a peer may name very many.
func named(names []string, connection string) []string {
	if strings.EqualFold(connection, "keep-alive") || strings.EqualFold(connection, "close") {
		return names
	}
	for one := range strings.SplitSeq(connection, ",") {
		switch one = http.CanonicalHeaderKey(trim(one)); one {
		case "", "Keep-Alive", "Close", "Upgrade":
		default:
			names = append(names, one)
		}
	}
	return names
}

func listed(sorted []string, name string) bool {
	if len(sorted) == 0 {
		return false
	}
	_, found := slices.BinarySearch(sorted, name)
	return found
}
