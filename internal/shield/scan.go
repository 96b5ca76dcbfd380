package shield

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// A scan tests the conditions of shields on the fields of one body, in one pass.
type scan struct {
	tests []test
	found []*condition // of each shield
	left  int          // shields with nothing found
	room  [16]string
	deep  bool // what JSON nests was not followed to its end
}

const (
	// maxLevels is how deep encoding/json reads. JavaScript has no limit.
	maxLevels = 10000
	// maxNames is how many names one of JSON may be taken apart into: each item of an array
	// within it is held against all of them.
	maxNames = 64
)

// A test is a condition of a shield, and what it has counted.
type test struct {
	*condition
	of, n int
}

func newScan(all []*shield) *scan {
	s := &scan{found: make([]*condition, len(all)), left: len(all)}
	for i, one := range all {
		for _, c := range one.body {
			s.tests = append(s.tests, test{c, i, 0})
		}
	}
	return s
}

func (s *scan) hit(t *test) {
	if s.found[t.of] == nil {
		s.found[t.of] = t.condition
		s.left--
	}
}

// see tests a field whose names are apart.
func (s *scan) see(f *field) {
	for i := range s.tests {
		if t := &s.tests[i]; s.found[t.of] == nil && t.hits(f, &t.n) {
			s.hit(t)
		}
	}
}

// flat tests a field by its flat name.
func (s *scan) flat(f *field, name string) {
	for i := range s.tests {
		if t := &s.tests[i]; s.found[t.of] == nil && t.flat(f, s.room[:0], name, &t.n) {
			s.hit(t)
		}
	}
}

// form reads application/x-www-form-urlencoded.
func (s *scan) form(text string) {
	f := field{in: inForm, valid: true}
	for text != "" && s.left > 0 {
		var pair string
		if pair, text, _ = strings.Cut(text, "&"); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		f.again, f.value = false, body.Unescape(value, true)
		s.flat(&f, body.Unescape(name, true))
		for _, at := range laterSplits(pair) {
			if at > 0 {
				f.again, f.value = true, body.Unescape(pair[at+1:], true)
				s.flat(&f, body.Unescape(pair[:at], true))
			}
		}
	}
}

// json reads documents of JSON, and says whether the text is such to its end.
func (s *scan) json(text string) bool {
	dec := json.NewDecoder(strings.NewReader(text))
	for some := false; ; some = true {
		var document json.RawMessage
		if err := dec.Decode(&document); err != nil {
			s.deep = s.deep || err != io.EOF && strings.Count(text, "[")+strings.Count(text, "{") > maxLevels
			return err == io.EOF && some
		}
		s.document(string(document))
	}
}

// An opening is a container of JSON that has begun.
type opening struct {
	object bool
	mark   int // how many names are outside of it
	fresh  int // from which on they are those of its own member
}

// document reads one document, which is valid.
func (s *scan) document(text string) {
	var path []string
	var stack []opening
	member := false // its name was read, and its value comes
	f := field{in: inJSON}
	for i := 0; i < len(text) && s.left > 0; {
		at := opening{}
		if len(stack) > 0 {
			at = stack[len(stack)-1]
		}
		c, end := text[i], i+1
		switch c {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		case '}', ']':
			stack = stack[:len(stack)-1]
			i++
			continue
		case '"':
			end = endOfString(text, i)
			if at.object && !member {
				path = keyNames(path[:at.mark], textOf(text[i:end]))
				if len(path)-at.mark > maxNames {
					s.deep = true
					return
				}
				member, i = true, end
				continue
			}
		}
		if f.fresh = at.fresh; member {
			f.fresh = at.mark
		} else {
			path = path[:at.mark]
		}
		member = false
		f.path, f.depth, f.valid, f.open, f.value = path, len(stack), true, false, ""
		switch c {
		case '{', '[':
			f.valid, f.open = false, c == '['
			if len(stack) > 0 {
				s.see(&f)
			}
			stack = append(stack, opening{c == '{', len(path), f.fresh})
			f.fresh, f.depth, f.open = len(path), len(stack), true // the level alone
		case '"':
			f.value = textOf(text[i:end])
		default: // a number or a word
			for end < len(text) && strings.IndexByte(",]} \t\r\n", text[end]) < 0 {
				end++
			}
			f.value = text[i:end]
		}
		s.see(&f)
		i = end
	}
}

// endOfString is the index behind the string that begins at i.
func endOfString(text string, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// textOf is what a string of JSON says.
func textOf(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if json.Unmarshal([]byte(quoted), &text) != nil {
		return quoted // cannot be: the document is valid
	}
	return text
}

// keyNames takes the name of a member apart: some applications do, with those of JSON too.
func keyNames(path []string, name string) []string {
	if strings.ContainsAny(name, ".[]") {
		before := len(path)
		if path = names(path, name); len(path) > before {
			return path
		}
	}
	return append(path, name)
}
