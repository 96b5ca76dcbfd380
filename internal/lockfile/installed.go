package lockfile

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Installed returns the numbers of the packages that code in a folder gets when it imports
// a name, "." being the folder of the lockfile. In a package-lock it is the one that Node
// finds; elsewhere those that the app or a member of its workspace asks for by that name,
// and where none does, all of the name.
func (l *Lock) Installed(dir, name string) []int {
	l.byKey.Do(func() {
		l.keys, l.names = make(map[string]int, len(l.Packages)), make(map[string][]int)
		l.byNode = make(map[int32]int, len(l.Packages))
		for i, p := range l.Packages {
			l.keys[p.Key] = i
			l.byNode[p.node] = i
			installed := cmp.Or(p.Alias, p.Name)
			l.names[installed] = append(l.names[installed], i)
		}
	})
	if strings.HasPrefix(l.Format, "package-lock") || strings.HasPrefix(l.Format, "npm-shrinkwrap") {
		for {
			if i, ok := l.keys[path.Join(dir, "node_modules", name)]; ok {
				return []int{i}
			}
			if dir == "." || dir == "/" || dir == "" {
				return nil
			}
			dir = path.Dir(dir)
		}
	}
	var asked []int
	for i := range l.graph.nodes {
		if !l.graph.nodes[i].member {
			continue
		}
		for _, e := range l.graph.nodes[i].deps {
			n := &l.graph.nodes[e.to]
			if number, ok := l.byNode[e.to]; ok && cmp.Or(n.Alias, n.Name) == name && !slices.Contains(asked, number) {
				asked = append(asked, number)
			}
		}
	}
	if len(asked) > 0 {
		return asked
	}
	return l.names[name]
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

// Way is a shortest way to a package, "express@4.17.1", "qs@6.7.0"; false where none leads
// there.
func (b Behind) Way(i int) ([]string, bool) {
	at := b.lock.Packages[i].node
	if b.from[at] == -2 {
		return nil, false
	}
	var way []string
	for ; at >= 0; at = b.from[at] {
		way = append(way, b.lock.graph.label(at))
	}
	slices.Reverse(way)
	return way, true
}
