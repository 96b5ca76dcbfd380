package sanity

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// A Route is a compiled pattern "METHOD /path". Without a method it stands for all; a
// path that ends in "/" stands for everything below it and "/" for everything; another
// stands for itself. It is made by [ParseRoute].
type Route struct {
	method  string
	decoded string // as in url.URL.Path
	escaped string // as net/url writes it
}

// ParseRoute compiles a pattern such as "POST /login", "/webhooks/" or "GET /käse".
// The path may be written plain or encoded. Its error is a *[guard.OptionError]. There
// are no wildcards: "*", "{", "}", "?" and "#" are refused, and so is an ambiguous path.
func ParseRoute(pattern string) (Route, error) {
	wrong := func(hint string) (Route, error) {
		return Route{}, &guard.OptionError{Package: "sanity", Field: "route", Value: pattern,
			Allowed: `"METHOD /path" or "/path", with "/" at the end for everything below`, Hint: hint}
	}
	method, text, found := strings.Cut(strings.TrimSpace(pattern), " ")
	if !found || strings.HasPrefix(method, "/") {
		method, text = "", strings.TrimSpace(pattern)
	}
	text = strings.TrimSpace(text)
	if found && method != "" && (method != strings.ToUpper(method) || checkMethod(method) != nil) {
		return wrong("write the method in upper case, such as POST")
	}
	if !strings.HasPrefix(text, "/") {
		return wrong("let the path begin with /")
	}
	if strings.ContainsAny(text, "*{}?#") {
		return wrong("write the path without wildcards and query")
	}
	decoded, err := url.PathUnescape(text)
	if err != nil {
		return wrong("write % as %25")
	}
	r := Route{method: method, decoded: decoded, escaped: (&url.URL{Path: decoded}).EscapedPath()}
	if Ambiguous(text) || Ambiguous(r.escaped) || strings.Contains(r.escaped, "%25") {
		return wrong("servers disagree on what this path names; write the plain path")
	}
	return r, nil
}

// String returns the pattern, its path encoded.
func (t Route) String() string {
	if t.method == "" {
		return t.escaped
	}
	return t.method + " " + t.escaped
}

// Match tells whether r surely is a request for this route, so that it may be exempted
// from something: the method is the same (GET stands for HEAD too), the path is not
// ambiguous, and what is on the wire begins with the pattern byte for byte. A path in
// another case, or with encoded letters within the pattern, does not match, as servers
// disagree on these.
func (t Route) Match(r *http.Request) bool {
	u := r.URL
	return t.decoded != "" && t.allows(r.Method) && within(u.Path, t.decoded) &&
		(u.RawPath == "" || within(u.RawPath, t.escaped)) && !ambiguousURL(u)
}

func (t Route) allows(method string) bool {
	return t.method == "" || t.method == method || t.method == http.MethodGet && method == http.MethodHead
}

func within(p, pattern string) bool {
	if pattern[len(pattern)-1] == '/' {
		return strings.HasPrefix(p, pattern)
	}
	return p == pattern
}

// MayReach tells whether some server would take r for this route, so that a protection
// must hold for it: it compares without case and trailing slash, and reads an ambiguous
// path in every way it knows: decoded up to three times, with backslashes as slashes,
// without ";" parameters, with slashes merged, with dots resolved or not. What Match
// takes, MayReach takes too.
func (t Route) MayReach(r *http.Request) bool {
	if t.decoded == "" || !t.allows(r.Method) {
		return false
	}
	u := r.URL
	if t.reaches(u.Path) {
		return true
	}
	if u.RawPath == "" && ordinary(u.Path) {
		return false
	}
	raw := u.RawPath
	if raw == "" {
		raw = u.EscapedPath()
	}
	if len(raw) > maxOdd {
		return true // not worth the work of ruling it out
	}
	for range 4 {
		if t.reachesOddly(raw) {
			return true
		}
		next := decodeOnce(raw)
		if next == raw {
			return false
		}
		raw = next
	}
	return false
}

// maxOdd bounds the work for one odd path.
const maxOdd = 4096

// reaches compares as the most lenient routers do.
func (t Route) reaches(p string) bool {
	pattern := strings.TrimSuffix(t.decoded, "/")
	if len(pattern) == len(t.decoded) {
		return strings.EqualFold(strings.TrimSuffix(p, "/"), pattern)
	}
	return foldPrefix(p, pattern)
}

// foldPrefix tells whether p is pattern or below it. Folding may change the length of
// a text, so it goes by segments.
func foldPrefix(p, pattern string) bool {
	for i := 0; i <= len(p); i++ {
		if (i == len(p) || p[i] == '/') && strings.EqualFold(p[:i], pattern) {
			return true
		}
	}
	return false
}

// reachesOddly tries the readings of a text that are not decoding.
func (t Route) reachesOddly(p string) bool {
	for way := range 8 {
		q := p
		if way&1 != 0 {
			q = strings.ReplaceAll(q, `\`, "/")
		}
		if way&2 != 0 {
			q = withoutParams(q)
		}
		if t.reaches(q) {
			return true
		}
		if way&4 != 0 {
			if t.reaches(path.Clean("/" + q)) {
				return true
			}
		} else if t.reaches(mergeSlashes(q)) {
			return true
		}
	}
	return false
}

// withoutParams cuts each segment at ";".
func withoutParams(p string) string {
	if strings.IndexByte(p, ';') < 0 {
		return p
	}
	var b strings.Builder
	keep := true
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case ';':
			keep = false
		case '/':
			keep = true
		}
		if keep {
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

func mergeSlashes(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// decodeOnce decodes what is well formed and leaves the rest.
func decodeOnce(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			b.WriteByte(unHex(p[i+1])<<4 | unHex(p[i+2]))
			i += 2
			continue
		}
		b.WriteByte(p[i])
	}
	return b.String()
}
