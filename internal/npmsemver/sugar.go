package npmsemver

import (
	"slices"
	"strconv"
	"strings"
)

// The forms that people write (hyphens, carets, tildes, x) are rewritten to comparators
// as text and read afterwards, since semver works so: what one form leaves over may be
// read as another.

// parseSet reads what stands between two "||". It is false where that makes the whole
// range none.
func parseSet(s string, o Options) (set []comparator, ok bool) {
	s = withoutBuild(s)
	s = o.hyphens(s)
	s = closeUp(s)
	s = afterSign(afterSign(s, "~"), "^")
	var words []string
	for word := range strings.SplitSeq(s, " ") {
		words = append(words, o.desugar(word))
	}
	for word := range strings.SplitSeq(collapse(strings.Join(words, " ")), " ") {
		if o.everything(word) {
			word = ""
		}
		c, form, ok := o.comparator(word)
		switch {
		case !form && o.Loose:
			continue
		case !ok:
			return nil, false
		}
		if !slices.ContainsFunc(set, func(d comparator) bool { return d.String() == c.String() }) {
			set = append(set, c)
		}
	}
	for _, c := range set {
		if c.none() {
			return []comparator{c}, true
		}
	}
	if len(set) > 1 {
		set = slices.DeleteFunc(set, func(c comparator) bool { return c.any })
	}
	return set, true
}

// comparator reads one word. form is false where it has not even the form of one.
func (o Options) comparator(word string) (c comparator, form, ok bool) {
	word = trimSpace(word)
	if word == "" {
		return comparator{any: true}, true, true
	}
	op, rest := cutOperator(word)
	rest = strings.TrimLeftFunc(rest, isSpace)
	if rest == "" {
		return comparator{}, false, false
	}
	c.op = operator(strings.TrimPrefix(op, "="))
	if strings.HasPrefix(op, "=") {
		c.op = equal
	}
	if len(rest) > maxLength {
		return c, true, false
	}
	v, ok := parseVersion(rest, o.Loose)
	v.Build = ""
	c.is = v
	return c, ok || tooLarge(rest, o.Loose), ok
}

// tooLarge says whether a text has the form of a version and is none for its numbers.
func tooLarge(s string, loose bool) bool {
	if !loose {
		return false
	}
	s = strings.TrimLeftFunc(s, isPrefix)
	for i := range 3 {
		n := digits(s)
		if i == 2 {
			n = patchDigits(s)
		}
		if n == 0 {
			return false
		}
		if s = s[n:]; i < 2 {
			if !strings.HasPrefix(s, ".") {
				return false
			}
			s = s[1:]
		}
	}
	_, ok := parseVersion("0.0.0"+s, true)
	return ok
}

// everything says whether a word is the lowest bound there is.
func (o Options) everything(word string) bool {
	lowest := "0.0.0"
	if o.IncludePrerelease {
		lowest = "0.0.0-0"
	}
	return word == ">="+lowest
}

// A partial is a version of which parts may be missing or x.
type partial struct {
	major, minor, patch, pre string
}

func isX(part string) bool { return part == "" || part == "x" || part == "X" || part == "*" }

// partial reads "1", "1.x", "v1.2.3-beta"; it is false where s is more or less than that.
func (o Options) partial(s string) (p partial, ok bool) {
	s = strings.TrimLeftFunc(s, isPrefix)
	for i, to := range []*string{&p.major, &p.minor, &p.patch} {
		if i > 0 {
			if s == "" {
				return p, true
			}
			if s[0] != '.' {
				return p, false
			}
			s = s[1:]
		}
		n := digits(s)
		if i == 2 && o.Loose {
			n = patchDigits(s)
		}
		switch {
		case n > 1 && s[0] == '0' && !o.Loose:
			return p, false
		case n == 0 && s != "" && isX(s[:1]):
			n = 1
		case n == 0:
			return p, false
		}
		*to, s = s[:n], s[n:]
	}
	if s == "" {
		return p, true
	}
	pre, hyphen := strings.CutPrefix(s, "-")
	if !identifiers(pre, o.Loose) && o.Loose {
		pre = s
	}
	p.pre = pre
	return p, (hyphen || o.Loose) && identifiers(pre, o.Loose)
}

// disordered says that a part is given below one that is not.
func (p partial) disordered() bool {
	return isX(p.major) && !isX(p.minor) || isX(p.minor) && p.patch != "" && !isX(p.patch)
}

// next writes the number after a part as JavaScript would.
func next(part string) string {
	f, _ := strconv.ParseFloat(part, 64)
	if f++; f >= 1e21 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// zero is the end of a lower bound that holds prereleases too, where these are wanted.
func (o Options) zero() string {
	if o.IncludePrerelease {
		return "-0"
	}
	return ""
}

// hyphens rewrites "1.2.3 - 2".
func (o Options) hyphens(s string) string {
	first, last, found := strings.Cut(s, " - ")
	if !found {
		return s
	}
	first, last = trimSpace(first), trimSpace(last)
	a, okA := o.partial(first)
	b, okB := o.partial(last)
	if !okA || !okB {
		return s
	}
	var from, to string
	switch {
	case isX(a.major):
	case isX(a.minor):
		from = ">=" + a.major + ".0.0" + o.zero()
	case isX(a.patch):
		from = ">=" + a.major + "." + a.minor + ".0" + o.zero()
	case a.pre != "":
		from = ">=" + first
	default:
		from = ">=" + first + o.zero()
	}
	switch {
	case isX(b.major):
	case isX(b.minor):
		to = "<" + next(b.major) + ".0.0-0"
	case isX(b.patch):
		to = "<" + b.major + "." + next(b.minor) + ".0-0"
	case b.pre != "":
		to = "<=" + b.major + "." + b.minor + "." + b.patch + "-" + b.pre
	case o.IncludePrerelease:
		to = "<" + b.major + "." + b.minor + "." + next(b.patch) + "-0"
	default:
		to = "<=" + last
	}
	return trimSpace(from + " " + to)
}

// desugar rewrites one word to comparators with spaces between them.
func (o Options) desugar(word string) string {
	var all []string
	for w := range strings.FieldsSeq(o.tilde(o.caret(word))) {
		all = append(all, o.xrange(w))
	}
	return withoutStar(trimSpace(strings.Join(all, " ")))
}

func (o Options) caret(word string) string {
	rest, ok := strings.CutPrefix(word, "^")
	if !ok {
		return word
	}
	p, ok := o.partial(rest)
	if !ok {
		return word
	}
	below, low := "<"+next(p.major)+".0.0-0", p.major == "0"
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor):
		return ">=" + p.major + ".0.0" + o.zero() + " " + below
	case isX(p.patch):
		if low {
			below = "<" + p.major + "." + next(p.minor) + ".0-0"
		}
		return ">=" + p.major + "." + p.minor + ".0" + o.zero() + " " + below
	}
	if low {
		below = "<" + p.major + "." + next(p.minor) + ".0-0"
		if p.minor == "0" {
			below = "<" + p.major + "." + p.minor + "." + next(p.patch) + "-0"
		}
	}
	from := ">=" + p.major + "." + p.minor + "." + p.patch
	if p.pre != "" {
		from += "-" + p.pre
	}
	return from + " " + below
}

func (o Options) tilde(word string) string {
	rest, ok := strings.CutPrefix(word, "~")
	if !ok {
		return word
	}
	p, ok := o.partial(strings.TrimPrefix(rest, ">"))
	if !ok {
		return word
	}
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor):
		return ">=" + p.major + ".0.0" + o.zero() + " <" + next(p.major) + ".0.0-0"
	case isX(p.patch):
		return ">=" + p.major + "." + p.minor + ".0" + o.zero() + " <" + p.major + "." + next(p.minor) + ".0-0"
	}
	from := ">=" + p.major + "." + p.minor + "." + p.patch
	if p.pre != "" {
		from += "-" + p.pre
	}
	return from + " <" + p.major + "." + next(p.minor) + ".0-0"
}

func (o Options) xrange(word string) string {
	op, rest := cutOperator(word)
	p, ok := o.partial(rest)
	if !ok || p.disordered() || !isX(p.patch) {
		return word
	}
	if op == "=" {
		op = ""
	}
	zero := o.zero()
	switch {
	case isX(p.major) && (op == ">" || op == "<"):
		return "<0.0.0-0"
	case isX(p.major):
		return "*"
	case op == "" && isX(p.minor):
		return ">=" + p.major + ".0.0" + zero + " <" + next(p.major) + ".0.0-0"
	case op == "":
		return ">=" + p.major + "." + p.minor + ".0" + zero + " <" + p.major + "." + next(p.minor) + ".0-0"
	}
	major, minor := p.major, p.minor
	if isX(minor) {
		minor = "0"
	}
	if op == ">" || op == "<=" {
		// Above all of 1.x is from 2.0.0 on, and up to 1.x is below that.
		if isX(p.minor) {
			major = next(major)
		} else {
			minor = next(minor)
		}
		op = map[string]string{">": ">=", "<=": "<"}[op]
	}
	if op == "<" {
		zero = "-0"
	}
	return op + major + "." + minor + ".0" + zero
}
