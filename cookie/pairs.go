package cookie

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// Pairs yields the name and raw value of every cookie in the lines of a Cookie header,
// in order, as Node's cookie package finds them: split at ';', white space around name
// and value dropped, whatever is left taken as it is. A piece without '=' is no
// cookie. Unlike net/http it keeps values with spaces, commas, quotes and bytes beyond
// ASCII, and names that are no tokens. Lines beyond the first count as if joined by
// "; ". It allocates nothing.
func Pairs(lines []string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, rest := range lines {
			for more := true; more; {
				var piece string
				piece, rest, more = strings.Cut(rest, ";")
				if name, value, ok := splitPair(piece); ok && !yield(name, value) {
					return
				}
			}
		}
	}
}

// Lookup returns the raw value of the first cookie called name, which is the one that
// Node's packages use. Names are case-sensitive.
func Lookup(lines []string, name string) (value string, ok bool) {
	for n, v := range Pairs(lines) {
		if n == name {
			return v, true
		}
	}
	return "", false
}

// Rewrite passes every cookie of the lines of a Cookie header through edit, which
// returns its new name and value or keep false to drop it, and returns the header as
// one line. All bytes that edit did not change stay as they were, pieces that are no
// cookie included. Several lines are joined by "; ", as HTTP/2 asks (RFC 9113 section
// 8.2.3). changed is false when edit changed nothing; header is then empty and the
// lines are to be kept as they are.
//
// A name or value that would not be read back as given (it holds ';', a control
// character or white space at its ends, or the name holds '=') is not taken: the
// cookie stays as it was.
func Rewrite(lines []string, edit func(name, value string) (newName, newValue string, keep bool)) (header string, changed bool) {
	var b strings.Builder
	size := 0
	for _, line := range lines {
		size += len(line) + len("; ") + len(namePrefix)
	}
	b.Grow(size)
	first := true
	for _, rest := range lines {
		start := true // of a line
		for more := true; more; {
			var piece string
			piece, rest, more = strings.Cut(rest, ";")
			name, value, ok := splitPair(piece)
			if ok {
				newName, newValue, keep := edit(name, value)
				if !keep {
					changed = true
					continue
				}
				if (newName != name || newValue != value) &&
					(newName == name || fits(newName, "")) && (newValue == value || fits("", newValue)) {
					changed = true
					piece = replacePair(piece, name, value, newName, newValue)
				}
			}
			switch {
			case first:
				piece = strings.TrimLeft(piece, " \t")
			case start:
				b.WriteString("; ")
				piece = strings.TrimLeft(piece, " \t")
			default:
				b.WriteByte(';')
			}
			b.WriteString(piece)
			first, start = false, false
		}
	}
	if !changed {
		return "", false
	}
	return b.String(), true
}

// splitPair takes one piece between semicolons apart.
func splitPair(piece string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(piece, "=")
	return trim(name), trim(value), ok
}

// replacePair puts a new name and value into a piece and keeps the white space around.
func replacePair(piece, name, value, newName, newValue string) string {
	left, right, _ := strings.Cut(piece, "=")
	return around(left, name, newName) + "=" + around(right, value, newValue)
}

// around replaces what trim left of s and keeps what it took away.
func around(s, trimmed, replacement string) string {
	lead := len(s) - len(strings.TrimLeft(s, " \t"))
	return s[:lead] + replacement + s[lead+len(trimmed):]
}

// trim drops the white space that RFC 6265 and Node drop: space and tab only.
func trim(s string) string { return strings.Trim(s, " \t") }

// fits tells whether a name and value survive a Cookie or Set-Cookie header unchanged.
func fits(name, value string) bool {
	return name == trim(name) && value == trim(value) &&
		!strings.ContainsAny(name, ";=") && !strings.Contains(value, ";") &&
		!hasControl(name) && !hasControl(value)
}

// hasControl tells whether s holds a control character other than tab. Browsers drop a
// cookie with one, and CR, LF and NUL must never reach a header.
//
// Source: RFC 6265bis section 5.6, step 1.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// Decode turns a raw cookie value into what an Express application sees: one pair of
// double quotes is taken off (cookie 0.7, which Express and express-session use; 1.x
// leaves them), then percent escapes are decoded. When an escape is malformed or not
// UTF-8 nothing is decoded.
func Decode(raw string) string {
	if len(raw) > 0 && raw[0] == '"' && raw[len(raw)-1] == '"' {
		raw = raw[1:max(len(raw)-1, 1)]
	}
	if decoded, ok := decodeURIComponent(raw); ok {
		return decoded
	}
	return raw
}

// decodeURIComponent decodes as JavaScript does: each character is written by escapes
// alone, so an escape never completes a raw byte.
func decodeURIComponent(s string) (string, bool) {
	at := strings.IndexByte(s, '%')
	if at < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:at]...)
	for i := at; i < len(s); {
		if s[i] != '%' {
			b = append(b, s[i])
			i++
			continue
		}
		begin := len(b)
		for {
			c, ok := unescape(s[i:])
			if !ok {
				return "", false
			}
			b = append(b, c)
			i += 3
			if utf8.FullRune(b[begin:]) {
				break
			}
		}
		if r, size := utf8.DecodeRune(b[begin:]); r == utf8.RuneError && size == 1 {
			return "", false
		}
	}
	return string(b), true
}

// unescape reads the %XX at the start of s.
func unescape(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	hi, ok1 := unhex(s[1])
	lo, ok2 := unhex(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// encodeURIComponent escapes every byte that JavaScript's function of that name does.
func encodeURIComponent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
