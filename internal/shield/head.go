package shield

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/sanity"
)

// atHead tests what the head of a request holds in the places of c.
func (c *condition) atHead(r *http.Request) bool {
	return c.in&inHeader != 0 && c.inHeaders(r) || c.in&inQuery != 0 && c.query(r.URL.RawQuery) ||
		c.in&inCookie != 0 && c.inCookies(r) || c.in&(inPath|inSegment) != 0 && c.inPaths(r)
}

func (c *condition) inHeaders(r *http.Request) bool {
	n := 0
	test := func(value string) bool {
		if c.asksValue() && !c.value(value) {
			return false
		}
		return c.count(&n)
	}
	switch c.header {
	case "":
		for _, values := range r.Header {
			for _, v := range values {
				if test(v) {
					return true
				}
			}
		}
		return false
	case "Host": // net/http keeps it apart
		return test(r.Host)
	case "Transfer-Encoding": // as it does with this
		return len(r.TransferEncoding) > 0 && test(strings.Join(r.TransferEncoding, ", "))
	case "Content-Length":
		if r.Header["Content-Length"] == nil && r.ContentLength > 0 {
			return test(strconv.FormatInt(r.ContentLength, 10))
		}
	}
	lines := r.Header[c.header]
	for _, v := range lines {
		if test(v) {
			return true
		}
	}
	if len(lines) < 2 || c.more > 0 || !c.asksValue() {
		return false
	}
	separator := ", " // Node.js makes one value of several lines
	if c.header == "Cookie" {
		separator = "; "
	}
	return test(strings.Join(lines, separator))
}

// inCookies reads cookies as the cookie packages of npm do: a value may be quoted and
// escaped.
func (c *condition) inCookies(r *http.Request) bool {
	n := 0
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(pair, "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			if name == "" && value == "" || c.cookie != nil && !c.cookie.match(name) {
				continue
			}
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if (!c.asksValue() || c.value(value)) && c.count(&n) {
				return true
			}
		}
	}
	return false
}

// inPaths tests the path as it is on the wire, and as servers may read it. One that is too
// long to be read in every way holds.
func (c *condition) inPaths(r *http.Request) bool {
	raw := r.URL.RawPath
	if raw == "" {
		raw = r.URL.Path
	}
	if c.path(raw) {
		return true
	}
	if c.matches == nil && c.unlike == nil {
		return false // nothing is longer than what is on the wire
	}
	if _, clear := sanity.CleanPath(r.URL); clear {
		return raw != r.URL.Path && c.path(r.URL.Path)
	}
	return c.inReadings(r.URL)
}

// inReadings is apart from inPaths, which most requests do not leave to here.
func (c *condition) inReadings(u *url.URL) bool {
	all, complete := sanity.Readings(u)
	if !complete {
		return true
	}
	for reading := range all {
		if c.path(reading) {
			return true
		}
	}
	return false
}

// path tests one reading of the path.
func (c *condition) path(text string) bool {
	if c.in&inSegment == 0 {
		return len(text) > c.longer && c.expressions(text)
	}
	n := 0
	for text != "" {
		var segment string
		segment, text, _ = strings.Cut(text, "/")
		if segment != "" && len(segment) > c.longer && c.expressions(segment) && c.count(&n) {
			return true
		}
	}
	return false
}

func (c *condition) expressions(text string) bool {
	return (c.matches == nil || c.matches.MatchString(text)) && (c.unlike == nil || !c.unlike.MatchString(text))
}
