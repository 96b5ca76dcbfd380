package npmsemver

import "strings"

// isSpace is JavaScript's white space, which is not quite Unicode's.
func isSpace(r rune) bool {
	switch {
	case r == ' ', '\t' <= r && r <= '\r', r == 0xa0, r == 0x1680, 0x2000 <= r && r <= 0x200a:
		return true
	}
	return r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000 || r == 0xfeff
}

func trimSpace(s string) string { return strings.TrimFunc(s, isSpace) }

// isPrefix is what may stand in front of a version where junk is let pass.
func isPrefix(r rune) bool { return r == 'v' || r == '=' || isSpace(r) }

// oneSpace makes every run of white space one space, and drops it at both ends.
func oneSpace(s string) string { return strings.Join(strings.FieldsFunc(s, isSpace), " ") }
