package npmsemver

import (
	"fmt"
	"slices"
	"strings"
)

// maxRange bounds the text of a range, so that a hostile manifest costs little. The
// longest in the registry have a few hundred characters.
const maxRange = 1 << 16

// A Range is a set of versions: the union of lists of comparators that must all hold.
// It is safe for concurrent use. The zero value holds nothing.
type Range struct {
	sets    [][]comparator
	options Options
}

// An operator compares with a version.
type operator string

const (
	equal          operator = ""
	less           operator = "<"
	lessOrEqual    operator = "<="
	greater        operator = ">"
	greaterOrEqual operator = ">="
)

// A comparator holds the versions on one side of a bound, or all.
type comparator struct {
	op  operator
	is  Version
	any bool
}

func (c comparator) String() string {
	if c.any {
		return ""
	}
	return string(c.op) + c.is.String()
}

// none says that nothing can be below: the way in which semver writes an empty range.
func (c comparator) none() bool { return !c.any && c.String() == "<0.0.0-0" }

// ParseRange reads a range. The empty text is every release, and so is "*". The error
// quotes the text; what Loose lets pass is an error only where nothing is left of it.
func ParseRange(text string, o Options) (Range, error) {
	r := Range{options: o}
	if len(text) > maxRange {
		return r, fmt.Errorf("npmsemver: range of %d bytes: longer than %d", len(text), maxRange)
	}
	for part := range strings.SplitSeq(oneSpace(text), "||") {
		set, ok := parseSet(trimSpace(part), o)
		if !ok {
			return Range{}, fmt.Errorf("npmsemver: %q is no range of versions", text)
		}
		if len(set) > 0 {
			r.sets = append(r.sets, set)
		}
	}
	switch {
	case len(r.sets) == 0:
		return Range{}, fmt.Errorf("npmsemver: %q is no range of versions", text)
	case len(r.sets) > 1:
		r.simplify()
	}
	return r, nil
}

// simplify drops what adds nothing to the union.
func (r *Range) simplify() {
	first := r.sets[0]
	r.sets = slices.DeleteFunc(r.sets, func(set []comparator) bool { return set[0].none() })
	if len(r.sets) == 0 {
		r.sets = [][]comparator{first}
	}
	if i := slices.IndexFunc(r.sets, func(set []comparator) bool { return len(set) == 1 && set[0].any }); i >= 0 && len(r.sets) > 1 {
		r.sets = r.sets[i : i+1]
	}
}

// String returns the range in comparators alone, ">=1.2.3 <2.0.0-0||3.0.0"; "*" is every
// version.
func (r Range) String() string {
	var b strings.Builder
	for i, set := range r.sets {
		if i > 0 {
			b.WriteString("||")
		}
		for j, c := range set {
			if j > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(c.String())
		}
	}
	if b.Len() == 0 && len(r.sets) > 0 {
		return "*"
	}
	return b.String()
}

// Contains says whether the version is in the range.
func (r Range) Contains(v Version) bool {
	return slices.ContainsFunc(r.sets, func(set []comparator) bool { return r.options.hold(set, v) })
}

func (o Options) hold(set []comparator, v Version) bool {
	allowed := v.Prerelease == "" || o.IncludePrerelease
	for _, c := range set {
		if !c.holds(v) {
			return false
		}
		// A bound that is a prerelease speaks of prereleases of the same version.
		b := c.is
		allowed = allowed || !c.any && b.Prerelease != "" && b.Major == v.Major && b.Minor == v.Minor && b.Patch == v.Patch
	}
	return allowed
}

func (c comparator) holds(v Version) bool {
	if c.any {
		return true
	}
	switch n := v.Compare(c.is); c.op {
	case less:
		return n < 0
	case lessOrEqual:
		return n <= 0
	case greater:
		return n > 0
	case greaterOrEqual:
		return n >= 0
	default:
		return n == 0
	}
}

// Min returns the lowest version that the range holds, and false where it holds none.
func (r Range) Min() (Version, bool) {
	for _, v := range []Version{{}, {Prerelease: "0"}} {
		if r.Contains(v) {
			return v, true
		}
	}
	var lowest *Version
	for _, set := range r.sets {
		var highest *Version
		for _, c := range set {
			v := c.is
			switch {
			case c.any || c.op == less || c.op == lessOrEqual:
				continue
			case c.op == greater && v.Prerelease == "":
				v.Patch++
			case c.op == greater:
				v.Prerelease += ".0"
			}
			if highest == nil || v.Compare(*highest) > 0 {
				highest = &v
			}
		}
		if highest != nil && (lowest == nil || highest.Compare(*lowest) < 0) {
			lowest = highest
		}
	}
	if lowest == nil || !r.Contains(*lowest) {
		return Version{}, false
	}
	return *lowest, true
}
