package metavuln

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// An Advisory says of a package which versions are vulnerable.
type Advisory struct {
	// ID and Name are the advisory's and the package's.
	ID, Name string
	// Severity is npm's word: info, low, moderate, high or critical.
	Severity string
	// Range holds the vulnerable versions, in npm's syntax.
	Range string
}

// A cause makes versions of a package vulnerable: an advisory, or another package's cause
// where this one depends on it.
type cause struct {
	name      string
	advisory  *Advisory
	source    *cause // nil of an advisory's own package
	packument *Packument
	// span is the range in words; within is it parsed.
	span   string
	within npmsemver.Range
	// told remembers answers by version, asked those by range, and bad are the versions
	// that count as vulnerable, which told may not have.
	told  map[string]bool
	asked map[string]bool
	bad   map[string]bool
}

func (c *cause) severity() string { return c.advisory.Severity }

// direct is a cause by an advisory about the package itself.
func direct(a *Advisory, p *Packument) *cause {
	c := newCause(a.Name, a, nil, p)
	if c.span = a.Range; c.span == "" {
		c.span = "*"
	}
	c.within, _ = npmsemver.ParseRange(c.span, wide) // one that is none holds nothing
	c.survey(p.sorted)
	return c
}

// indirect is a cause by depending on what another cause makes vulnerable.
func indirect(name string, source *cause, p *Packument) *cause {
	c := newCause(name, source.advisory, source, p)
	c.survey(p.sorted)
	c.span = c.spanOfBad()
	return c
}

func newCause(name string, a *Advisory, source *cause, p *Packument) *cause {
	return &cause{name: name, advisory: a, source: source, packument: p, told: map[string]bool{}, asked: map[string]bool{}, bad: map[string]bool{}}
}

// holds says whether a version is vulnerable. The spec is what asks for the source where
// the packument does not know the version; empty means that nothing is known of it.
func (c *cause) holds(version, spec string) bool {
	if answer, ok := c.told[version]; ok {
		return answer
	}
	answer := c.judge(version, spec)
	if c.told[version] = answer; answer {
		c.bad[version] = true
	}
	return answer
}

func (c *cause) judge(text, spec string) bool {
	if c.bad[text] {
		return true
	}
	if c.source == nil {
		v, err := npmsemver.Parse(text, wide)
		return err == nil && c.within.Contains(v)
	}
	m := c.packument.Versions[text]
	if spec == "" {
		if m == nil {
			return false
		}
		var depends bool
		if spec, depends = m.spec(c.source.name); !depends {
			return false
		}
	}
	r, err := npmsemver.ParseRange(spec, wide)
	if err != nil {
		return true // a tag or an address: nothing can be hoped for
	}
	if m != nil && slices.Contains(m.Bundled, c.source.name) {
		// What is packed in may be any version of the range.
		return slices.ContainsFunc(c.source.packument.sorted, func(v version) bool { return r.Contains(v.Version) && c.source.holds(v.text, "") })
	}
	return c.source.exhausts(spec, r)
}

// exhausts says whether a range leaves nothing but vulnerable versions.
func (c *cause) exhausts(spec string, r npmsemver.Range) bool {
	if answer, ok := c.asked[spec]; ok {
		return answer
	}
	answer := true
	for _, v := range c.packument.sorted {
		if r.Contains(v.Version) && !c.holds(v.text, "") {
			answer = false
			break
		}
	}
	c.asked[spec] = answer
	return answer
}

// survey marks the vulnerable ones of a list of versions without asking of each: within a
// minor line, those between two vulnerable ones are taken for vulnerable too, and
// prereleases go with their neighbours. npm does so, and its ranges show it.
func (c *cause) survey(versions []version) {
	var lines [][]version
	for i, v := range versions {
		if i == 0 || v.Major != versions[i-1].Major || v.Minor != versions[i-1].Minor {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], v)
	}
	for len(lines) > 0 {
		line := lines[0]
		if lines = lines[1:]; len(line) > 0 {
			lines = append(lines, c.surveyLine(line)...)
		}
	}
}

// surveyLine looks at the ends of a line and returns its halves where they differ.
func (c *cause) surveyLine(line []version) [][]version {
	pre := func(v version) bool { return strings.Contains(v.text, "-") }
	mark := func(some []version) {
		for _, v := range some {
			c.bad[v.text] = true
		}
	}
	last := len(line) - 1
	first := c.holds(line[0].text, "")
	head := slices.IndexFunc(line, func(v version) bool { return !pre(v) })
	if head < 0 {
		head = 0
	} else if first {
		mark(line[:head])
	}
	end := c.holds(line[last].text, "")
	tail := last
	for tail > head && pre(line[tail]) {
		tail--
	}
	if tail == head {
		tail = last
	} else if end {
		mark(line[tail+1:])
	}
	if head > 0 {
		first = c.holds(line[head].text, "")
	}
	if tail < last {
		end = c.holds(line[tail].text, "")
	}
	switch {
	case first && end:
		mark(line[head:tail])
		return nil
	case tail < head+2:
		return nil
	}
	left, right := line[:len(line)/2], line[len(line)/2:]
	if !pre(left[0]) {
		at := len(left)
		for at > 1 && pre(left[at-1]) {
			at--
		}
		if c.holds(left[len(left)-1].text, "") {
			mark(left[at:])
		}
		left = left[:at]
	}
	if !pre(right[len(right)-1]) {
		at := 0
		for at < len(right)-1 && pre(right[at]) {
			at++
		}
		if c.holds(right[0].text, "") {
			mark(right[:at])
		}
		right = right[at:]
	}
	return [][]version{left, right}
}

// nothing is the range of no version.
const nothing = "<0.0.0-0"

// spanOfBad writes the vulnerable versions as a range: one term for each run of them.
func (c *cause) spanOfBad() string {
	all := c.packument.sorted
	var terms []string
	for i := 0; i < len(all); i++ {
		from, to := all[i], ""
		for ; i < len(all); i++ {
			if !c.bad[all[i].text] {
				if strings.Contains(all[i].text, "-") {
					continue // prereleases were not asked about one by one
				}
				break
			}
			to = all[i].text
		}
		switch {
		case to == "":
		case to == all[len(all)-1].text:
			terms = append(terms, ">="+from.text)
		case to == from.text:
			terms = append(terms, to)
		default:
			terms = append(terms, from.text+" - "+to)
		}
	}
	if len(terms) == 0 {
		return nothing
	}
	return simplify(all, strings.Join(terms, " || "))
}

// simplify writes a range over the versions that there are, and returns the shorter of
// both.
func simplify(versions []version, span string) string {
	r, err := npmsemver.ParseRange(span, wide)
	if err != nil {
		return span
	}
	var terms []string
	for i := 0; i < len(versions); {
		from := i
		for i < len(versions) && r.Contains(versions[i].Version) {
			i++
		}
		if from == i {
			i++
			continue
		}
		min, max := versions[from].text, versions[i-1].text
		switch {
		case i == len(versions) && from == 0:
			terms = append(terms, "*")
		case i == len(versions):
			terms = append(terms, ">="+min)
		case from == i-1:
			terms = append(terms, min)
		case from == 0:
			terms = append(terms, "<="+max)
		default:
			terms = append(terms, min+" - "+max)
		}
	}
	if short := strings.Join(terms, " || "); len(short) < len(span) {
		return short
	}
	return span
}
