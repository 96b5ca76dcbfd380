package lockfile

import (
	"cmp"
	"strings"
)

// An NPMTree is a package-lock as npm has it in memory: every folder that it would make, and
// by which range each asks for which other.
type NPMTree struct {
	// Entries have the app itself first, and then the order of the file.
	Entries []Entry
}

// An Entry is one folder of a [NPMTree].
type Entry struct {
	// Name is the package's real name; of the app itself it may be empty.
	Name, Version string
	// Location is its folder below the app's, "node_modules/qs"; empty for the app.
	Location string
	// Line is that of the lockfile.
	Line int
	// Link says that it only leads to another folder, and Member that such a link leads to
	// it or that it lies outside of every node_modules.
	Link, Member bool
	// Dev, Optional and Peer are the lockfile's own flags.
	Dev, Optional, Peer bool
	// Needs are what it asks for, each name once.
	Needs []Ask
}

// An Ask is one dependency of an [Entry].
type Ask struct {
	Name, Spec string
	// To is the number of the entry that answers it, -1 for none.
	To int
}

// NPMTree returns the tree of a package-lock.json or npm-shrinkwrap.json, and nil for every
// other lockfile. The manifest tells what the app asks for where lockfileVersion 1 does
// not; it may be nil.
func (l *Lock) NPMTree(m *Manifest) *NPMTree {
	switch {
	case l.npm == nil:
		return nil
	case strings.HasSuffix(l.Format, " v1"):
		return l.treeOfOld(m)
	}
	t := new(NPMTree)
	keys := map[string]int{}
	links := map[string]string{}
	targets := map[string]bool{}
	var read []*value
	add := func(key string, v *value) {
		at := strings.LastIndex(key, "node_modules/")
		e := Entry{
			Name: v.get("name").str(), Version: v.get("version").str(), Location: key, Line: int(v.line),
			Link: v.get("link").isTrue(), Member: key != "" && at < 0, Dev: v.get("dev").isTrue(), Optional: v.get("optional").isTrue(), Peer: v.get("peer").isTrue(),
		}
		if e.Name == "" && key != "" {
			e.Name = key[strings.LastIndexByte(key, '/')+1:]
			if at >= 0 {
				e.Name = key[at+len("node_modules/"):]
			}
		}
		if e.Link {
			links[key] = v.get("resolved").str()
			targets[links[key]] = true
		}
		keys[key] = len(t.Entries)
		t.Entries, read = append(t.Entries, e), append(read, v)
	}
	add("", l.npm.get(""))
	for i := range l.npm.members {
		if key := l.npm.members[i].key; key != "" {
			add(key, &l.npm.members[i].value)
		}
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Member = e.Member || targets[e.Location]; e.Link {
			if to, ok := keys[links[e.Location]]; ok {
				e.Dev, e.Optional, e.Peer = t.Entries[to].Dev, t.Entries[to].Optional, t.Entries[to].Peer
			}
			continue
		}
		// A later section overrides what an earlier one says of a name, as with npm.
		sections := []string{"peerDependencies", "dependencies", "optionalDependencies"}
		if i == 0 || e.Member {
			sections = append(sections, "devDependencies")
		}
		seen := map[string]int{}
		for _, section := range sections {
			for _, d := range read[i].get(section).dict() {
				if at, twice := seen[d.key]; twice {
					e.Needs[at].Spec = d.str()
					continue
				}
				seen[d.key] = len(e.Needs)
				e.Needs = append(e.Needs, Ask{d.key, d.str(), npmFind(keys, e.Location, d.key)})
			}
		}
	}
	for key := range links {
		if name, ok := strings.CutPrefix(key, "node_modules/"); ok && t.Entries[keys[key]].Name == name {
			t.Entries[0].Needs = append(t.Entries[0].Needs, Ask{name, "file:" + links[key], keys[key]})
		}
	}
	return t
}

func (l *Lock) treeOfOld(m *Manifest) *NPMTree {
	t := &NPMTree{Entries: []Entry{{}}}
	keys := map[string]int{"": 0}
	read := []*value{l.npm}
	var walk func(v *value, dir string)
	walk = func(v *value, dir string) {
		for i := range v.get("dependencies").dict() {
			d := &v.get("dependencies").members[i]
			e := Entry{Name: d.key, Version: d.get("version").str(), Location: dir + "node_modules/" + d.key, Line: int(d.line), Dev: d.get("dev").isTrue(), Optional: d.get("optional").isTrue()}
			if real, ok := strings.CutPrefix(e.Version, "npm:"); ok {
				e.Name, e.Version = cutSpec(real)
			}
			keys[e.Location] = len(t.Entries)
			t.Entries, read = append(t.Entries, e), append(read, &d.value)
			walk(&d.value, e.Location+"/")
		}
	}
	walk(l.npm, "")
	for i := range t.Entries[1:] {
		e := &t.Entries[i+1]
		for _, d := range read[i+1].get("requires").dict() {
			e.Needs = append(e.Needs, Ask{d.key, d.str(), npmFind(keys, e.Location, d.key)})
		}
	}
	if m != nil {
		t.Entries[0].Name, t.Entries[0].Version = m.Name, m.Version
		for _, n := range m.Needs {
			t.Entries[0].Needs = append(t.Entries[0].Needs, Ask{n.Name, n.Spec, npmFind(keys, "", n.Name)})
		}
	}
	t.Entries[0].Name = cmp.Or(t.Entries[0].Name, l.npm.get("name").str())
	return t
}

// npmFind is the number of what Node finds from a folder by a name, -1 for nothing.
func npmFind(keys map[string]int, from, name string) int {
	if to, ok := npmResolve(keys, from, name); ok {
		return to
	}
	return -1
}
