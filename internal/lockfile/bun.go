package lockfile

import (
	"slices"
	"strings"
)

// readBun reads bun.lock.
func readBun(file, text string) (*Lock, error) {
	root, err := readJSON(file, text, true)
	if err != nil {
		return nil, err
	}
	version := root.get("lockfileVersion").str()
	l := &Lock{File: file, Format: "bun " + version, Ecosystem: NPM}
	packages, workspaces := root.get("packages"), root.get("workspaces")
	switch {
	case !slices.Contains([]string{"0", "1", "2", "3"}, version):
		return nil, &Error{file, int(root.line), "has lockfileVersion " + quote(version) + ": 0 to 3 are known"}
	case packages.kind != dict && packages.kind != null:
		return nil, &Error{file, int(packages.line), "has packages that are no object"}
	case workspaces.kind != dict:
		return nil, &Error{file, int(root.line), "has no workspaces, so nothing says what the app needs"}
	}
	if err := crowded(file, packages.dict()); err != nil {
		return nil, err
	}
	for i := range workspaces.members {
		if w := &workspaces.members[i]; w.kind != dict {
			return nil, &Error{file, int(w.line), "has a workspace that is no object: " + quote(w.key)}
		}
	}
	g := &l.graph
	keys := map[string]int32{}
	for i := range workspaces.members {
		w := &workspaces.members[i]
		n := node{member: true}
		if w.key != "" {
			n.Name = w.get("name").str()
			keys[n.Name] = int32(i)
		}
		g.add(n)
	}
	first := int32(len(g.nodes))
	trusted := map[string]bool{}
	for _, t := range root.get("trustedDependencies").list() {
		trusted[t.str()] = true
	}
	var read []*value
	for i := range packages.dict() {
		m := &packages.members[i]
		parts := m.list()
		if len(parts) == 0 || parts[0].kind != scalar {
			return nil, &Error{file, int(m.line), "has an entry that is no list beginning with NAME@VERSION: " + quote(m.key)}
		}
		name, version := cutName(parts[0].text)
		if strings.HasPrefix(version, "workspace:") {
			continue
		}
		if name == "" || version == "" {
			return nil, &Error{file, int(m.line), "has an entry without a name or a version: " + quote(m.key)}
		}
		n := node{Package: Package{Name: name, Version: version, Key: m.key, Line: int(m.line), Origin: bunOrigin(parts, trusted[name])}}
		switch {
		case strings.HasPrefix(version, "file:"), strings.HasPrefix(version, "link:"), strings.HasPrefix(version, "./"), strings.HasPrefix(version, "root:"):
			n.Source, n.Address, n.Version = Folder, version, ""
		case strings.HasPrefix(version, "git"):
			n.Source, n.Address, n.Version = Git, version, ""
		case strings.Contains(version, "://"):
			n.Source, n.Address, n.Version = Archive, version, ""
			n.archived(version)
		}
		if way := Names(m.key); way[len(way)-1] != n.Name {
			n.Alias = way[len(way)-1]
		}
		info := bunInfo(parts)
		n.Bundled = info.get("bundled").isTrue()
		keys[m.key] = g.add(n)
		read = append(read, info)
	}
	asks := func(from int32, below string, v *value, member bool) {
		for _, s := range needs {
			section := v.get(s.section)
			for i := range section.dict() {
				d := &section.members[i]
				if s.need == dev && !member {
					continue
				}
				to, ok := bunResolve(keys, below, d.key)
				if ok {
					g.connect(from, to, s.need)
					l.asksBeside(from, to, s.need, d.str())
				} else if s.need == needed || s.need == dev {
					l.miss(from, d)
				}
			}
		}
	}
	for i, info := range read {
		asks(first+int32(i), g.nodes[first+int32(i)].Key, info, false)
	}
	for i := range workspaces.members {
		w := &workspaces.members[i]
		asks(int32(i), g.nodes[i].Name, &w.value, true)
		if w.key != "" {
			g.connect(0, int32(i), needed)
		}
	}
	return l.finish(false), nil
}

// bunInfo is the object of an entry: the third item where a registry is the second.
func bunInfo(parts []member) *value {
	for i := range parts {
		if parts[i].kind == dict {
			return &parts[i].value
		}
	}
	return &value{}
}

// Names splits a way of names: "a/@s/b" into a and @s/b, with what stands behind each.
func Names(key string) []string {
	var way []string
	for part := range strings.SplitSeq(key, "/") {
		if n := len(way); n > 0 && strings.HasPrefix(way[n-1], "@") && !strings.Contains(way[n-1], "/") {
			way[n-1] += "/" + part
			continue
		}
		way = append(way, part)
	}
	return way
}

// bunResolve finds the entry below the key, or below one further up.
func bunResolve(keys map[string]int32, from, name string) (int32, bool) {
	way := Names(from)
	if from == "" {
		way = nil
	}
	for n := min(len(way), maxNested); ; n-- {
		key := name
		if n > 0 {
			key = strings.Join(way[:n], "/") + "/" + name
		}
		if to, ok := keys[key]; ok {
			return to, true
		}
		if n == 0 {
			return 0, false
		}
	}
}
