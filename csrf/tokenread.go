package csrf

import (
	"errors"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/body"
)

// find returns what a request sends as its token: the header's value, else the field's. A
// query is not looked at, since it ends up in logs and in Referer, and a cookie is not, since
// browsers send that by themselves. What is there twice is refused: two programs may read two
// tokens in it.
func (t *tokens) find(r *http.Request) (string, *Refusal) {
	switch values := r.Header[t.header]; {
	case len(values) > 1:
		return "", tokenInvalid
	case len(values) == 1 && values[0] != "":
		return values[0], nil
	}
	switch values := t.fields(r, t.field); {
	case len(values) > 1:
		return "", tokenInvalid
	case len(values) == 1 && values[0] != "":
		return values[0], nil
	}
	return "", tokenMissing
}

// fields returns the values of a field of the form in the body, as far as maxBody goes: a
// token before a large file is found. The app can still read all of it. What an app may read
// otherwise (encoded, malformed, cut off by the client) has none.
func (t *tokens) fields(r *http.Request, name string) []string {
	if values := r.PostForm[name]; len(values) > 0 {
		return values // whoever parsed the form before took the body
	}
	if form, _ := holds(r.Header); !form {
		return nil // not read at all
	}
	b, err := body.Look(r, t.maxBody)
	if err != nil {
		return nil
	}
	values, err := b.Form()
	if errors.Is(err, body.ErrSyntax) {
		return nil // and none come with ErrEncoded
	}
	return values[name]
}

// holds tells whether a body can have fields, by its type.
func holds(h http.Header) (form, json bool) {
	types := h["Content-Type"]
	if len(types) != 1 {
		return false, false
	}
	t, _, _ := strings.Cut(types[0], ";")
	t = strings.Trim(t, " \t")
	switch {
	case equalFold(t, "application/x-www-form-urlencoded"), equalFold(t, "multipart/form-data"):
		return true, false
	case equalFold(t, "application/json"), len(t) > 5 && equalFold(t[len(t)-5:], "+json"):
		return false, true
	}
	return false, false
}

// checkTokenNames refuses names that a page cannot send, that browsers send by themselves,
// or that would need an escape.
func checkTokenNames(o *Options, p *guard.Problems) {
	if !isName(o.TokenField, "_-.:") {
		p.Add("TokenField", o.TokenField, `letters, digits and "_-.:"`, "")
	}
	checkHeaderName("TokenHeader", o.TokenHeader, p)
}

func checkHeaderName(field, name string, p *guard.Problems) {
	switch {
	case !isName(name, "!#$%&'*+-.^_`|~"):
		p.Add(field, name, "a header's name, such as "+DefaultTokenHeader, "")
	case sentAnyway(name):
		p.Add(field, name, "a header that only a script of the page sets, such as "+DefaultTokenHeader, "browsers send this one by themselves")
	}
}

// isName tells a name of letters, digits and others, of a length that fits a page.
func isName(name, others string) bool {
	for i := range len(name) {
		if c := name[i]; (c|0x20 < 'a' || 'z' < c|0x20) && (c < '0' || '9' < c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// sentAnyway tells headers that a page of another origin can fill or cause.
//
// Source: Fetch Standard, forbidden request-header and CORS-safelisted request-header.
func sentAnyway(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range [...]string{"sec-", "proxy-", "accept", "access-control-", "content-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "authorization", "connection", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin", "range",
		"referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via":
		return true
	}
	return false
}

// variesByCookie tells whether a Vary is there that says so.
func variesByCookie(h http.Header) bool {
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || equalFold(name, "Cookie") {
				return true
			}
		}
	}
	return false
}
