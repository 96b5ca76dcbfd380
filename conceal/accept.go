package conceal

import (
	"net/http"
	"strings"
)

// form is one of the three forms in which a page exists.
type form uint8

const (
	asText form = iota // what a client gets that wants nothing in particular
	asHTML
	asJSON
)

// maxRanges bounds the work for one Accept; browsers send eight at most.
const maxRanges = 64

// offer is what an Accept says of one form, by its most specific range.
type offer struct {
	q        int // in thousandths
	specific int // see matches
	at       int // position of the range, from 1
}

// better tells whether a is preferred to b: by q-value, then by how specific the
// range is, then, for forms named both, by which came first.
func (a offer) better(b offer) bool {
	if a.q != b.q || a.q == 0 {
		return a.q > b.q
	}
	if a.specific != b.specific {
		return a.specific > b.specific
	}
	return a.specific == exactRange && a.at < b.at
}

// negotiate picks the form that the request's Accept prefers. Wildcards alone, no
// Accept at all, and one that allows none of the three mean text, or what PreferJSON says.
//
// Source: RFC 9110 section 12.5.1.
func (g *Guard) negotiate(r *http.Request) form {
	if g.json != nil && g.json(r) {
		return negotiate(r, asJSON)
	}
	return negotiate(r, asText)
}

// negotiate picks a form, open where nothing says which.
func negotiate(r *http.Request, open form) form {
	var offers [3]offer
	at := 0
	for _, line := range r.Header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			if at++; at > maxRanges {
				break
			}
			media, params, _ := strings.Cut(part, ";")
			main, sub, ok := strings.Cut(strings.TrimSpace(media), "/")
			if !ok {
				continue
			}
			q := quality(params)
			for f := range offers {
				o := &offers[f]
				specific := matches(form(f), main, sub)
				if specific > o.specific || specific > 0 && specific == o.specific && q > o.q {
					*o = offer{q, specific, at}
				}
			}
		}
	}
	best := open
	for _, f := range [...]form{asText, asHTML, asJSON} {
		if offers[f].better(offers[best]) {
			best = f
		}
	}
	return best
}

const exactRange = 3

// matches tells how specifically a range covers a form: 0 not at all, 1 by "*/*", 2
// by "type/*", 3 by name.
func matches(f form, main, sub string) int {
	if main == "*" {
		if sub == "*" {
			return 1
		}
		return 0
	}
	isText, isApplication := strings.EqualFold(main, "text"), strings.EqualFold(main, "application")
	switch f {
	case asText:
		if isText && strings.EqualFold(sub, "plain") {
			return exactRange
		}
		if isText && sub == "*" {
			return 2
		}
	case asHTML:
		if isText && strings.EqualFold(sub, "html") || isApplication && strings.EqualFold(sub, "xhtml+xml") {
			return exactRange
		}
		if isText && sub == "*" {
			return 2
		}
	case asJSON:
		if isApplication && (strings.EqualFold(sub, "json") || hasSuffixFold(sub, "+json")) {
			return exactRange
		}
		if isApplication && sub == "*" {
			return 2
		}
	}
	return 0
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// quality reads the q of a range's parameters in thousandths. Without one it is 1000;
// what is none by RFC 9110 section 12.4.2 counts as 0.
func quality(params string) int {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		whole, fraction, _ := strings.Cut(value, ".")
		if len(fraction) > 3 || whole != "0" && whole != "1" {
			return 0
		}
		q := int(whole[0]-'0') * 1000
		for i, unit := 0, 100; i < len(fraction); i, unit = i+1, unit/10 {
			c := fraction[i]
			if c < '0' || c > '9' {
				return 0
			}
			q += int(c-'0') * unit
		}
		return min(q, 1000)
	}
	return 1000
}
