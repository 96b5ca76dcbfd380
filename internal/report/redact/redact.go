// Package redact is the one place where secrets are taken out of what an audit shows:
// the values of cookies, credentials, tokens, keys, passwords that are named as such,
// and the values in query strings. What is left are names and shapes.
//
//	redact.Text("Set-Cookie: sid=s%3Aabc; Path=/\n") // "Set-Cookie: sid=…; Path=/\n"
//
// It works on text, so it finds what is written as a header, as an address, as a member
// of JSON, as a field of a form, as a literal in source, or in one of the well-known
// shapes of a token or key. It does not know what else an app holds secret: a password
// printed on an error page without its name stays, except that no text is longer than
// [Limit]. It also takes out control characters, so that nothing a target said moves the
// cursor or changes the colours of a terminal.
package redact

import (
	"strings"
	"unicode"
)

// Limit is the longest text in bytes that Text returns, the mark of the cut included.
const Limit = 8 << 10

// Mask stands for a value that was taken out.
const Mask = "…"

const cut = "… (cut)"

// Text returns s with secrets masked, without control characters other than line feed
// and tab, as valid UTF-8 and at most [Limit] bytes long.
func Text(s string) string {
	// What lies beyond any output is not worth matching.
	if len(s) > 2*Limit {
		s = s[:2*Limit]
	}
	s = Printable(s)
	for _, r := range rules {
		if r.mayMatch(s) {
			s = r.mask(s)
		}
	}
	return shorten(maskNamed(s))
}

// Printable returns s as valid UTF-8 without control characters, format characters
// that reorder text, and line separators; line feed and tab stay.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
}

// Line is Text on one line: line feeds and tabs become blanks.
func Line(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(Text(s)))
}

func shorten(s string) string {
	if len(s) <= Limit {
		return s
	}
	return strings.ToValidUTF8(s[:Limit-len(cut)], "") + cut
}
