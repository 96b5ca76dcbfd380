package observatory

import (
	"strings"
	"unicode"
)

// The original is JavaScript, whose notions of blank, lower case and length differ from
// Go's in ways that can change a verdict.

// isBlank reports whether r is white space to String.prototype.trim and to \s.
func isBlank(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return 0x2000 <= r && r <= 0x200a
}

func trimBlank(s string) string { return strings.TrimFunc(s, isBlank) }

// lower is String.prototype.toLowerCase: the full mapping of Unicode, where İ becomes two
// characters and Σ depends on its place in the word.
func lower(s string) string {
	if !strings.ContainsAny(s, "İΣ") {
		return strings.ToLower(s)
	}
	var b strings.Builder
	runes := []rune(s)
	inWord := false
	for i, r := range runes {
		switch {
		case r == 'İ':
			b.WriteString("i̇")
		case r == 'Σ' && inWord && !letterFollows(runes[i+1:]):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		if !skippedInWord(r) {
			inWord = unicode.IsLetter(r)
		}
	}
	return b.String()
}

func letterFollows(rest []rune) bool {
	for _, r := range rest {
		if !skippedInWord(r) {
			return unicode.IsLetter(r)
		}
	}
	return false
}

// skippedInWord approximates the property Case_Ignorable.
func skippedInWord(r rune) bool {
	return strings.ContainsRune("'.:^`·’\u00ad", r) || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// head returns the first n UTF-16 units of s; a pair cut in half is dropped.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i, r := range s {
		if n -= units(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// shorter reports whether s has fewer than n UTF-16 units.
func shorter(s string, n int) bool {
	for _, r := range s {
		if n -= units(r); n <= 0 {
			return false
		}
	}
	return true
}

func units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
