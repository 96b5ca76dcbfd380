package lockfile

import "strings"

// A flowReader reads maps and lists in brackets, over lines too.
type flowReader struct {
	*yamlReader
	text   string
	number int
}

// fill drops spaces, and takes the next line where this one is at its end.
func (f *flowReader) fill() *Error {
	for {
		f.text = strings.TrimLeft(f.text, " ")
		if f.text != "" && f.text[0] != '#' {
			return nil
		}
		if f.at == len(f.lines) {
			return f.fail(f.number, "ends inside of brackets: it was cut short")
		}
		f.text, f.number = f.lines[f.at].text, f.lines[f.at].number
		f.next()
	}
}

func (f *flowReader) value(depth int) (v value, err *Error) {
	if err := f.fill(); err != nil {
		return v, err
	}
	if err := f.count(depth); err != nil {
		return v, err
	}
	v.line = int32(f.number)
	closing := byte(0)
	switch f.text[0] {
	case '{':
		v.kind, closing = dict, '}'
	case '[':
		v.kind, closing = list, ']'
	default:
		v.kind, v.quoted = scalar, f.text[0] == '"' || f.text[0] == '\''
		if v.text, err = f.scalar(); err == nil && !v.quoted && (v.text == "null" || v.text == "~" || v.text == "") {
			v.kind = null
		}
		return v, err
	}
	f.text = f.text[1:]
	for {
		if err := f.fill(); err != nil {
			return v, err
		}
		if f.text[0] == closing {
			f.text = f.text[1:]
			if v.kind == dict {
				return v, f.unique(v.members)
			}
			return v, nil
		}
		if len(v.members) > 0 {
			if f.text[0] != ',' {
				return v, f.fail(f.number, "has %s where a comma or %q belongs", quote(f.text), closing)
			}
			f.text = f.text[1:]
			if err := f.fill(); err != nil {
				return v, err
			}
			if f.text[0] == closing {
				continue
			}
		}
		var m member
		number := f.number
		if v.kind == dict {
			if m.key, err = f.scalar(); err != nil {
				return v, err
			}
			if err := f.fill(); err != nil {
				return v, err
			}
			if f.text[0] != ':' {
				return v, f.fail(f.number, "has no colon after the key %s", quote(m.key))
			}
			f.text = f.text[1:]
		}
		if m.value, err = f.value(depth + 1); err != nil {
			return v, err
		}
		m.line = int32(number)
		v.members = append(v.members, m)
	}
}

// scalar reads a word that a comma, a colon or a bracket ends.
func (f *flowReader) scalar() (string, *Error) {
	end := 0
	if c := f.text[0]; c == '"' || c == '\'' {
		if end = quotedEnd(f.text); end < 0 {
			return "", f.fail(f.number, "has a quote without an end")
		}
	} else {
		for end < len(f.text) && strings.IndexByte(",{}[]", f.text[end]) < 0 && !strings.HasPrefix(f.text[end:], ": ") &&
			(f.text[end] != ':' || end+1 < len(f.text)) {
			end++
		}
		if end == 0 {
			return "", f.fail(f.number, "has %s where a value belongs", quote(f.text))
		}
	}
	word := f.text[:end]
	f.text = f.text[end:]
	return f.word(word, f.number)
}
