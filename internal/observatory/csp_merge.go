package observatory

import (
	"cmp"
	"slices"
	"strings"
)

// merge brings the sources of one directive from several policies together.
//
// The original does it policy by policy: it puts the new sources among the kept ones,
// sorts, compares each source with the one before it, and drops what was not matched.
// That is quadratic. Here all sources are sorted once, and each step looks only at the
// pairs that are new neighbours, which gives the same since a pair's verdict does not
// change.
type merge struct {
	// many: there is more than one policy, so that one policy's word is not enough.
	many    bool
	sources []source
	// steps are the numbers of sources after each occurrence of the directive.
	steps []step
}

type source struct {
	text, key string
	policy    int
	keep      bool
	segments  *pathSegments
}

type step struct{ policy, from, to int }

// add notes one occurrence of the directive in a policy.
func (m *merge) add(policy int, sources []string) {
	from := len(m.sources)
	if policy == 0 {
		// A directive that the first policy repeats is replaced, not merged.
		m.sources, m.steps, from = m.sources[:0], m.steps[:0], 0
	}
	for _, text := range sources {
		m.sources = append(m.sources, source{text: text, policy: policy})
	}
	m.steps = append(m.steps, step{policy, from, len(m.sources)})
}

// result returns what is left; a directive of which nothing is left is 'none'.
func (m *merge) result() (sourceSet, error) {
	if len(m.steps) == 1 && m.steps[0].policy == 0 && len(m.sources) == 1 {
		return sourceSet{m.sources[0].text: true}, nil
	}
	run := m.prepare()
	for _, s := range m.steps {
		if err := run.take(s); err != nil {
			return nil, err
		}
	}
	set := sourceSet{}
	for i := run.present.next(-1); i >= 0; i = run.present.next(i) {
		set[run.sorted[i].text] = true
	}
	if len(set) == 0 {
		set["'none'"] = true
	}
	return set, nil
}

// mergeRun is the state of a merge. Places are positions in the sorted sources.
type mergeRun struct {
	many bool
	// sorted are the sources in the order of the collation, equal ones as they came.
	sorted []*source
	// placeOf maps a source's number to its place.
	placeOf []int
	present *rankSet
	// dirty are places that have got another neighbour.
	dirty []int
	// merged is true after the first policy but the first one.
	merged bool
}

func (m *merge) prepare() *mergeRun {
	order := make([]int, len(m.sources))
	for i := range m.sources {
		order[i] = i
		if len(m.sources) > 1 {
			m.sources[i].key = collationKey(m.sources[i].text)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(m.sources[a].key, m.sources[b].key), cmp.Compare(a, b))
	})
	run := &mergeRun{
		many:    m.many,
		sorted:  make([]*source, len(order)),
		placeOf: make([]int, len(order)),
		present: newRankSet(len(order)),
	}
	for place, number := range order {
		run.sorted[place] = &m.sources[number]
		run.placeOf[number] = place
	}
	return run
}

// take merges one occurrence.
func (r *mergeRun) take(s step) error {
	looked := r.dirty
	r.dirty = nil
	for number := s.from; number < s.to; number++ {
		place := r.placeOf[number]
		r.present.add(place)
		r.sorted[place].keep = s.policy == 0
		looked = append(looked, place)
	}
	for _, place := range looked[len(looked)-(s.to-s.from):] {
		if next := r.present.next(place); next >= 0 {
			looked = append(looked, next)
		}
	}
	for _, place := range looked {
		if err := r.compare(place); err != nil {
			return err
		}
	}
	if s.policy > 0 && !r.merged {
		// Until now every source was only a candidate.
		r.merged = true
		looked = looked[:0]
		for i := r.present.next(-1); i >= 0; i = r.present.next(i) {
			looked = append(looked, i)
		}
	}
	for _, place := range looked {
		r.dropUnkept(place)
	}
	if s.policy == 0 && r.many {
		for i := r.present.next(-1); i >= 0; i = r.present.next(i) {
			r.sorted[i].keep = false
		}
	}
	return nil
}

// compare judges a source by the one before it.
func (r *mergeRun) compare(place int) error {
	if !r.present.has(place) {
		return nil
	}
	before := r.present.previous(place)
	if before < 0 {
		return nil
	}
	current, previous := r.sorted[place], r.sorted[before]
	if current.policy == previous.policy {
		// The longer of two in one policy says nothing new.
		if strings.HasPrefix(current.text, previous.text) {
			current.keep = false
		}
		return nil
	}
	matched, err := previous.path().match(current.path())
	if matched {
		current.keep = true
	}
	return err
}

func (r *mergeRun) dropUnkept(place int) {
	if r.sorted[place].keep || !r.present.has(place) {
		return
	}
	r.present.remove(place)
	if next := r.present.next(place); next >= 0 {
		r.dirty = append(r.dirty, next)
	}
}

// pathSegments are the parts of a source between slashes, decoded up to the first that
// cannot be.
type pathSegments struct {
	decoded []string
	count   int
	// exact: the source does not end in a slash, and matches nothing deeper.
	exact bool
}

func (s *source) path() *pathSegments {
	if s.segments == nil {
		p := &pathSegments{count: strings.Count(s.text, "/") + 1, exact: !strings.HasSuffix(s.text, "/")}
		for part := range strings.SplitSeq(s.text, "/") {
			decoded, ok := decodeComponent(part)
			if !ok {
				break
			}
			p.decoded = append(p.decoded, decoded)
		}
		s.segments = p
	}
	return s.segments
}

// match reports whether the whole of p is the beginning of q, or all of it if p is exact.
func (p *pathSegments) match(q *pathSegments) (bool, error) {
	if p.count > q.count || p.exact && p.count != q.count {
		return false, nil
	}
	compared := p.count
	if !p.exact {
		compared--
	}
	for i := range compared {
		if i >= len(p.decoded) || i >= len(q.decoded) {
			return false, errBrokenPercent
		}
		if p.decoded[i] != q.decoded[i] {
			return false, nil
		}
	}
	return true, nil
}
