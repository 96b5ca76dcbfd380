package lockfile

import (
	"strings"
)

// readYAML reads the part of YAML that pnpm and Yarn write: maps and lists by indentation
// or in brackets, quoted and plain words, long keys after "? ", and block texts. Anchors,
// tags and several documents are no part of a lockfile and refused.
func readYAML(file, text string) (value, *Error) {
	r := &yamlReader{reader: reader{file: file, text: text, line: 1}}
	if err := unfit(file, text); err != nil {
		return value{}, err
	}
	if err := r.split(); err != nil {
		return value{}, err
	}
	if len(r.lines) == 0 {
		return value{line: 1}, nil
	}
	v, err := r.block(r.lines[0].indent, 0)
	if err != nil {
		return value{}, err
	}
	if r.at < len(r.lines) {
		return value{}, r.fail(r.lines[r.at].number, "is indented like nothing above it")
	}
	return v, nil
}

type yamlLine struct {
	indent, number int
	text           string
}

type yamlReader struct {
	reader
	lines []yamlLine
	at    int
}

// split drops empty lines and comments of a whole line.
func (r *yamlReader) split() *Error {
	number := 0
	started := false
	lines := strings.Count(r.text, "\n") + 1
	if lines > maxValues {
		return r.fail(maxValues, "has more than %d lines", maxValues)
	}
	r.lines = make([]yamlLine, 0, lines)
	for line := range strings.SplitSeq(strings.TrimPrefix(r.text, "\ufeff"), "\n") {
		number++
		line = strings.TrimRight(line, "\r")
		text := strings.TrimLeft(line, " ")
		switch {
		case strings.HasPrefix(text, "\t"):
			return r.fail(number, "is indented with a tab")
		case line == "---" && !started:
			started = true
			continue
		case line == "---" || line == "...":
			return r.fail(number, "begins a second document")
		case strings.HasPrefix(line, "%"):
			return r.fail(number, "has a directive, which no lockfile has")
		}
		started = started || text != "" && text[0] != '#'
		r.lines = append(r.lines, yamlLine{len(line) - len(text), number, text})
	}
	r.skip()
	return nil
}

// skip goes on to the next line with something on it.
func (r *yamlReader) skip() {
	for r.at < len(r.lines) && (r.lines[r.at].text == "" || r.lines[r.at].text[0] == '#') {
		r.at++
	}
	if r.at == len(r.lines) {
		return
	}
	r.line = r.lines[r.at].number
}

func (r *yamlReader) next() {
	r.at++
	r.skip()
}

// block reads a map or a list whose lines have one indentation.
func (r *yamlReader) block(indent, depth int) (value, *Error) {
	v := value{line: int32(r.line)}
	if err := r.count(depth); err != nil {
		return v, err
	}
	r.skip()
	for r.at < len(r.lines) && r.lines[r.at].indent == indent {
		line := r.lines[r.at]
		item := line.text == "-" || strings.HasPrefix(line.text, "- ")
		k := dict
		if item {
			k = list
		}
		if v.kind == list && k == dict {
			break // a list may be indented like its key: here the next key begins
		}
		if v.kind == dict && k == list {
			return v, r.fail(line.number, "has a list where the lines above are a map")
		}
		v.kind = k
		var m member
		var err *Error
		if item {
			m, err = r.item(line, indent, depth)
		} else {
			m, err = r.pair(line, indent, depth)
		}
		if err != nil {
			return v, err
		}
		if len(v.members) == maxWide {
			return v, r.fail(line.number, "has more than %d entries in one place", maxWide)
		}
		v.members = append(v.members, m)
		r.skip()
	}
	if r.at < len(r.lines) && r.lines[r.at].indent > indent {
		return v, r.fail(r.lines[r.at].number, "is indented like nothing above it")
	}
	if v.kind == dict {
		if err := r.unique(v.members); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (r *yamlReader) item(line yamlLine, indent, depth int) (m member, err *Error) {
	rest := strings.TrimLeft(strings.TrimPrefix(line.text, "-"), " ")
	m.value, err = r.after(rest, line, indent, depth)
	return m, err
}

// after reads what stands after a dash or a colon of its own, where a map may begin on the
// same line.
func (r *yamlReader) after(rest string, line yamlLine, indent, depth int) (value, *Error) {
	if rest == "" {
		r.next()
		return r.below(indent, depth, line.number, false)
	}
	if _, _, ok := r.key(rest); ok && rest[0] != '{' && rest[0] != '[' {
		r.lines[r.at].indent = line.indent + len(line.text) - len(rest)
		r.lines[r.at].text = rest
		return r.block(r.lines[r.at].indent, depth+1)
	}
	return r.inline(rest, line, indent, depth)
}

func (r *yamlReader) pair(line yamlLine, indent, depth int) (m member, err *Error) {
	if long, ok := strings.CutPrefix(line.text, "? "); ok {
		if m.key, err = r.word(long, line.number); err != nil {
			return m, err
		}
		r.next()
		if r.at == len(r.lines) || r.lines[r.at].indent != indent || !strings.HasPrefix(r.lines[r.at].text, ":") {
			return m, r.fail(line.number, "has a long key without a value")
		}
		l := r.lines[r.at]
		m.value, err = r.after(strings.TrimLeft(l.text[1:], " "), l, indent, depth)
		m.line = int32(line.number)
		return m, err
	}
	key, rest, ok := r.key(line.text)
	if !ok {
		return m, r.fail(line.number, "has no colon after a key: %s", quote(line.text))
	}
	if m.key, err = r.word(key, line.number); err != nil {
		return m, err
	}
	if rest == "" {
		r.next()
		m.value, err = r.below(indent, depth, line.number, true)
	} else {
		m.value, err = r.inline(rest, line, indent, depth)
	}
	m.line = int32(line.number)
	return m, err
}

// below reads what stands on the lines after a key or a dash. Lists may be indented like
// the key that they belong to.
func (r *yamlReader) below(indent, depth, number int, lists bool) (value, *Error) {
	if r.at < len(r.lines) {
		l := r.lines[r.at]
		if l.indent > indent || lists && l.indent == indent && (l.text == "-" || strings.HasPrefix(l.text, "- ")) {
			if _, _, ok := r.key(l.text); !ok && l.text[0] != '-' && l.text[0] != '?' {
				return r.inline(l.text, l, indent, depth)
			}
			return r.block(l.indent, depth+1)
		}
	}
	return value{line: int32(number)}, r.count(depth)
}

// inline reads a value that begins on the line of its key.
func (r *yamlReader) inline(text string, line yamlLine, indent, depth int) (v value, err *Error) {
	v.line = int32(line.number)
	switch c := text[0]; {
	case (c == '|' || c == '>') && strings.Trim(text[1:], "+-123456789") == "":
		v.kind, v.quoted = scalar, true
		r.at++
		var all []string
		for r.at < len(r.lines) && (r.lines[r.at].indent > indent || r.lines[r.at].text == "") {
			all = append(all, r.lines[r.at].text)
			r.at++
		}
		r.skip()
		v.text = strings.TrimSpace(strings.Join(all, "\n"))
		return v, r.count(depth + 1)
	case c == '{' || c == '[':
		r.next()
		f := &flowReader{yamlReader: r, text: text, number: line.number}
		if v, err = f.value(depth + 1); err != nil {
			return v, err
		}
		if rest := strings.TrimSpace(f.text); rest != "" && rest[0] != '#' {
			return v, r.fail(line.number, "has %s after a closing bracket", quote(rest))
		}
		return v, nil
	}
	v.kind, v.quoted = scalar, text[0] == '"' || text[0] == '\''
	if !v.quoted {
		if at := strings.Index(text, " #"); at >= 0 {
			text = strings.TrimRight(text[:at], " ")
		}
		// Plain texts may go on over lines that are indented further.
		r.at++
		for r.at < len(r.lines) && r.lines[r.at].indent > indent && r.lines[r.at].text != "" {
			text += " " + r.lines[r.at].text
			r.at++
			if len(text) > 1<<16 {
				return v, r.fail(line.number, "has a text over too many lines")
			}
		}
		r.skip()
	} else {
		r.next()
	}
	if v.text, err = r.word(text, line.number); err != nil {
		return v, err
	}
	if !v.quoted && (v.text == "null" || v.text == "~") {
		v.kind = null
	}
	return v, r.count(depth + 1)
}

// key splits a line at the colon that ends its key.
func (r *yamlReader) key(text string) (key, rest string, ok bool) {
	end := 0
	switch text[0] {
	case '"', '\'':
		n := quotedEnd(text)
		if n < 0 || n >= len(text) || text[n] != ':' {
			return "", "", false
		}
		end = n
	default:
		if end = strings.Index(text, ": "); end < 0 {
			if !strings.HasSuffix(text, ":") {
				return "", "", false
			}
			end = len(text) - 1
		}
	}
	rest = strings.TrimSpace(text[end+1:])
	if end+1 < len(text) && text[end+1] != ' ' {
		return "", "", false
	}
	if strings.HasPrefix(rest, "#") {
		rest = ""
	}
	return text[:end], rest, true
}

// quotedEnd is where a quoted word ends, or -1.
func quotedEnd(text string) int {
	q := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && q == '"':
			i++
		case text[i] == q && q == '\'' && i+1 < len(text) && text[i+1] == q:
			i++
		case text[i] == q:
			return i + 1
		}
	}
	return -1
}

// word is a key or a scalar without its quotes.
func (r *yamlReader) word(text string, number int) (string, *Error) {
	if text == "" {
		return "", nil
	}
	switch text[0] {
	case '&', '*', '!', '@', '`', '%':
		return "", r.fail(number, "has %s, which no lockfile has", quote(text))
	case '\'', '"':
	default:
		return strings.TrimRight(text, " "), nil
	}
	end := quotedEnd(text)
	if end < 0 {
		return "", r.fail(number, "has a quote without an end")
	}
	if rest := strings.TrimSpace(text[end:]); rest != "" && rest[0] != '#' {
		return "", r.fail(number, "has %s after a quote", quote(rest))
	}
	in := text[1 : end-1]
	if text[0] == '\'' {
		return strings.ReplaceAll(in, "''", "'"), nil
	}
	if !strings.Contains(in, `\`) {
		return in, nil
	}
	j := &jsonReader{reader: reader{file: r.file, text: text[:end], line: number}}
	return j.str()
}
