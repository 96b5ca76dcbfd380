package lockfile

import (
	"fmt"
	"slices"
	"sync"
)

// A need is why one package depends on another.
type need uint8

const (
	needed need = iota
	optional
	dev
	peer
)

// A section of a manifest or a lockfile names packages that are needed in one way.
type section struct {
	section string
	need    need
}

// needs are the sections of a manifest, in the order of their weight.
var needs = []section{{"dependencies", needed}, {"optionalDependencies", optional}, {"devDependencies", dev}, {"peerDependencies", peer}}

type edge struct {
	to   int32
	need need
}

type node struct {
	Package
	// member says that it is the app's own: the root or a member of its workspace.
	member bool
	deps   []edge
}

// A graph has the app's own parts and all packages as nodes.
type graph struct {
	nodes []node
	// from is the node by which a shortest way from the app leads to each; -1 for those
	// where a way begins, -2 where none leads.
	from []int32
	// users are the nodes that depend on each; made when first asked for.
	users [][]int32
	once  sync.Once
}

func (g *graph) add(n node) int32 {
	g.nodes = append(g.nodes, n)
	return int32(len(g.nodes) - 1)
}

// crowded says that a lockfile has more entries than it may have.
func crowded(file string, entries []member) error {
	if len(entries) > maxPackages {
		return &Error{file, int(entries[maxPackages].line), fmt.Sprintf("has more than %d packages", maxPackages)}
	}
	return nil
}

func (g *graph) connect(from, to int32, need need) {
	if from != to {
		g.nodes[from].deps = append(g.nodes[from].deps, edge{to, need})
	}
}

// maxMissing is how many missing packages are kept; the first is enough to know.
const maxMissing = 100

// miss notes what a node needs and the file does not have.
func (l *Lock) miss(from int32, d *member) {
	if len(l.Missing) < maxMissing {
		by := l.graph.label(from)
		if by == "" {
			by = "the app"
		}
		l.Missing = append(l.Missing, &Error{l.File, int(d.line), by + " needs " + quote(d.key) + ", which the file does not have"})
	}
}

// finish makes the packages of the nodes. told says that the lockfile told itself what is
// there for development only.
func (l *Lock) finish(told bool) *Lock {
	g := &l.graph
	var roots []int32
	for i := range g.nodes {
		if g.nodes[i].member {
			roots = append(roots, int32(i))
		}
	}
	if len(roots) > 0 {
		// Members lead on from the root where it names them, and stand alone otherwise.
		g.from = g.walk(roots[:1], nil, func(edge) bool { return true })
		g.from = g.walk(roots, g.from, func(edge) bool { return true })
	} else {
		g.from = g.orphans()
	}
	if !told && len(roots) > 0 {
		production := g.walk(roots, nil, func(e edge) bool { return e.need != dev })
		required := g.walk(roots, nil, func(e edge) bool { return e.need != optional })
		for i := range g.nodes {
			if reached := g.from[i] != -2; reached {
				g.nodes[i].Dev = production[i] == -2
				g.nodes[i].Optional = required[i] == -2
			}
		}
	}
	for i := range g.nodes {
		if !g.nodes[i].member {
			p := g.nodes[i].Package
			p.node = int32(i)
			l.Packages = append(l.Packages, p)
		}
	}
	return l
}

// walk goes breadth first from the roots over the edges that it may take, on from what
// was reached before.
func (g *graph) walk(roots, reached []int32, may func(edge) bool) []int32 {
	from := slices.Clone(reached)
	if from == nil {
		from = make([]int32, len(g.nodes))
		for i := range from {
			from[i] = -2
		}
	}
	var queue []int32
	for _, r := range roots {
		if from[r] == -2 {
			from[r] = -1
			queue = append(queue, r)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range g.nodes[at].deps {
			if from[e.to] == -2 && may(e) {
				from[e.to] = at
				queue = append(queue, e.to)
			}
		}
	}
	return from
}

// orphans lets ways begin at what nothing depends on, where no manifest tells more.
func (g *graph) orphans() []int32 {
	used := make([]bool, len(g.nodes))
	for i := range g.nodes {
		for _, e := range g.nodes[i].deps {
			used[e.to] = true
		}
	}
	var roots []int32
	for i, u := range used {
		if !u {
			roots = append(roots, int32(i))
		}
	}
	return g.walk(roots, nil, func(edge) bool { return true })
}

// Ways returns up to most ways from the app to a package, each by another of those that
// depend on it and as short as any, the shortest first: "express@4.17.1", "qs@6.7.0". The
// app itself is left out, and named where it is a member of a workspace. Empty means that
// nothing in the lockfile leads there.
func (l *Lock) Ways(i, most int) [][]string {
	g := &l.graph
	at := l.Packages[i].node
	var ways [][]string
	if g.from[at] == -1 {
		ways = append(ways, []string{g.label(at)})
	}
	// A way that comes by the package itself is none.
	for _, user := range g.usersOf(at) {
		if way, ok := g.way(user, at); ok {
			ways = append(ways, append(way, g.label(at)))
		}
	}
	slices.SortStableFunc(ways, func(a, b []string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare(a, b)
	})
	ways = slices.CompactFunc(ways, slices.Equal)
	return ways[:min(len(ways), most)]
}

// usersOf are the nodes that depend on one.
func (g *graph) usersOf(at int32) []int32 {
	g.once.Do(func() {
		g.users = make([][]int32, len(g.nodes))
		for from := range g.nodes {
			for _, e := range g.nodes[from].deps {
				g.users[e.to] = append(g.users[e.to], int32(from))
			}
		}
	})
	return g.users[at]
}

// way is the shortest way to a node that does not come by another.
func (g *graph) way(to, not int32) ([]string, bool) {
	if g.from[to] == -2 {
		return nil, false
	}
	var way []string
	for at := to; at >= 0; at = g.from[at] {
		if at == not {
			return nil, false
		}
		if label := g.label(at); label != "" {
			way = append(way, label)
		}
	}
	slices.Reverse(way)
	return way, true
}

// label is empty for the app itself.
func (g *graph) label(i int32) string {
	n := &g.nodes[i]
	if n.member || n.Version == "" {
		return n.Name
	}
	return n.Name + "@" + n.Version
}
