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
