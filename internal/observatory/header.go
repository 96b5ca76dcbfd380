package observatory

import (
	"net/http"
	"strings"
)

// htmlTypes are looked up without a change of case: the original does not fold it.
var htmlTypes = map[string]bool{"text/html": true, "application/xhtml+xml": true}

// onceOnly are the fields of which Node's HTTP client keeps the first value.
var onceOnly = map[string]bool{
	"Age": true, "Authorization": true, "Content-Length": true, "Content-Type": true,
	"Etag": true, "Expires": true, "From": true, "Host": true, "If-Modified-Since": true,
	"If-Unmodified-Since": true, "Last-Modified": true, "Location": true,
	"Max-Forwards": true, "Proxy-Authorization": true, "Referer": true,
	"Retry-After": true, "Server": true, "User-Agent": true,
}

// Fetched returns the answer as the Observatory's own client would hand it to the tests:
// repeated fields joined with a comma or cut to the first. A live scan is
// Score(answer.Fetched(), …) with an empty Preflight.Origin.
func (a Answer) Fetched() Answer {
	a.Header = fetched(a.Header)
	if a.CORS != nil {
		a.CORS = &Preflight{Origin: a.CORS.Origin, Header: fetched(a.CORS.Header)}
	}
	return a
}

func fetched(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		key := http.CanonicalHeaderKey(name)
		switch {
		case len(values) < 2 || key == "Set-Cookie":
			out[name] = values
		case onceOnly[key]:
			out[name] = values[:1]
		default:
			out[name] = []string{strings.Join(values, ", ")}
		}
	}
	return out
}

// fields returns the values of a header cleaned as axios cleans them: control characters
// dropped, blanks at the ends trimmed.
func fields(h http.Header, name string) []string {
	raw := h.Values(name)
	if len(raw) == 0 {
		// A header that was built without the methods of http.Header.
		raw = h[strings.ToLower(name)]
	}
	values := make([]string, len(raw))
	for i, v := range raw {
		values[i] = strings.Trim(strings.Map(dropControl, v), " \t")
	}
	return values
}

func dropControl(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}

// first returns the first value of a header of the page, empty when there is none.
func (s *site) first(name string) string { return firstField(s.Header, name) }

func firstField(h http.Header, name string) string {
	if values := fields(h, name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// mime returns the media type as it is written.
func (s *site) mime() string {
	mime, _, _ := strings.Cut(s.first("Content-Type"), ";")
	return mime
}
