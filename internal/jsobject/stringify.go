package jsobject

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
