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
	if err := unfit(file, text); err != nil {
		return value{}, err
	}
	if err := r.survey(); err != nil {
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

// readJSON5 reads JSON with comments and with commas before a closing bracket.
func readJSON5(file, text string) (value, *Error) { return readJSON(file, text, true) }

type jsonReader struct {
	reader
	comments bool
	// sizes are how many members each bracket holds, in the order of the file, and opened
	// is how many brackets were read.
	sizes  []int32
	opened int
}

// survey goes over the file before anything is made of it: it counts the values, and the
// members of each bracket, so that a file costs no more memory than it must. What is no
// JSON it leaves to the reader.
func (r *jsonReader) survey() *Error {
	var open []int32
	values, empty := 1, true
	for i := 0; i < len(r.text); i++ {
		switch c := r.text[i]; c {
		case ' ', '\t', '\r', '\n', ':':
			continue
		case '"':
			for i++; i < len(r.text) && r.text[i] != '"'; i++ {
				if r.text[i] == '\\' {
					i++
				}
			}
		case '/':
			if !r.comments {
				return nil
			}
			i = commentEnd(r.text, i)
			continue
		case '{', '[':
			if len(open) == maxDepth+1 {
				return r.fail(strings.Count(r.text[:i], "\n")+1, "is nested more than %d deep", maxDepth)
			}
			open = append(open, int32(len(r.sizes)))
			r.sizes = append(r.sizes, 0)
			values++
			empty = true
			continue
		case ',', '}', ']':
			if len(open) == 0 {
				return nil
			}
			if size := &r.sizes[open[len(open)-1]]; !empty {
				if *size++; *size > maxWide {
					return r.fail(strings.Count(r.text[:i], "\n")+1, "has more than %d entries in one place", maxWide)
				}
			}
			if empty = c == ','; !empty {
				open = open[:len(open)-1]
			} else {
				values++
			}
			if values > maxValues {
				return r.fail(strings.Count(r.text[:i], "\n")+1, "has more than %d values", maxValues)
			}
			continue
		}
		empty = false
	}
	return nil
}

// commentEnd is the last byte of a comment.
func commentEnd(text string, at int) int {
	rest := text[at:]
	end := -1
	if strings.HasPrefix(rest, "/*") {
		if end = strings.Index(rest[2:], "*/"); end >= 0 {
			return at + end + 3
		}
	} else if end = strings.IndexByte(rest, '\n'); end >= 0 {
		return at + end - 1
	}
	return len(text)
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
	if r.opened < len(r.sizes) && r.sizes[r.opened] > 0 {
		v.members = make([]member, 0, r.sizes[r.opened])
	}
	r.opened++
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
