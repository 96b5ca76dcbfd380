package observatory

import (
	"strings"
	"unicode/utf8"
)

// decodeComponent is decodeURIComponent; ok is false where that throws, for an escape
// that is broken or not UTF-8.
func decodeComponent(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		if s[0] != '%' {
			b = append(b, s[0])
			s = s[1:]
			continue
		}
		var char []byte
		for len(char) < utf8.UTFMax && !utf8.FullRune(char) {
			c, ok := percentByte(s)
			if !ok {
				return "", false
			}
			char = append(char, c)
			s = s[3:]
		}
		if r, size := utf8.DecodeRune(char); r == utf8.RuneError && size < 2 || size != len(char) {
			return "", false
		}
		b = append(b, char...)
	}
	return string(b), true
}
