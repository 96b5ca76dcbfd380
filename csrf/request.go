package csrf

import (
	"net/http"
	"net/url"
	"strings"
)

// safe tells the methods that change nothing (RFC 9110 section 9.2.1), as far as other
// sites can send them. TRACE is not among them: nobody needs it.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// overrides are headers in which a request names another method than its own. A page can
// set them for another origin only after a preflight.
var overrides = [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// Override returns the method that a request names in place of its own, in upper case: in
// X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override, or the parameter _method of
// the query. A body is not looked at: what has one is not safe anyway. It is empty where
// there is none; where there are several, the first that is not safe counts.
func Override(r *http.Request) string {
	found := ""
	named(r, func(method string) bool {
		if found == "" || safe(found) {
			found = method
		}
		return true
	})
	return found
}

// named calls f with each method that a request names in place of its own, until f returns
// false: which of several an app takes differs.
func named(r *http.Request, f func(method string) bool) {
	for _, name := range overrides {
		for _, v := range r.Header[name] {
			if v = strings.TrimSpace(v); v != "" && !f(upper(v)) {
				return
			}
		}
	}
	if r.URL == nil || r.URL.RawQuery == "" {
		return
	}
	for rest := r.URL.RawQuery; rest != ""; {
		end := strings.IndexAny(rest, "&;")
		pair := rest
		if end >= 0 {
			pair, rest = rest[:end], rest[end+1:]
		} else {
			rest = ""
		}
		name, value, _ := strings.Cut(pair, "=")
		if isMethodField(name) && value != "" && !f(upper(decoded(value))) {
			return
		}
	}
}

// isMethodField tells "_method" and "_method[…]", however they are escaped, and what PHP
// makes of others: it drops blanks before a name, takes a dot for "_", and ends it at a zero.
func isMethodField(name string) bool {
	const field = "_method"
	i := 0
	for name != "" && i < len(field) {
		c, n := name[0], 1
		if c == '%' && len(name) >= 3 {
			if hi, lo := unhex(name[1]), unhex(name[2]); hi >= 0 && lo >= 0 {
				c, n = byte(hi<<4|lo), 3
			}
		}
		name = name[n:]
		switch {
		case c == field[i], i == 0 && c == '.':
			i++
		case i > 0 || c != ' ' && c != '+':
			return false
		}
	}
	if i < len(field) {
		return false
	}
	for _, end := range [...]string{"[", "%5B", "%5b", "%00"} {
		if strings.HasPrefix(name, end) {
			return true
		}
	}
	return name == ""
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// decoded is the text of a query's value; one that is malformed names no method that is
// known, as it is.
func decoded(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		s = text
	}
	return strings.TrimSpace(s)
}

// upper returns methods that are known without making a string.
func upper(method string) string {
	for _, known := range [...]string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
		if equalFold(method, known) {
			return known
		}
	}
	return strings.ToUpper(method)
}

// Upgrade tells whether a request asks for another protocol on its connection, as a
// WebSocket does over HTTP/1.1.
func Upgrade(r *http.Request) bool {
	for _, v := range r.Header["Upgrade"] {
		// "h2c" is still HTTP, and each of its requests is looked at.
		if v = strings.TrimSpace(v); v != "" && !equalFold(v, "h2c") {
			return true
		}
	}
	return false
}

// Ambient tells whether a request brings what a browser adds by itself, whoever made it:
// a cookie, an Authorization of the schemes that browsers ask a person for, or a client
// certificate. A Bearer token is none: a script has to add it.
func Ambient(r *http.Request) bool {
	for _, v := range r.Header["Cookie"] {
		if strings.Trim(v, " \t;") != "" {
			return true
		}
	}
	for _, v := range r.Header["Authorization"] {
		scheme, _, _ := strings.Cut(strings.TrimLeft(v, " \t"), " ")
		for _, known := range [...]string{"Basic", "Digest", "Negotiate", "NTLM"} {
			if equalFold(scheme, known) {
				return true
			}
		}
	}
	return r.TLS != nil && len(r.TLS.PeerCertificates) > 0
}

// Simple tells whether a page can send a request to another origin without asking first:
// GET, HEAD or POST with a content type that forms have, or without one.
//
// Source: Fetch Standard, CORS-safelisted method and request-header; HTML Standard,
// hyperlink auditing.
func Simple(r *http.Request) bool {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return true
	case r.Method != "" && !equalFold(r.Method, http.MethodPost):
		return false
	}
	return FormContent(r)
}

// FormContent tells whether the content type of a request is one that a form, or a script
// that did not ask, can send: application/x-www-form-urlencoded, multipart/form-data,
// text/plain, text/ping (a link with ping, which browsers send with cookies and without
// asking), or none. What is there twice or malformed is taken for one, since an app may read
// it as such.
//
// Source: HTML Standard, hyperlink auditing.
func FormContent(r *http.Request) bool {
	types := r.Header["Content-Type"]
	if len(types) != 1 {
		return true
	}
	t := types[0]
	if end := strings.IndexByte(t, ';'); end >= 0 {
		t = t[:end]
	}
	t = strings.Trim(t, " \t")
	if strings.IndexByte(t, ',') >= 0 || strings.IndexByte(t, '/') <= 0 {
		return true
	}
	for _, form := range [...]string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "text/ping"} {
		if equalFold(t, form) {
			return true
		}
	}
	return false
}

// navigation tells a request that shows a document of its own, which the page that caused
// it does not see into. An object or an embed is within the page.
func navigation(r *http.Request) bool {
	mode, dest := r.Header["Sec-Fetch-Mode"], r.Header["Sec-Fetch-Dest"]
	if r.Method != http.MethodGet && r.Method != http.MethodHead || len(mode) != 1 || mode[0] != "navigate" {
		return false
	}
	return len(dest) != 1 || dest[0] != "object" && dest[0] != "embed"
}
