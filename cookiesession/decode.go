package cookiesession

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// find returns the value of the first cookie of a name, as the package cookies does by a
// regular expression over the header: no other quotes, no percent-decoding. Only spaces
// may stand before the name, none before the '='.
func find(lines []string, name string) (string, bool) {
	for _, line := range lines {
		for piece := range strings.SplitSeq(line, ";") {
			if value, ok := strings.CutPrefix(strings.TrimLeft(piece, " "), name+"="); ok {
				if value != "" && value[0] == '"' {
					value = value[1:max(1, len(value)-1)]
				}
				return value, true
			}
		}
	}
	return "", false
}

// maxValue is how long a value may be to be read: Node refuses a request whose whole
// header is longer, so no Express app has seen one.
const maxValue = 16 << 10

// fromLatin1 is what Node makes of a header's bytes, each of which is a character to it.
func fromLatin1(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return s
	}
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = utf8.AppendRune(b, rune(s[i]))
	}
	return string(b)
}

// decodeBase64 is Buffer.from(text, "base64"): either alphabet, padding or none; it ends at
// the first '=', and passes over what is no base64.
func decodeBase64(text string) []byte {
	text, _, _ = strings.Cut(text, "=")
	clean := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		case c == '-':
			clean = append(clean, '+')
		case c == '_':
			clean = append(clean, '/')
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	b := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(b, clean)
	if err != nil {
		return nil // cannot be: the alphabet and the length are right
	}
	return b[:n]
}

// decode reads a session. In Compat JSON that is no object becomes one as in JavaScript:
// of its own keys.
func decode(text string, mode Mode) (jsobject.Object, bool) {
	if len(text) > maxValue {
		return nil, false
	}
	raw := validUTF8(decodeBase64(text))
	if !json.Valid(raw) {
		return nil, false
	}
	raw = []byte(strings.TrimSpace(string(raw)))
	var o jsobject.Object
	switch {
	case raw[0] == '{':
		o, _ = jsobject.Parse(raw)
	case mode == Strict:
		return nil, false
	case raw[0] == '[':
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			return nil, false
		}
		for i, v := range all {
			o = append(o, member(i, v))
		}
	case raw[0] == '"':
		// As a name, for encoding/json loses lone surrogates.
		named, ok := jsobject.Parse(slices.Concat([]byte("{"), raw, []byte(":0}")))
		if !ok {
			return nil, false
		}
		for i, unit := range units(named[0].Name) {
			o = append(o, member(i, quoteUnit(unit)))
		}
	}
	out := o[:0]
	for _, m := range o {
		if shadowed[m.Name] {
			continue
		}
		if mode == Compat {
			m.Key, m.Value = jsobject.Quote(m.Name), jsobject.Canonical(m.Value)
		}
		out = append(out, m)
	}
	return out, true
}

// validUTF8 puts one U+FFFD in the place of each piece that is no UTF-8, as Node and
// browsers do.
//
// Source: WHATWG Encoding Standard, UTF-8 decoder.
func validUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			size = subpart(b)
		}
		out = utf8.AppendRune(out, r)
		b = b[size:]
	}
	return out
}

// subpart is how many bytes at the start of b, which are no character, begin one.
func subpart(b []byte) int {
	n, low, high := 1, byte(0x80), byte(0xbf) // what the second byte may be
	most := 1
	switch c := b[0]; {
	case c == 0xe0:
		most, low = 2, 0xa0
	case c == 0xed:
		most, high = 2, 0x9f
	case 0xe1 <= c && c <= 0xef:
		most = 2
	case c == 0xf0:
		most, low = 3, 0x90
	case c == 0xf4:
		most, high = 3, 0x8f
	case 0xf1 <= c && c <= 0xf3:
		most = 3
	}
	for ; n < most && n < len(b) && low <= b[n] && b[n] <= high; n++ {
		low, high = 0x80, 0xbf
	}
	return n
}

// units are the UTF-16 code units of text in which jsobject left lone surrogates.
func units(s string) (all []uint16) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 && i+2 < len(s) {
			r, size = rune(s[i]&0xf)<<12|rune(s[i+1]&0x3f)<<6|rune(s[i+2]&0x3f), 3
		}
		if utf16.IsSurrogate(r) {
			all = append(all, uint16(r))
		} else {
			all = utf16.AppendRune(all, r)
		}
		i += size
	}
	return all
}

// member is what an array or a text has at an index.
func member(i int, value []byte) jsobject.Member {
	name := strconv.Itoa(i)
	return jsobject.Member{Name: name, Key: []byte(`"` + name + `"`), Value: value}
}

func quoteUnit(unit uint16) []byte {
	if utf16.IsSurrogate(rune(unit)) {
		return []byte(`"\u` + strconv.FormatInt(int64(unit), 16) + `"`)
	}
	return jsobject.Quote(string(rune(unit)))
}

// shadowed are names that the peer's Session has itself: it does not load such members.
var shadowed = map[string]bool{
	"isNew": true, "isChanged": true, "isPopulated": true, "_ctx": true,
	"constructor": true, "hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true, "toLocaleString": true,
	"toString": true, "valueOf": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true,
	"__lookupGetter__": true, "__lookupSetter__": true,
}
