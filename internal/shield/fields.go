package shield

import (
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// A field is what a condition is tested on.
type field struct {
	in    place
	path  []string // its names, from the outside in
	fresh int      // from which on they are its own
	depth int
	value string
	valid bool // it has a value
	open  bool // a container, or its items follow
	again bool // another reading of a field that was counted
}

// named tells whether the names and the depth of a field are those of c.
func (c *condition) named(path []string, fresh, depth int) bool {
	return (c.deeper == 0 || depth > c.deeper) && (c.name == nil || c.name.match(path, fresh))
}

// asked tells whether the tests of a value hold. Without one there are none to hold.
func (c *condition) asked(value string, valid bool) bool {
	if !c.asksValue() {
		return !c.malformed && (c.name != nil || c.deeper > 0 || c.more > 0)
	}
	return valid && c.value(value)
}

func (c *condition) asksValue() bool { return c.matches != nil || c.unlike != nil || c.longer > 0 }

// value tests a value in each of its readings.
func (c *condition) value(text string) bool {
	if c.longer > 0 && len(text) <= c.longer {
		return false
	}
	if c.matches == nil && c.unlike == nil {
		return true
	}
	for n := 0; ; n++ {
		if (c.matches == nil || c.matches.MatchString(text)) && (c.unlike == nil || !c.unlike.MatchString(text)) {
			return true
		}
		next, ok := again(text)
		if !ok || n == rereadings {
			return false
		}
		text = next
	}
}

// hits tests c, whose count is n, on f.
func (c *condition) hits(f *field, n *int) bool {
	if c.in&f.in == 0 || !c.named(f.path, f.fresh, f.depth) || !c.asked(f.value, f.valid) {
		return false
	}
	if c.more == 0 {
		return true
	}
	if !f.open {
		*n++
	}
	return *n > c.more
}

// flat tests a field whose name is flat, in each of its readings, and counts it once. The
// names go into room, which stays on the stack since no value goes with it.
func (c *condition) flat(f *field, room []string, name string, n *int) bool {
	if c.in&f.in == 0 || f.again && c.more > 0 || !c.reads(room, name) || !c.asked(f.value, f.valid) {
		return false
	}
	return c.count(n)
}

// reads tells whether some reading of a flat name is what c asks for.
func (c *condition) reads(room []string, name string) bool {
	if c.name != nil && c.name.needle != "" && !strings.Contains(name, c.name.needle) && !hides(name) {
		return false // nothing to take apart
	}
	for i := 0; ; i++ {
		depth := levels(name)
		if c.named(names(room[:0], name), 0, depth) {
			return true
		}
		if odd(name) && (c.named(qsNames(nil, name), 0, depth) || c.named(qsNames(nil, undotted(name)), 0, depth) ||
			c.named(names(nil, strings.ReplaceAll(name, "]", "")), 0, depth)) { // the last as express-fileupload does
			return true
		}
		next, ok := again(name)
		if !ok || i == rereadings {
			return false
		}
		name = next
	}
}

func (c *condition) count(n *int) bool {
	*n++
	return *n > c.more
}

// hides tells of a text in which a name may stand that is not there letter by letter.
func hides(text string) bool {
	if strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '\\') >= 0 {
		return true
	}
	for {
		i := strings.IndexByte(text, ']')
		if i < 0 || i+1 == len(text) {
			return false
		}
		if text = text[i+1:]; strings.IndexByte("[.=&", text[0]) < 0 {
			return true // where brackets are taken out, what is around them is one name
		}
	}
}

// laterSplits are the places behind the first = where qs splits a field into name and value:
// at one behind a bracket, which some versions see escaped, too. Zero is none.
func laterSplits(pair string) (at [3]int) {
	first := strings.IndexByte(pair, '=')
	if first < 0 || strings.IndexByte(pair[first+1:], '=') < 0 {
		return at
	}
	for i, bracket := range [...]string{"]=", "%5D=", "%5d="} {
		if begin := strings.Index(pair, bracket); begin >= 0 && begin+len(bracket)-1 != first {
			at[i] = begin + len(bracket) - 1
		}
	}
	return at
}

// query tests the fields of a query.
func (c *condition) query(raw string) bool {
	if raw == "" || c.name != nil && c.name.needle != "" && !strings.Contains(raw, c.name.needle) && !hides(raw) {
		return false
	}
	var room [16]string
	f := field{in: inQuery, valid: true}
	n := 0
	raw = strings.TrimPrefix(raw, "?") // which some readers take for the one in front of it
	for raw != "" {
		var pair string
		if pair, raw, _ = strings.Cut(raw, "&"); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if c.asksValue() {
			f.value = body.Unescape(value, true)
		}
		if f.again = false; c.flat(&f, room[:0], body.Unescape(name, true), &n) {
			return true
		}
		for _, at := range laterSplits(pair) {
			if at > 0 {
				f.again, f.value = true, body.Unescape(pair[at+1:], true)
				if c.flat(&f, room[:0], body.Unescape(pair[:at], true), &n) {
					return true
				}
			}
		}
	}
	return false
}
