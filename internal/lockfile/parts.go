package lockfile

// A Part is the app itself or a member of its workspace.
type Part struct {
	// Name and Version are empty where the lockfile does not tell them. Key is its folder
	// below the app's; empty for the app itself.
	Name, Version, Key string
	License            string
	// Needs are the numbers of the packages that it depends on, in the order of the file,
	// and Parts those of members of the workspace.
	Needs, Parts []int
}

// Parts returns the app itself, first, and the members of its workspace, as far as the
// lockfile tells of them.
func (l *Lock) Parts() []Part {
	g := &l.graph
	number := map[int32]int{}
	for i := range g.nodes {
		if g.nodes[i].member {
			number[int32(i)] = len(number)
		}
	}
	var parts []Part
	for i := range g.nodes {
		n := &g.nodes[i]
		if !n.member {
			continue
		}
		p := Part{Name: n.Name, Version: n.Version, Key: n.Key, License: n.License, Needs: l.packagesOf(int32(i))}
		for _, e := range n.deps {
			if at, member := number[e.to]; member {
				p.Parts = append(p.Parts, at)
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// Needs returns the numbers of the packages that a package depends on, in the order of
// the file.
func (l *Lock) Needs(i int) []int { return l.packagesOf(l.Packages[i].node) }

func (l *Lock) packagesOf(node int32) []int {
	var all []int
	for _, e := range l.graph.nodes[node].deps {
		if at, ok := l.number(e.to); ok {
			all = append(all, at)
		}
	}
	return all
}
