package metavuln

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// A Vulnerability is a package that npm would call vulnerable.
type Vulnerability struct {
	Name string
	// Severity is the worst of what makes it so.
	Severity string
	// Direct says that the app or a member of its workspace asks for it.
	Direct bool
	// Advisories are those about itself, Via the names of vulnerable packages that it
	// depends on, once for each of their advisories. Effects are the names of those that
	// it makes vulnerable.
	Advisories []*Advisory
	Via        []string
	Effects    []string
	// Range holds the vulnerable versions among those that there are.
	Range string
	// Nodes are the folders of the lockfile where it is.
	Nodes []string
	Fix   Fix
}

// A Fix is how a vulnerability can be mended.
type Fix struct {
	// Available says that something can be done. With an empty Name that is within the
	// ranges that the manifests have; else the app has to ask for Version of Name. Outside
	// says that its range has to change for that, and Major that the major version does.
	Available      bool
	Name, Version  string
	Outside, Major bool
}

// maxCauses bounds the work that hostile packuments make.
const maxCauses = 100_000

// Judge tells what is vulnerable, sorted by name. The advisories are taken in their
// order, which decides little: which of two fixes for one package is told. An error is
// the source's, or says that there is too much to tell.
func Judge(t *lockfile.NPMTree, advisories []*Advisory, source Source) ([]*Vulnerability, error) {
	j := &judge{tree: t, source: source, packuments: map[string]*Packument{}, metas: map[metaKey]*cause{}, vulns: map[string]*vuln{}, users: make([][]user, len(t.Entries)), byName: map[string][]int{}}
	for i := range t.Entries {
		j.byName[t.Entries[i].Name] = append(j.byName[t.Entries[i].Name], i)
		for _, n := range t.Entries[i].Needs {
			if n.To >= 0 {
				j.users[n.To] = append(j.users[n.To], user{i, n.Spec})
			}
		}
	}
	for _, a := range advisories {
		p, err := j.packument(a.Name)
		if err != nil {
			return nil, err
		}
		j.queue = append(j.queue, direct(a, p))
	}
	for i := 0; i < len(j.queue); i++ {
		if i == maxCauses {
			return nil, fmt.Errorf("metavuln: more than %d causes of vulnerabilities", maxCauses)
		}
		if err := j.take(j.queue[i]); err != nil {
			return nil, err
		}
	}
	return j.result(), nil
}

type metaKey struct {
	name  string
	cause *cause
}

// A user is an entry that asks for another.
type user struct {
	entry int
	spec  string
}

type judge struct {
	tree       *lockfile.NPMTree
	source     Source
	packuments map[string]*Packument
	metas      map[metaKey]*cause
	users      [][]user
	byName     map[string][]int
	queue      []*cause
	queued     map[*cause]bool
	seen       map[string]bool
	vulns      map[string]*vuln
	order      []*vuln
}

// A vuln is a Vulnerability in the making.
type vuln struct {
	name    string
	causes  []*cause
	nodes   []int
	hit     map[int]bool // the same as nodes
	tops    map[int]bool
	fix     Fix
	via     []*vuln
	effects []*vuln
	gone    bool
}

func (j *judge) packument(name string) (*Packument, error) {
	if p := j.packuments[name]; p != nil {
		return p, nil
	}
	p, err := j.source(name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &Packument{Name: name}
	}
	j.packuments[name] = p
	return p, nil
}

// meta is a package's cause by another's, computed once.
func (j *judge) meta(name string, c *cause) (*cause, error) {
	k := metaKey{name, c}
	if m := j.metas[k]; m != nil {
		return m, nil
	}
	p, err := j.packument(name)
	if err != nil {
		return nil, err
	}
	j.metas[k] = indirect(name, c, p)
	return j.metas[k], nil
}

// top says that an entry is the app or a folder beside every node_modules.
func (j *judge) top(i int) bool { return i == 0 || j.tree.Entries[i].Member }

// take adds a cause: which entries it hits, and what these make vulnerable.
func (j *judge) take(c *cause) error {
	v := j.vulns[c.name]
	if v == nil {
		v = &vuln{name: c.name, hit: map[int]bool{}, tops: map[int]bool{}, fix: Fix{Available: true}}
		j.vulns[c.name], j.order = v, append(j.order, v)
	}
	v.causes = append(v.causes, c)
	if j.seen == nil {
		j.seen, j.queued = map[string]bool{}, map[*cause]bool{}
	}
	key := c.name + "@" + c.span
	if !j.seen[key] {
		for _, i := range j.byName[c.name] {
			e := &j.tree.Entries[i]
			if e.Version == "" || e.Link || j.top(i) || !c.holds(e.Version, "") || v.hit[i] {
				continue
			}
			v.nodes, v.hit[i] = append(v.nodes, i), true
			for _, u := range j.users[i] {
				if err := j.passOn(v, c, u); err != nil {
					return err
				}
			}
		}
		j.seen[key] = true
	}
	if len(v.nodes) == 0 {
		v.gone = true
		delete(j.vulns, c.name)
		return nil
	}
	v.causes = slices.DeleteFunc(v.causes, func(c *cause) bool {
		return !slices.ContainsFunc(v.nodes, func(i int) bool { return c.holds(j.tree.Entries[i].Version, "") })
	})
	return nil
}

// passOn looks at one that asks for a vulnerable package: the app has to be mended, and
// what stands between may be vulnerable itself.
func (j *judge) passOn(v *vuln, c *cause, u user) error {
	if j.top(u.entry) && !v.tops[u.entry] {
		v.fix = v.fixFor(u.spec)
		if v.fix != (Fix{Available: true}) {
			v.tops[u.entry] = true
		}
		return nil
	}
	e := &j.tree.Entries[u.entry]
	m, err := j.meta(e.Name, c)
	if err != nil {
		return err
	}
	if m.holds(e.Version, u.spec) && !j.queued[m] {
		j.queued[m] = true
		j.queue = append(j.queue, m)
	}
	return nil
}

func (v *vuln) span() string {
	var all []string
	for _, c := range v.causes {
		all = append(all, c.span)
	}
	return strings.Join(all, " || ")
}

// setFix changes the fix of a vulnerability and of what makes it one: what has to be done
// for it helps them too, and the hardest counts.
func (v *vuln) setFix(f Fix) {
	v.fix = f
	for _, by := range v.via {
		switch {
		case by.fix == f:
		case !f.Available, by.fix.Available && by.fix.Name == "", f.Name != "" && !by.fix.Major:
			by.setFix(f)
		}
	}
}

func (j *judge) result() []*Vulnerability {
	j.order = slices.DeleteFunc(j.order, func(v *vuln) bool { return v.gone })
	for _, v := range j.order {
		for _, c := range v.causes {
			if c.source == nil {
				continue
			}
			by := j.vulns[c.source.name]
			if by == nil {
				continue
			}
			if !slices.Contains(v.via, by) {
				v.via = append(v.via, by)
			}
			if !slices.Contains(by.effects, v) {
				by.effects = append(by.effects, v)
			}
			v.setFix(v.fix)
		}
	}
	var all []*Vulnerability
	for _, v := range j.order {
		all = append(all, j.written(v))
	}
	slices.SortFunc(all, func(a, b *Vulnerability) int { return Collate(a.Name, b.Name) })
	return all
}

func (j *judge) written(v *vuln) *Vulnerability {
	out := &Vulnerability{Name: v.name, Fix: v.fix}
	for _, c := range v.causes {
		if Rank(c.severity()) > Rank(out.Severity) {
			out.Severity = c.severity()
		}
		if c.source == nil {
			out.Advisories = append(out.Advisories, c.advisory)
		} else {
			out.Via = append(out.Via, c.source.name)
		}
	}
	out.Range = simplify(v.causes[0].packument.sorted, v.span())
	effects := map[string]bool{}
	for _, e := range v.effects {
		effects[e.name] = true
	}
	out.Effects = slices.SortedFunc(maps.Keys(effects), Collate)
	for _, i := range v.nodes {
		out.Nodes = append(out.Nodes, j.tree.Entries[i].Location)
		out.Direct = out.Direct || slices.ContainsFunc(j.users[i], func(u user) bool { return j.top(u.entry) })
	}
	slices.SortFunc(out.Nodes, Collate)
	slices.SortFunc(out.Via, Collate)
	return out
}

// Rank orders npm's severities: 0 for info to 4 for critical, -1 for another word.
func Rank(severity string) int {
	return slices.Index([]string{"info", "low", "moderate", "high", "critical"}, severity)
}

// Collate orders names and paths as npm sorts them, which is the order of English: signs
// before digits before letters, and case only where all else is equal.
func Collate(a, b string) int {
	la, lb := strings.ToLower(a), strings.ToLower(b)
	for i := 0; i < len(la) && i < len(lb); i++ {
		if n := cmp.Compare(weight(la[i]), weight(lb[i])); n != 0 {
			return n
		}
	}
	// Lower case comes first.
	return cmp.Or(len(la)-len(lb), -strings.Compare(a, b))
}

func weight(c byte) int {
	if i := strings.IndexByte("_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$", c); i >= 0 {
		return i
	}
	return 64 + int(c)
}
