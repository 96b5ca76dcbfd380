package expresssession

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An object is a JSON object whose members keep their order and their bytes.
type object []member

type member struct {
	name  string // decoded; a lone surrogate in three bytes, as UTF-8 would have it
	key   []byte // with its quotes
	value []byte
}

// few members are looked through faster than a map is made.
const few = 16

// parseObject reads text as JavaScript does: of members of one name the last counts, in
// the place of the first, and names that are array indices come first, in order.
func parseObject(text []byte) (object, bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		return nil, false
	}
	// Valid JSON from here on, so its pieces are where they must be.
	var o object
	at, indices := skip(text, 1), false
	var seen map[string]int // of more members than are quickly looked through

	for text[at] != '}' {
		end := scan(text, at)
		key := text[at:end]
		at = skip(text, skip(text, end)+1) // past the colon
		end = scan(text, at)
		name := decodeName(key)
		i, ok := seen[name]
		if seen == nil {
			i = o.find(name)
			ok = i >= 0
		}
		if ok {
			o[i].value = text[at:end]
		} else {
			if seen == nil && len(o) == few {
				seen = make(map[string]int, 4*few)
				for i := range o {
					seen[o[i].name] = i
				}
			}
			if seen != nil {
				seen[name] = len(o)
			}
			o = append(o, member{name, key, text[at:end]})
			_, isIndex := arrayIndex(name)
			indices = indices || isIndex
		}
		if at = skip(text, end); text[at] == ',' {
			at = skip(text, at+1)
		}
	}
	if indices {
		slices.SortStableFunc(o, func(a, b member) int {
			n, aIs := arrayIndex(a.name)
			m, bIs := arrayIndex(b.name)
			switch {
			case aIs && bIs:
				return cmp.Compare(n, m)
			case aIs:
				return -1
			case bIs:
				return 1
			}
			return 0
		})
	}
	return o, true
}

// byName finds members of a large object in less time than get.
func (o object) byName() map[string][]byte {
	m := make(map[string][]byte, len(o))
	for i := range o {
		m[o[i].name] = o[i].value
	}
	return m
}

// skip returns the index of the next byte that is no white space.
func skip(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

// scan returns the end of the value that begins at a place in valid JSON.
func scan(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i // a number or a word ended here
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// decodeName reads a name in quotes. Unlike encoding/json it keeps lone surrogates apart.
func decodeName(key []byte) string {
	raw := key[1 : len(key)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			b = append(b, unescaped(raw[i]))
			continue
		}
		r := hex4(raw[i+1:])
		i += 4
		if utf16.IsSurrogate(r) && i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(raw[i+3:])); pair != utf8.RuneError {
				b = utf8.AppendRune(b, pair)
				i += 6
				continue
			}
		}
		if utf16.IsSurrogate(r) {
			b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // " \ /
}

func hex4(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:min(4, len(b))]), 16, 16)
	return rune(n)
}

func (o object) find(name string) int {
	for i := range o {
		if o[i].name == name {
			return i
		}
	}
	return -1
}

func (o object) get(name string) ([]byte, bool) {
	if i := o.find(name); i >= 0 {
		return o[i].value, true
	}
	return nil, false
}

// put gives a member a value, in its place or in that of a new one.
func (o object) put(name string, key, value []byte) object {
	if i := o.find(name); i >= 0 {
		o[i].value = value
		return o
	}
	m := member{name, key, value}
	n, isIndex := arrayIndex(name)
	if !isIndex {
		return append(o, m)
	}
	at := 0
	for at < len(o) {
		if other, ok := arrayIndex(o[at].name); !ok || other > n {
			break
		}
		at++
	}
	o = append(o, member{})
	copy(o[at+1:], o[at:])
	o[at] = m
	return o
}

func (o object) remove(name string) object {
	i := o.find(name)
	if i < 0 {
		return o
	}
	return append(o[:i:i], o[i+1:]...)
}

// arrayIndex tells whether JavaScript sorts a name in front: 0 to 2^32-2 in decimal.
func arrayIndex(name string) (uint64, bool) {
	if name == "" || len(name) > 10 || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	n := uint64(0)
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(name[i]-'0')
	}
	return n, n < 1<<32-1
}

// appendTo writes the object without the members for which leave is true.
func (o object) appendTo(b []byte, leave func(name string) bool) []byte {
	b = append(b, '{')
	first := true
	for _, m := range o {
		if leave != nil && leave(m.name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, m.key...), ':'), m.value...)
	}
	return append(b, '}')
}

// stringify is JSON.stringify, for values that encoding/json writes.
func stringify(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text, nil
	}
	// encoding/json always escapes these two line ends; JavaScript never does.
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		switch {
		case bytes.HasPrefix(text[i:], []byte(`\u2028`)):
			out, i = append(out, "\u2028"...), i+5
		case bytes.HasPrefix(text[i:], []byte(`\u2029`)):
			out, i = append(out, "\u2029"...), i+5
		default:
			out = append(out, text[i], text[i+1])
			i++
		}
	}
	return out, nil
}

// canonical is JSON.stringify(JSON.parse(text)) of valid JSON. It goes as deep as
// encoding/json lets valid JSON be.
func canonical(text []byte) []byte {
	switch text[0] {
	case '"':
		return quote(decodeName(text))
	case '{':
		o, _ := parseObject(text)
		for i := range o {
			o[i].key, o[i].value = quote(o[i].name), canonical(o[i].value)
		}
		return o.appendTo(nil, nil)
	case '[':
		b := []byte{'['}
		for at := skip(text, 1); text[at] != ']'; {
			end := scan(text, at)
			b = append(b, canonical(text[at:end])...)
			if at = skip(text, end); text[at] == ',' {
				b = append(b, ',')
				at = skip(text, at+1)
			}
		}
		return append(b, ']')
	case 't', 'f', 'n':
		return text
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return []byte("null") // infinite
	}
	if n == 0 {
		return []byte("0") // -0 as well
	}
	b, err := stringify(n)
	if err != nil {
		return text
	}
	return b
}

// quote writes a name or a text as JSON.stringify does. What decodeName made of a lone
// surrogate becomes its escape again.
func quote(s string) []byte {
	if utf8.ValidString(s) {
		b, err := stringify(s)
		if err == nil {
			return b
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			if i+2 < len(s) && s[i] == 0xed && s[i+1] >= 0xa0 {
				n := rune(s[i]&0xf)<<12 | rune(s[i+1]&0x3f)<<6 | rune(s[i+2]&0x3f)
				b.WriteString(`\u` + strconv.FormatInt(int64(n), 16))
				i += 3
				continue
			}
			b.WriteString("\ufffd")
			i++
			continue
		}
		piece, _ := stringify(s[i : i+size])
		b.Write(piece[1 : len(piece)-1])
		i += size
	}
	b.WriteByte('"')
	return []byte(b.String())
}
