package conceal

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// recognise returns the stack whose default page the body is, or "". A page that only
// its marks give away needs not be whole.
func recognise(lists [][]defaultPage, body []byte, whole bool, status int, method string) string {
	fold := folded(body)
	var fills []*strings.Replacer
	for _, reason := range reasons(status) {
		fills = append(fills, strings.NewReplacer("{status}", strconv.Itoa(status), "{reason}", reason, "{method}", strings.ToLower(method)))
	}
	for _, list := range lists {
		for i := range list {
			if list[i].is(fold, whole, fills) {
				return list[i].stack
			}
		}
	}
	return ""
}

// is tells whether body is the page, by one of the phrases of its status.
func (p *defaultPage) is(body string, whole bool, fills []*strings.Replacer) bool {
	for _, mark := range p.marks {
		if !filled(mark, fills, func(text string) bool { return strings.Contains(body, text) }) {
			return false
		}
	}
	if len(p.marks) > 0 {
		return true
	}
	// Nearly every page is dismissed by how it begins, before any work.
	fixed := p.pattern
	if i := strings.IndexAny(fixed, "{*"); i >= 0 {
		fixed = fixed[:i]
	}
	return whole && strings.HasPrefix(body, fixed) &&
		filled(p.pattern, fills, func(pattern string) bool { return like(body, pattern) })
}

// filled tells whether ok holds for text with its placeholders filled in one of the
// ways.
func filled(text string, fills []*strings.Replacer, ok func(string) bool) bool {
	if !strings.Contains(text, "{") {
		return ok(text)
	}
	return slices.ContainsFunc(fills, func(fill *strings.Replacer) bool { return ok(fill.Replace(text)) })
}

// isExpress tells finalhandler's template, whatever stands in it.
func isExpress(body []byte) bool {
	fold := folded(body)
	return like(fold, expressPage) || like(fold, expressRedirect)
}

// like matches text against a pattern in which "*" is text without "<" and "**" is
// anything.
func like(text, pattern string) bool {
	literal, pattern, more := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, literal)
	for ok && more {
		var anything bool
		pattern, anything = strings.CutPrefix(pattern, "*")
		literal, pattern, more = strings.Cut(pattern, "*")
		at := strings.Index(text, literal)
		if !more { // the last piece stands at the end
			if at = len(text) - len(literal); !strings.HasSuffix(text, literal) {
				at = -1
			}
		}
		if ok = at >= 0 && (anything || !strings.Contains(text[:at], "<")); ok {
			text = text[at+len(literal):]
		}
	}
	return ok && text == ""
}

// folded returns a body in the form that patterns are written in: lower case, every
// run of blanks as one, none between tags nor at the ends.
func folded(body []byte) string {
	out := make([]byte, 0, len(body))
	blank := false
	for _, c := range bytes.TrimSpace(body) {
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			blank = true
			continue
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		if blank && !(c == '<' && out[len(out)-1] == '>') {
			out = append(out, ' ')
		}
		blank = false
		out = append(out, c)
	}
	return string(out)
}

// nodeReasons are the phrases in which Node differs from Go; in lower case.
var nodeReasons = map[int]string{
	http.StatusRequestEntityTooLarge:        "payload too large",
	http.StatusRequestURITooLong:            "uri too long",
	http.StatusRequestedRangeNotSatisfiable: "range not satisfiable",
	http.StatusHTTPVersionNotSupported:      "http version not supported",
	http.StatusUnprocessableEntity:          "unprocessable content",
	509:                                     "bandwidth limit exceeded",
}

// reasons returns the phrases that a status goes by, in lower case.
func reasons(status int) []string {
	var list []string
	if text := http.StatusText(status); text != "" {
		list = append(list, strings.ToLower(text))
	}
	if text := nodeReasons[status]; text != "" && (len(list) == 0 || list[0] != text) {
		list = append(list, text)
	}
	if len(list) == 0 {
		list = append(list, strconv.Itoa(status)) // what sendStatus writes for a status without a phrase
	}
	return list
}
