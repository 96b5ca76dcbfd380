package upstream

import (
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// A field is one line of a head or of trailers.
type field struct{ name, value string }

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
		if !wire.Token[c] {
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
	name, value := line[:colon], wire.Trim(line[colon+1:])
	if !wire.IsValue(value) {
		return field{}, answerError("a field's value holds a control byte")
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
	if wire.EqualFold(connection, "keep-alive") || wire.EqualFold(connection, "close") {
		return names
	}
	for one := range strings.SplitSeq(connection, ",") {
		switch one = http.CanonicalHeaderKey(wire.Trim(one)); one {
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
