// Package jsobject keeps JSON objects as JavaScript does: members in the order in which
// they were set, array indices first, of two of one name the last. What is not changed
// keeps its bytes. Names and values are what package session's Express forms store; it is
// no general JSON package.
//
//	o, ok := jsobject.Parse([]byte(`{"user":"ann"}`))
//	o = o.Put("seen", []byte("true"))
//	text := o.AppendTo(nil, nil)
//
// Sources: ECMA-262, JSON.parse, JSON.stringify and OrdinaryOwnPropertyKeys; RFC 8259.
package jsobject

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

// An Object is a JSON object whose members keep their order and their bytes.
type Object []Member

// A Member is one of an object's. Its bytes are not changed in place.
type Member struct {
	Name  string // decoded; a lone surrogate in three bytes, as UTF-8 would have it
	Key   []byte // with its quotes
	Value []byte
}

// few members are looked through faster than a map is made.
const few = 16

// Parse reads text as JavaScript does: of members of one name the last counts, in
// the place of the first, and names that are array indices come first, in order.
func Parse(text []byte) (Object, bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		return nil, false
	}
	// Valid JSON from here on, so its pieces are where they must be.
	var o Object
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
			i = o.Find(name)
			ok = i >= 0
		}
		if ok {
			o[i].Value = text[at:end]
		} else {
			if seen == nil && len(o) == few {
				seen = make(map[string]int, 4*few)
				for i := range o {
					seen[o[i].Name] = i
				}
			}
			if seen != nil {
				seen[name] = len(o)
			}
			o = append(o, Member{name, key, text[at:end]})
			_, isIndex := arrayIndex(name)
			indices = indices || isIndex
		}
		if at = skip(text, end); text[at] == ',' {
			at = skip(text, at+1)
		}
	}
	if indices {
		sortIndices(o)
	}
	return o, true
}

// sortIndices moves array indices to the front, in order.
func sortIndices(o Object) {
	slices.SortStableFunc(o, func(a, b Member) int {
		n, aIs := arrayIndex(a.Name)
		m, bIs := arrayIndex(b.Name)
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

// ByName finds members of a large object in less time than Get.
func (o Object) ByName() map[string][]byte {
	m := make(map[string][]byte, len(o))
	for i := range o {
		m[o[i].Name] = o[i].Value
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

// Find returns where a member stands; -1 when there is none.
func (o Object) Find(name string) int {
	for i := range o {
		if o[i].Name == name {
			return i
		}
	}
	return -1
}

// Get returns the value of a member.
func (o Object) Get(name string) ([]byte, bool) {
	if i := o.Find(name); i >= 0 {
		return o[i].Value, true
	}
	return nil, false
}

// Put gives a member a value, in its place or in that of a new one.
func (o Object) Put(name string, value []byte) Object {
	if i := o.Find(name); i >= 0 {
		o[i].Value = value
		return o
	}
	m := Member{name, Quote(name), value}
	n, isIndex := arrayIndex(name)
	if !isIndex {
		return append(o, m)
	}
	at := 0
	for at < len(o) {
		if other, ok := arrayIndex(o[at].Name); !ok || other > n {
			break
		}
		at++
	}
	o = append(o, Member{})
	copy(o[at+1:], o[at:])
	o[at] = m
	return o
}

// Remove removes a member. It leaves o as it was.
func (o Object) Remove(name string) Object {
	i := o.Find(name)
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

// AppendTo appends the object without the members for which leave is true.
func (o Object) AppendTo(b []byte, leave func(name string) bool) []byte {
	b = append(b, '{')
	first := true
	for _, m := range o {
		if leave != nil && leave(m.Name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, m.Key...), ':'), m.Value...)
	}
	return append(b, '}')
}

// Stringify is JSON.stringify, for values that encoding/json writes.
func Stringify(v any) ([]byte, error) {
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

// Canonical is JSON.stringify(JSON.parse(text)) of valid JSON without white space around it.
func Canonical(text []byte) []byte {
	out, _ := canonical(make([]byte, 0, len(text)), text, 0)
	return out
}

// canonical appends the value that begins at a place, and returns where it ends. It goes
// over each byte once, as deep as encoding/json lets valid JSON be.
func canonical(b, text []byte, at int) (out []byte, end int) {
	switch text[at] {
	case '{':
		var o Object
		for at = skip(text, at+1); text[at] != '}'; {
			end := scan(text, at)
			m := Member{Name: decodeName(text[at:end]), Key: canonicalText(text[at:end])}
			at = skip(text, skip(text, end)+1) // past the colon
			m.Value, at = canonical(nil, text, at)
			o = append(o, m)
			if at = skip(text, at); text[at] == ',' {
				at = skip(text, at+1)
			}
		}
		return ordered(o).AppendTo(b, nil), at + 1
	case '[':
		b = append(b, '[')
		for at = skip(text, at+1); text[at] != ']'; {
			b, at = canonical(b, text, at)
			if at = skip(text, at); text[at] == ',' {
				b = append(b, ',')
				at = skip(text, at+1)
			}
		}
		return append(b, ']'), at + 1
	}
	end = scan(text, at)
	return append(b, scalar(text[at:end])...), end
}

// ordered keeps the last of two of one name, and sorts array indices to the front.
func ordered(o Object) Object {
	seen := make(map[string]int, len(o))
	out, indices := o[:0], false
	for _, m := range o {
		if i, ok := seen[m.Name]; ok {
			out[i].Value = m.Value
			continue
		}
		seen[m.Name] = len(out)
		_, isIndex := arrayIndex(m.Name)
		indices = indices || isIndex
		out = append(out, m)
	}
	if indices {
		sortIndices(out)
	}
	return out
}

// scalar is a text, a number or a word as JavaScript writes it.
func scalar(text []byte) []byte {
	switch text[0] {
	case '"':
		return canonicalText(text)
	case 't', 'f', 'n':
		return text
	}
	if plainInteger(text) {
		return text
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return []byte("null") // infinite
	}
	if n == 0 {
		return []byte("0") // -0 as well
	}
	b, err := Stringify(n)
	if err != nil {
		return text
	}
	return b
}

// canonicalText is a text in quotes as JavaScript writes it: as it is, where nothing is
// escaped.
func canonicalText(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text
	}
	return Quote(decodeName(text))
}

// plainInteger tells whether a number is written as JavaScript writes it, for sure.
func plainInteger(text []byte) bool {
	if len(text) > 15 || text[0] == '-' {
		return false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Canonical gives each member the bytes that JavaScript would write, in place, but for
// those of which leave is true.
func (o Object) Canonical(leave func(name string) bool) {
	for i := range o {
		o[i].Key = canonicalText(o[i].Key)
		if !leave(o[i].Name) {
			o[i].Value = Canonical(o[i].Value)
		}
	}
}

// Quote writes a name or a text as JSON.stringify does. What decodeName made of a lone
// surrogate becomes its escape again.
func Quote(s string) []byte {
	if utf8.ValidString(s) {
		b, err := Stringify(s)
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
		piece, _ := Stringify(s[i : i+size])
		b.Write(piece[1 : len(piece)-1])
		i += size
	}
	b.WriteByte('"')
	return []byte(b.String())
}
