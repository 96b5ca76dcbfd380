package sanity

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// checkPath refuses what no correct client sends in a path.
func checkPath(u *url.URL) *Refusal {
	if u.RawPath == "" {
		// As net/url would encode it: a backslash or control byte here came encoded.
		if ordinary(u.Path) {
			return nil
		}
		return refusalOf(read(u.Path, false))
	}
	if err := refusalOf(read(u.RawPath, true)); err != nil {
		return err
	}
	return refusalOf(read(u.Path, false)) // in case the two do not agree
}

func refusalOf(v reading) *Refusal {
	switch {
	case v&malformed != 0:
		return bad(RulePathEscape)
	case v&control != 0:
		return bad(RulePathControl)
	case v&backslash != 0:
		return bad(RulePathBackslash)
	case v&climbs != 0:
		return bad(RulePathClimbs)
	}
	return nil
}

// Ambiguous tells whether servers may disagree on what a path names. It takes the path
// as it is on the wire. True are: no "/" in front, empty segments, segments of dots and
// blanks, ";", "\" and control bytes, encoded or not, an encoded "/", an encoding of an
// encoding, a malformed encoding, and what is not UTF-8. Letters that are encoded
// without need do not count: they change no structure, and [Route] compares bytes.
func Ambiguous(path string) bool {
	if ordinary(path) {
		return false
	}
	v := read(path, true)
	if v&ambiguous == 0 && v&highBytes != 0 {
		decoded, err := url.PathUnescape(path)
		return err != nil || !utf8.ValidString(decoded)
	}
	return v&ambiguous != 0
}

// CleanPath returns the decoded path of u, and true when every server reads it so. For
// an ambiguous path it returns false, and the text is not to be compared with anything.
func CleanPath(u *url.URL) (string, bool) { return u.Path, !ambiguousURL(u) }

func ambiguousURL(u *url.URL) bool {
	if u.RawPath == "" && ordinary(u.Path) {
		return false
	}
	return read(u.Path, false)&ambiguous != 0 || u.RawPath != "" && read(u.RawPath, true)&ambiguous != 0 || !utf8.ValidString(u.Path)
}

// ordinary tells quickly of most paths that nothing about them is worth reading.
func ordinary(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); i++ {
		c := path[i]
		if special[c] {
			return false
		}
		if c == '/' && i+1 < len(path) {
			if d := path[i+1]; d == '/' || d == '.' || d == ' ' {
				return false
			}
		}
	}
	return true
}

// special holds the bytes that read looks at, apart from "/", "." and blanks.
var special = func() (t [256]bool) {
	for i := range t {
		t[i] = i < ' ' || i >= 0x7f
	}
	t['%'], t[';'], t['\\'] = true, true, true
	return t
}()

// reading is what there is to say of a path, as bits.
type reading uint8

const (
	ambiguous reading = 1 << iota
	climbs            // some server would leave the root
	control           // a NUL, or a control byte that is not encoded
	backslash         // one that is not encoded
	malformed         // a "%" that encodes nothing
	highBytes         // beyond ASCII
)

// read looks at a path byte by byte, decoding once when it is escaped. It follows two
// servers at once: one that takes every separator for one, encoded or backward, and one
// that takes the plain "/" alone. Where either climbs above the root, the path climbs.
func read(path string, escaped bool) (v reading) {
	if path == "" || path[0] != '/' {
		v |= ambiguous
	}
	var all, plain segment
	hex := 0 // hexadecimal digits wanted after a literal "%"
	for i := 0; i < len(path); i++ {
		c, coded := path[i], false
		if c == '%' && escaped {
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return v | malformed | ambiguous
			}
			c, coded = unHex(path[i+1])<<4|unHex(path[i+2]), true
			i += 2
		}
		if hex > 0 {
			if !isHex(c) {
				hex = 0
			} else if hex--; hex == 0 {
				v |= ambiguous // encoded twice
			}
		}
		switch {
		case c == '/' && !coded:
			if i > 0 && path[i-1] == '/' {
				v |= ambiguous
			}
			v |= all.end() | plain.end()
		case c == '/':
			v |= ambiguous | all.end()
			plain.other = true
		case c == '\\':
			v |= ambiguous | all.end()
			plain.other = true
			if escaped && !coded {
				v |= backslash
			}
		case c == ';':
			v |= ambiguous
			all.params, plain.params = true, true
		default:
			if c == '%' {
				hex = 2
			}
			if c < ' ' || c == 0x7f {
				v |= ambiguous
				if c == 0 || escaped && !coded {
					v |= control
				}
			}
			if c >= 0x80 {
				v |= highBytes
			}
			all.add(c)
			plain.add(c)
		}
	}
	return v | all.end() | plain.end()
}

// segment counts what is between two separators, and how deep they are.
type segment struct {
	depth, dots          int
	other, blank, params bool
}

func (s *segment) add(c byte) {
	switch {
	case s.params: // some servers cut it off
	case c == '.':
		s.dots++
	case c == ' ':
		s.blank = true
	default:
		s.other = true
	}
}

func (s *segment) end() (v reading) {
	switch {
	case s.other:
		s.depth++
	case s.dots == 0 && !s.blank: // empty
	case s.dots == 2 && !s.blank:
		v |= ambiguous
		if s.depth--; s.depth < 0 {
			v |= climbs
		}
	case s.dots == 1 && !s.blank:
		v |= ambiguous
	default: // "...", ". ." and their like, which some file systems trim
		v |= ambiguous
		s.depth++
	}
	*s = segment{depth: s.depth}
	return v
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// encodePath encodes the bytes that must not stand in a path as they are, so that
// net/url's EscapedPath keeps the rest untouched. Changed is false where there are none.
func encodePath(raw string) (path string, changed bool) {
	n := 0
	for i := 0; i < len(raw); i++ {
		if !pathByte[raw[i]] {
			n++
		}
	}
	if n == 0 {
		return raw, false
	}
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(raw) + 2*n)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if pathByte[c] {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String(), true
}

// pathByte holds pchar of RFC 3986 section 3.3, "/", "%", and the brackets that
// browsers and net/url let stand.
var pathByte = func() (t [256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for _, c := range []byte("-._~!$&'()*+,;=:@/%[]") {
		t[c] = true
	}
	return t
}()
