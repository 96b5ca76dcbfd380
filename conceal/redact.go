package conceal

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDetail bounds what of a trace an event carries.
const maxDetail = 8 << 10

// redactor makes traces fit for a log. It is immutable.
type redactor []secret

type secret struct {
	pattern *regexp.Regexp
	with    string
}

// newRedactor compiles the patterns of what a trace may quote and a log must not
// keep: the password of an address, the value behind a word that names a secret, and
// query values.
func newRedactor() redactor {
	return redactor{
		{regexp.MustCompile(`(://[^\s/@:]*:)[^\s/@]+@`), "${1}…@"},
		{regexp.MustCompile(`(?i)((?:passw(?:or)?d|passwd|pwd|secret|token|api[-_]?key|authorization|cookie|session[-_]?id)["']?\s*(?:=>|[:=])\s*)(?:"[^"\n]*"|'[^'\n]*'|(?:(?:bearer|basic) )?[^\s,;&)}\]]+)`), "${1}…"},
		{regexp.MustCompile(`([?&][\w.\[\]-]+=)[^\s&"'<>)]+`), "${1}…"},
	}
}

// redact returns at most maxDetail bytes of valid UTF-8, with no secret that gives
// itself away, and with no control character but the line end, so that they can
// neither drive a terminal nor turn its text around.
func (r redactor) redact(text string) string {
	text = shorten(text, 2*maxDetail) // before the patterns: their work is bounded too
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\n':
			return c
		case c == '\t' || c == '\u00a0':
			return ' '
		case c == utf8.RuneError, unicode.IsControl(c), unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return c
	}, text)
	for _, secret := range r {
		text = secret.pattern.ReplaceAllString(text, secret.with)
	}
	return shorten(strings.TrimSpace(text), maxDetail)
}

// shorten cuts text to at most n bytes between two characters.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
