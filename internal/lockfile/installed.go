package lockfile

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// An index finds entries.
type index struct {
	// keys are numbers of packages by their key, names by what they are installed as, and
	// real by their own names.
	keys        map[string]int
	names, real map[string][]int
	// direct is what the app itself has under a name, -1 for a member of its workspace, and
	// asked what it or any member asks for.
	direct map[string]int
	asked  map[string][]int
}

func (l *Lock) index() *index {
	l.foundOnce.Do(func() {
		x := &l.found
		x.keys, x.names = make(map[string]int, len(l.Packages)), make(map[string][]int)
		x.real = make(map[string][]int)
		x.direct, x.asked = map[string]int{}, map[string][]int{}
		for i := range l.Packages {
			p := &l.Packages[i]
			x.keys[p.Key] = i
			name := cmp.Or(p.Alias, p.Name)
			x.names[name] = append(x.names[name], i)
			x.real[p.Name] = append(x.real[p.Name], i)
		}
		rooted := false
		for i := range l.graph.nodes {
			n := &l.graph.nodes[i]
			if !n.member {
				continue
			}
			root := n.Name == "" && !rooted
			rooted = rooted || root
			for _, e := range n.deps {
				to := &l.graph.nodes[e.to]
				name, number := cmp.Or(to.Alias, to.Name), -1
				if at, ok := l.number(e.to); ok {
					number = at
					if !slices.Contains(x.asked[name], at) {
						x.asked[name] = append(x.asked[name], at)
					}
				}
				if _, twice := x.direct[name]; root && !twice {
					x.direct[name] = number
				}
			}
		}
	})
	return &l.found
}

// number is that of the package of a node; false for the app's own parts.
func (l *Lock) number(node int32) (int, bool) {
	// Packages keep the order of the nodes.
	return slices.BinarySearchFunc(l.Packages, node, func(p Package, node int32) int { return int(p.node - node) })
}

// Direct returns what the app itself installs under a name: the number of a package, or
// false where there is none. A member of its own workspace is found and has no number: -1.
func (l *Lock) Direct(name string) (int, bool) {
	at, ok := l.index().direct[name]
	return at, ok
}

// Installed returns the numbers of the packages that code in a folder gets when it imports
// a name, "." being the folder of the lockfile. In a package-lock it is the one that Node
// finds; elsewhere those that the app or a member of its workspace asks for by that name,
// and where none does, all of the name.
func (l *Lock) Installed(dir, name string) []int {
	x := l.index()
	if l.npmKeys() {
		for {
			if i, ok := x.keys[path.Join(dir, "node_modules", name)]; ok {
				return []int{i}
			}
			if dir == "." || dir == "/" || dir == "" {
				return nil
			}
			dir = path.Dir(dir)
		}
	}
	if asked := x.asked[name]; len(asked) > 0 {
		return asked
	}
	return x.names[name]
}

// npmKeys says that the keys are the folders in which packages are installed.
func (l *Lock) npmKeys() bool {
	return strings.HasPrefix(l.Format, "package-lock") || strings.HasPrefix(l.Format, "npm-shrinkwrap")
}

// At returns the numbers of the packages that one which is installed in a folder can be, by
// its real name and version. What a package-lock has in that folder is that one and no
// other; none means that the lockfile does not have it.
func (l *Lock) At(dir, name, version string) []int {
	x := l.index()
	fits := func(i int) bool {
		p := &l.Packages[i]
		return p.Name == name && (p.Version == version || p.Version == "")
	}
	if i, ok := x.keys[dir]; ok && l.npmKeys() {
		if !fits(i) {
			return nil
		}
		return []int{i}
	}
	var all []int
	for _, i := range x.real[name] {
		if fits(i) {
			all = append(all, i)
		}
	}
	return all
}

// Gets returns the numbers of the packages that one in a folder can get by a name: as
// Installed does for a package-lock, and elsewhere all of the name.
func (l *Lock) Gets(dir, name string) []int {
	if l.npmKeys() {
		return l.Installed(dir, name)
	}
	return l.index().names[name]
}

// Called returns the numbers of all packages that are installed under a name somewhere.
func (l *Lock) Called(name string) []int { return l.index().names[name] }

// Asks says that the app, or a member of its workspace, asks for one of the names itself.
func (l *Lock) Asks(names ...string) bool {
	x := l.index()
	return slices.ContainsFunc(names, func(name string) bool { return len(x.asked[name]) > 0 })
}

// Behind are the packages that some packages need, directly or not, themselves among them.
type Behind struct {
	lock *Lock
	from []int32
}

// Behind follows what the packages of these numbers need.
func (l *Lock) Behind(numbers []int) Behind {
	roots := make([]int32, len(numbers))
	for i, n := range numbers {
		roots[i] = l.Packages[n].node
	}
	return Behind{l, l.graph.walk(roots, nil, func(edge) bool { return true })}
}

// Way is a shortest way to a package, "express@4.17.1", "qs@6.7.0", and the number of the
// package that it begins with; false where none leads there.
func (b Behind) Way(i int) (way []string, first int, ok bool) {
	at := b.lock.Packages[i].node
	if b.from[at] == -2 {
		return nil, 0, false
	}
	for ; at >= 0; at = b.from[at] {
		way = append(way, b.lock.graph.label(at))
		first, _ = b.lock.number(at)
	}
	slices.Reverse(way)
	return way, first, true
}

// Label is a package's name and version, as in ways.
func (l *Lock) Label(i int) string { return l.graph.label(l.Packages[i].node) }
