package lockfile

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// readJSON reads one value. Where comments are let pass, commas before a closing bracket
// are too: bun writes such.
func readJSON(file, text string, comments bool) (value, *Error) {
	text = strings.TrimPrefix(text, "\ufeff")
	r := &jsonReader{reader: reader{file: file, text: text, line: 1}, comments: comments}
	if err := conflicted(file, text); err != nil {
		return value{}, err
	}
	v, err := r.value(0)
	if err != nil {
		return value{}, err
	}
	if err := r.space(); err != nil {
		return value{}, err
	}
	if r.pos < len(r.text) {
		return value{}, r.fail(r.line, "has %s after its end", quote(r.text[r.pos:min(len(r.text), r.pos+12)]))
	}
	return v, nil
}

type jsonReader struct {
	reader
	comments bool
}

func (r *jsonReader) space() *Error {
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '\n':
			r.line++
			r.pos++
		case c == ' ' || c == '\t' || c == '\r':
			r.pos++
		case c == '/' && r.comments:
			if err := r.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (r *jsonReader) comment() *Error {
	rest := r.text[r.pos:]
	end := -1
	switch {
	case strings.HasPrefix(rest, "//"):
		if end = strings.IndexByte(rest, '\n'); end < 0 {
			end = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		if end = strings.Index(rest, "*/"); end >= 0 {
			end += 2
		}
	}
	if end < 0 {
		return r.fail(r.line, "has a comment without an end")
	}
	r.line += strings.Count(rest[:end], "\n")
	r.pos += end
	return nil
}

func (r *jsonReader) value(depth int) (v value, err *Error) {
	if err := r.space(); err != nil {
		return v, err
	}
	if err := r.count(depth); err != nil {
		return v, err
	}
	v.line = int32(r.line)
	if r.pos == len(r.text) {
		return v, r.early()
	}
	switch c := r.text[r.pos]; c {
	case '{':
		return r.members(v, dict, '}', depth)
	case '[':
		return r.members(v, list, ']', depth)
	case '"':
		v.kind, v.quoted = scalar, true
		v.text, err = r.str()
		return v, err
	}
	end := r.pos
	for end < len(r.text) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", r.text[end]) >= 0 {
		end++
	}
	if v.kind, v.text = scalar, r.text[r.pos:end]; v.text == "null" {
		v.kind = null
	} else if !json.Valid([]byte(v.text)) {
		return v, r.fail(r.line, "has %s where a value belongs", quote(r.text[r.pos:min(len(r.text), r.pos+12)]))
	}
	r.pos = end
	return v, nil
}

func (r *jsonReader) early() *Error { return r.fail(r.line, "ends in the middle: it was cut short") }

func (r *jsonReader) members(v value, k kind, closing byte, depth int) (value, *Error) {
	v.kind = k
	r.pos++
	for first := true; ; first = false {
		if err := r.space(); err != nil {
			return v, err
		}
		if r.pos == len(r.text) {
			return v, r.early()
		}
		c := r.text[r.pos]
		if c == closing {
			r.pos++
			if k == dict {
				return v, r.unique(v.members)
			}
			return v, nil
		}
		if !first {
			if c != ',' {
				return v, r.fail(r.line, "has %s where a comma or %q belongs", quote(string(c)), closing)
			}
			r.pos++
			if err := r.space(); err != nil {
				return v, err
			}
			if r.comments && r.pos < len(r.text) && r.text[r.pos] == closing {
				continue
			}
		}
		var m member
		if k == dict {
			line := r.line
			if r.pos == len(r.text) {
				return v, r.early()
			}
			if r.text[r.pos] != '"' {
				return v, r.fail(r.line, "has %s where a key belongs", quote(r.text[r.pos:min(len(r.text), r.pos+12)]))
			}
			var err *Error
			if m.key, err = r.str(); err != nil {
				return v, err
			}
			if err := r.space(); err != nil {
				return v, err
			}
			if r.pos == len(r.text) {
				return v, r.early()
			}
			if r.text[r.pos] != ':' {
				return v, r.fail(r.line, "has no colon after the key %s", quote(m.key))
			}
			r.pos++
			if m.value, err = r.value(depth + 1); err != nil {
				return v, err
			}
			m.line = int32(line)
		} else {
			var err *Error
			if m.value, err = r.value(depth + 1); err != nil {
				return v, err
			}
		}
		v.members = append(v.members, m)
	}
}

// str reads a string. One without escapes is a part of the file.
func (r *jsonReader) str() (string, *Error) {
	start := r.pos
	escaped := false
	for r.pos++; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			raw := r.text[start:r.pos]
			if !escaped && utf8.ValidString(raw) {
				return raw[1 : len(raw)-1], nil
			}
			var s string
			if json.Unmarshal([]byte(raw), &s) != nil {
				return "", r.fail(r.line, "has a string that is none: %s", quote(raw))
			}
			return s, nil
		case c == '\\':
			escaped = true
			r.pos++
		case c < ' ':
			return "", r.fail(r.line, "has a string with a control character in it")
		}
	}
	r.pos = min(r.pos, len(r.text))
	return "", r.early()
}
