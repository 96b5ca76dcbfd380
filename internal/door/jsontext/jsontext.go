// Package jsontext appends text to JSON that is made without reflection and without
// allocations: lines of the access log, and spans.
//
//	b = jsontext.Append(append(b, `"user_agent":`...), agent, 512)
//
// encoding/json reads back what went in: FuzzLine of package accesslog holds it.
package jsontext

import (
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plain are the bytes that stand for themselves within a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// Append appends text, at most limit bytes of it, as a JSON string. What was cut
// ends in "…".
//
// What does not print is escaped, and not only what JSON asks for: a line is read on
// terminals, where a control character or one that turns the direction of writing shows
// another line than was written. Bytes that are no UTF-8 become U+FFFD; all else decodes
// to what went in.
func Append(b []byte, text string, limit int) []byte {
	text, short := Cut(text, limit)
	b = append(b, '"')
	b = Escape(b, text)
	if short {
		b = append(b, "…"...)
	}
	return append(b, '"')
}

// Escape appends text as it stands within the quotes of a JSON string.
func Escape(b []byte, text string) []byte {
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		b = append(b, text[from:i]...)
		size := 1
		if c < utf8.RuneSelf {
			b = appendControl(b, c)
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			b = appendRune(b, r, size)
		}
		i += size
		from = i
	}
	return append(b, text[from:]...)
}

func appendControl(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return appendUnit(b, uint16(c))
}

func appendRune(b []byte, r rune, size int) []byte {
	switch {
	case r == utf8.RuneError && size <= 1:
		return appendUnit(b, uint16(utf8.RuneError))
	case unicode.IsPrint(r) && r != utf8.RuneError:
		return utf8.AppendRune(b, r)
	case r > 0xffff:
		r -= 0x10000
		b = appendUnit(b, uint16(0xd800+r>>10))
		return appendUnit(b, uint16(0xdc00+r&0x3ff))
	}
	return appendUnit(b, uint16(r))
}

func appendUnit(b []byte, u uint16) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

// Hex appends raw in lower case hexadecimal digits.
func Hex(b, raw []byte) []byte {
	for _, c := range raw {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// Cut returns text within limit bytes, whole characters only, and whether some is missing.
func Cut(text string, limit int) (string, bool) {
	if len(text) <= limit {
		return text, false
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}
