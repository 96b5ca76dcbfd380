package cookie

import (
	"slices"
	"strings"
	"time"
)

// candidates returns, by the names that clients see, the names that another guard with the
// same key and site may have renamed before this one saw the upstream set them: those of
// Options.Session and of frameworks, and the signatures beside them.
func (n *names) candidates(o Options) map[string]string {
	all := map[string]string{}
	add := func(name string) {
		for _, one := range []string{name, name + ".sig"} {
			if validName(one) && len(one) <= maxNameLen && !hasPrefixName(one) && !slices.Contains(o.Script, one) {
				all[n.outside(one)] = one
			}
		}
	}
	for _, name := range o.Session {
		add(name)
	}
	for name := range frameworkNames {
		add(name)
	}
	add("session") // of cookie-session, which has a signature beside it
	return all
}

// recognise takes up a name that only another guard can have handed out. That it has the
// name shows that the upstream sets such a cookie for this host and every path; with which
// attributes is not known until it does so here.
func (n *names) recognise(name string) {
	if n.shared == nil || !strings.HasPrefix(name, namePrefix) {
		return
	}
	own, ok := n.shared[name]
	if !ok || n.table.Load().by[name] != nil {
		return
	}
	fresh := Seen{Name: own, Guessed: true}
	if !n.restoring {
		fresh.Since = time.Now()
	}
	n.update(own, func(old *entry) Seen {
		if old == nil {
			return fresh
		}
		return old.Seen
	})
}

// recogniseAll is recognise for every cookie of a request.
func (n *names) recogniseAll(lines []string) {
	if n.shared == nil {
		return
	}
	for name := range Pairs(lines) {
		n.recognise(name)
	}
}

// SharedName tells whether every guard with the same key recognises the name once clients
// bring it, without having seen it: see Rename.Shared.
func (g *Guard) SharedName(name string) bool {
	if g.names == nil || g.names.shared == nil {
		return false
	}
	return g.names.shared[g.names.outside(name)] == name
}
