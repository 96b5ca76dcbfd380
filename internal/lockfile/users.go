package lockfile

import (
	"fmt"
	"slices"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// Users returns what depends on a package: the numbers of packages, lowest first, and
// first of all -1 where the app itself or a member of its workspace does.
func (l *Lock) Users(i int) []int {
	g := &l.graph
	var users []int
	for _, from := range g.usersOf(l.Packages[i].node) {
		if n, ok := l.number(from); ok {
			users = append(users, n)
		} else {
			users = append(users, -1)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// Members are the members of the app's workspace, by what the lockfile calls them: the
// folder (npm, pnpm) or the name (Yarn).
func (l *Lock) Members() []string {
	var names []string
	for _, n := range l.graph.nodes {
		if name := n.Key; n.member && (name != "" || n.Name != "") {
			if name == "" {
				name = n.Name
			}
			names = append(names, name)
		}
	}
	return names
}

// A peerNeed is what a package asks its user to install beside it.
type peerNeed struct {
	from, to int32
	spec     string
}

// asksBeside notes a need that is one of a peer.
func (l *Lock) asksBeside(from, to int32, n need, spec string) {
	if n == peer {
		l.peers = append(l.peers, peerNeed{from, to, spec})
	}
}

// PeerConflicts are the packages that find another version beside them than they ask for,
// one a text: "plugin@1.0.0 asks for web ^1.0.0 beside it, and finds 2.0.0". Only
// package-lock 2 and 3 and bun.lock tell.
func (l *Lock) PeerConflicts() []string {
	var all []string
	for _, p := range l.peers {
		to := &l.graph.nodes[p.to]
		r, err := npmsemver.ParseRange(p.spec, npmsemver.Options{Loose: true})
		v, wrong := npmsemver.Parse(to.Version, npmsemver.Options{Loose: true})
		if err == nil && wrong == nil && !to.member && !r.Contains(v) {
			all = append(all, fmt.Sprintf("%s asks for %s %s beside it, and finds %s", l.graph.label(p.from), to.Name, p.spec, to.Version))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
