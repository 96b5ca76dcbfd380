package cookiesession

import (
	"encoding/base64"
	"encoding/json"
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

// decodeBase64 is Buffer.from(text, "base64"): either alphabet, padding or none, and what
// is no base64 is passed over.
func decodeBase64(text string) []byte {
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
	raw := decodeBase64(text)
	if !utf8.Valid(raw) {
		raw = []byte(string([]rune(string(raw)))) // U+FFFD for what is no UTF-8
	}
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
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil, false
		}
		for i, unit := range utf16.Encode([]rune(s)) {
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
