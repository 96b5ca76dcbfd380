package lockfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// MaxFile is how many bytes a file has at most.
	MaxFile = 32 << 20
	// maxValues and maxDepth bound what a file makes of memory and of the stack.
	maxValues = 1_000_000
	maxDepth  = 256
	// maxPackages is how many a lockfile has at most, and maxText how long a name, a
	// version or a key of it is.
	maxPackages = 200_000
	maxText     = 4096
	// maxWide is how many members one map or list has at most.
	maxWide = maxPackages + 1
)

type kind uint8

const (
	null kind = iota
	scalar
	list
	dict
)

// A value is a node of a JSON, YAML or Yarn file. Texts are parts of the file, so that a
// value costs little.
type value struct {
	kind   kind
	quoted bool
	line   int32
	// text is that of a scalar: a string without quotes, a number or a word as written.
	text    string
	members []member
}

// A member is an item of a list, without a key, or of a dict.
type member struct {
	key string
	value
}

// get returns the value of a key; null when there is none.
func (v *value) get(key string) *value {
	for i := range v.members {
		if v.kind == dict && v.members[i].key == key {
			return &v.members[i].value
		}
	}
	return &value{line: v.line}
}

// dict returns the members of a dict; none of anything else.
func (v *value) dict() []member {
	if v.kind != dict {
		return nil
	}
	return v.members
}

func (v *value) list() []member {
	if v.kind != list {
		return nil
	}
	return v.members
}

// str is the text of a scalar that is no number or word of JSON's; empty otherwise.
func (v *value) str() string {
	if v.kind != scalar {
		return ""
	}
	return v.text
}

func (v *value) isTrue() bool { return v.kind == scalar && !v.quoted && v.text == "true" }

// A reader is what the readers of all forms share: the place, and the bounds.
type reader struct {
	file   string
	text   string
	pos    int
	line   int
	values int
}

func (r *reader) fail(line int, format string, args ...any) *Error {
	return &Error{File: r.file, Line: line, Problem: fmt.Sprintf(format, args...)}
}

// count notes one more value.
func (r *reader) count(depth int) *Error {
	if r.values++; r.values > maxValues {
		return r.fail(r.line, "has more than %d values", maxValues)
	}
	if depth > maxDepth {
		return r.fail(r.line, "is nested more than %d deep", maxDepth)
	}
	return nil
}

// maxSet is how many keys are kept in a set; of more, a sorted list takes less.
const maxSet = 1 << 14

// unique says which key stands twice.
func (r *reader) unique(members []member) *Error {
	if len(members) > maxSet {
		order := make([]int32, len(members))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(a, b int32) int {
			return cmp.Or(strings.Compare(members[a].key, members[b].key), int(a-b))
		})
		for i := 1; i < len(order); i++ {
			if members[order[i-1]].key == members[order[i]].key {
				return r.twice(members[order[i]])
			}
		}
		return nil
	}
	if len(members) <= 8 {
		for i := range members {
			for j := range i {
				if members[i].key == members[j].key {
					return r.twice(members[i])
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(members))
	for _, m := range members {
		if _, ok := seen[m.key]; ok {
			return r.twice(m)
		}
		seen[m.key] = struct{}{}
	}
	return nil
}

func (r *reader) twice(m member) *Error {
	return r.fail(int(m.line), "the key %s stands twice", quote(m.key))
}

// quote shows a foreign text in an error, shortened.
func quote(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// control is where the first control character is that no text has, or -1.
func control(text string) int {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return i
		}
	}
	return -1
}

// unfit finds what no reader of any form needs to see: bytes that are no text, and the
// marks of a merge that nobody ended.
func unfit(file, text string) *Error {
	bad := control(text)
	if bad < 0 && !utf8.ValidString(text) {
		for bad = 0; bad < len(text); {
			r, size := utf8.DecodeRuneInString(text[bad:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			bad += size
		}
	}
	if bad >= 0 {
		problem := "holds bytes that are no text in UTF-8"
		if c := text[bad]; c > 0 && c < ' ' {
			problem = "holds a control character"
		}
		return &Error{File: file, Line: strings.Count(text[:bad], "\n") + 1, Problem: problem}
	}
	for i := 0; i >= 0 && i < len(text); {
		if strings.HasPrefix(text[i:], "<<<<<<< ") || strings.HasPrefix(text[i:], ">>>>>>> ") {
			return &Error{File: file, Line: strings.Count(text[:i], "\n") + 1, Problem: "is in the middle of a merge: it holds conflict markers"}
		}
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			break
		}
		i += n + 1
	}
	return nil
}
