package lockfile

import (
	"maps"
	"slices"
	"strings"
)

// readPNPM reads pnpm-lock.yaml of pnpm 6 to 12.
func readPNPM(file, text string) (*Lock, error) {
	l := &Lock{File: file, Ecosystem: NPM}
	members := map[string]int32{}
	for _, document := range pnpmDocuments(text) {
		read := readYAML
		if strings.HasPrefix(document, "{") {
			read = readJSON5 // the syntax of lockfileVersion 13.0
		}
		root, err := read(file, document)
		if err != nil {
			return nil, err
		}
		version := root.get("lockfileVersion").str()
		major, _, _ := strings.Cut(version, ".")
		l.Format = "pnpm " + version
		switch {
		case root.kind != dict || version == "":
			return nil, &Error{file, int(root.line), "has no lockfileVersion"}
		case major != "5" && major != "6" && major != "9":
			return nil, &Error{file, int(root.get("lockfileVersion").line), "has lockfileVersion " + quote(version) + ": 5.x, 6.x and 9.x are known"}
		}
		if err := l.pnpmDocument(&root, major, members); err != nil {
			return nil, err
		}
	}
	if root, ok := members["."]; ok && len(members) > 1 {
		for i := range l.graph.nodes {
			if l.graph.nodes[i].member {
				l.graph.connect(root, int32(i), needed)
			}
		}
	}
	// Before 9.0 the lockfile tells what is for development; the graph tells it as well.
	return l.finish(false), nil
}

// pnpmDocuments splits a file where pnpm 11 and later do: in front of what the app needs
// may stand what pnpm itself needs. Each keeps its lines.
func pnpmDocuments(text string) []string {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "\ufeff"), "---\n")
	own, app, two := strings.Cut(rest, "\n---\n")
	if !ok || !two {
		return []string{text}
	}
	return []string{"\n" + own, strings.Repeat("\n", strings.Count(own, "\n")+3) + app}
}

// pnpmNeeds are the sections of an importer, with those of pnpm itself.
var pnpmNeeds = slices.Concat(needs[:3], []section{{"configDependencies", dev}, {"packageManagerDependencies", dev}})

// pnpmDocument adds what one document lists; members are the importers by their folder.
func (l *Lock) pnpmDocument(root *value, major string, members map[string]int32) error {
	g, file := &l.graph, l.File
	importers := root.get("importers")
	apps := []member{{key: ".", value: *root}}
	if importers.kind == dict {
		apps = importers.members
	}
	for _, a := range apps {
		if _, ok := members[a.key]; ok {
			continue
		}
		n := node{member: true}
		if a.key != "." {
			n.Name = a.key
		}
		members[a.key] = g.add(n)
	}
	packages, snapshots := root.get("packages"), root.get("snapshots")
	keys := map[string]int32{}
	entries := packages.dict()
	if snapshots.kind == dict {
		// Since 9.0 a package with several sets of peers is several snapshots of one package.
		entries = snapshots.members
	}
	if err := crowded(file, entries); err != nil {
		return err
	}
	if err := crowded(file, packages.dict()); err != nil {
		return err
	}
	for _, section := range []*value{packages, snapshots, importers} {
		if section.kind != dict && section.kind != null {
			return &Error{file, int(section.line), "has packages, snapshots or importers that are no map"}
		}
	}
	about := map[string]*value{}
	for i := range packages.dict() {
		about[packages.members[i].key] = &packages.members[i].value
	}
	for _, key := range slices.Sorted(maps.Keys(about)) {
		if about[key].kind != dict {
			return &Error{file, int(about[key].line), "has a package that is no map: " + quote(key)}
		}
	}
	if settings := root.get("settings"); !ranges(settings) {
		return &Error{file, int(settings.line), "has settings that are none"}
	}
	if line := elsewhere(root, "packages", "snapshots"); line > 0 {
		return astray(file, line)
	}
	first := int32(len(g.nodes))
	used := map[*value]bool{}
	for i := range entries {
		e := &entries[i]
		v := about[e.key]
		if v == nil {
			if v = about[pnpmBase(e.key)]; v == nil {
				return &Error{file, int(e.line), "has a snapshot of no package: " + quote(e.key)}
			}
		}
		used[v] = true
		if misshapen(&e.value, asks...) != "" || e.kind != dict {
			return &Error{file, int(e.line), "has an entry " + quote(e.key) + " of a wrong type"}
		}
		if line := max(misplaced(v), misplaced(&e.value)); line > 0 {
			return astray(file, line)
		}
		n, told := pnpmNode(e.key, v, major)
		switch {
		case n.Name == "":
			return &Error{file, int(e.line), "has an entry without a name: " + quote(e.key)}
		case told != "" && n.Version != told:
			return &Error{file, int(v.line), "has an entry " + quote(e.key) + " whose version is " + quote(n.Version)}
		}
		n.Line = int(e.line)
		n.Dev, n.Optional = v.get("dev").isTrue(), v.get("optional").isTrue()
		keys[e.key] = g.add(n)
	}
	for i := range packages.dict() {
		if m := &packages.members[i]; !used[&m.value] {
			return &Error{file, int(m.line), "has a package without a snapshot: " + quote(m.key)}
		}
	}
	// What pnpm resolved, it writes: a reference to nothing is a file that was damaged.
	to := func(d *member) (int32, error) {
		ref := d.str()
		if d.kind == dict {
			ref = d.get("version").str()
		}
		for _, key := range []string{ref, "/" + d.key + "/" + ref, "/" + d.key + "@" + ref, d.key + "@" + ref} {
			if at, ok := keys[key]; ok {
				return at, nil
			}
		}
		if strings.HasPrefix(ref, "link:") {
			return -1, nil
		}
		return -1, &Error{file, int(d.line), "needs " + quote(d.key) + " " + quote(ref) + ", which it does not have"}
	}
	for i := range entries {
		for _, s := range needs[:2] {
			section := entries[i].get(s.section)
			for j := range section.dict() {
				at, err := to(&section.members[j])
				if err != nil {
					return err
				}
				if at >= 0 {
					g.connect(first+int32(i), at, s.need)
				}
			}
		}
	}
	for _, a := range apps {
		for _, s := range pnpmNeeds {
			section := a.get(s.section)
			if section.kind != dict && section.kind != null {
				return &Error{file, int(section.line), "has " + s.section + " that are no map"}
			}
			for j := range section.dict() {
				d := &section.members[j]
				at, err := to(d)
				if err != nil {
					return err
				}
				if at < 0 {
					continue
				}
				if n := &g.nodes[at]; n.Name != d.key && n.Alias == "" {
					n.Alias = d.key
				}
				g.connect(members[a.key], at, s.need)
			}
		}
	}
	return nil
}

// pnpmNode reads the key of a package: "/name/1.2.3_peer", "/name@1.2.3(peer@1)",
// "name@1.2.3".
//
// told is the version of a registry's package by its key.
func pnpmNode(key string, v *value, major string) (n node, told string) {
	n = node{Package: Package{Key: key, Origin: pnpmOrigin(v)}}
	base, local := strings.CutPrefix(pnpmBase(key), "/")
	resolution := v.get("resolution")
	switch {
	case strings.HasPrefix(base, "file:") || strings.HasPrefix(pnpmRest(base), "file:") || resolution.get("type").str() == "directory":
		n.Source, n.Address = Folder, base
	case resolution.get("type").str() == "git" || strings.HasPrefix(base, "github.com/") || strings.Contains(base, "codeload.github.com"):
		n.Source, n.Address = Git, base
	case major != "9" && !local, strings.Contains(base, "://"), strings.HasPrefix(base, "@") && strings.Contains(base, "@http"):
		n.Source, n.Address = Archive, base
	}
	if major == "5" {
		if at := strings.LastIndexByte(base, '/'); at > 0 {
			n.Name = base[:at]
			n.Version, _, _ = strings.Cut(base[at+1:], "_")
		}
	} else {
		n.Name, n.Version = cutName(base)
		// "work:1.0.0" is of a registry that the settings call so.
		if _, version, ok := strings.Cut(n.Version, ":"); ok && n.Source == Registry {
			n.Version = version
		}
	}
	if n.Source != Registry {
		n.Version = ""
		if major == "5" || strings.ContainsAny(n.Name, ":") || strings.Count(n.Name, "/") > 1 {
			n.Name = ""
		}
	}
	if n.Source == Registry {
		told = n.Version
	}
	if name := v.get("name").str(); name != "" {
		n.Name = name
	}
	if version := v.get("version").str(); version != "" {
		n.Version = version
	}
	if n.Name == "" {
		n.Name = base
	}
	return n, told
}

// pnpmRest is what follows the name in a key.
func pnpmRest(base string) string {
	_, rest := cutName(base)
	return rest
}

// pnpmBase is a key without what follows in round brackets at its end: a patch and peers,
// which have brackets of their own.
func pnpmBase(key string) string {
	for strings.HasSuffix(key, ")") {
		open, at := 0, len(key)-1
		for ; at >= 0; at-- {
			switch key[at] {
			case ')':
				open++
			case '(':
				open--
			}
			if open == 0 {
				break
			}
		}
		if at <= 0 {
			break
		}
		key = key[:at]
	}
	return key
}
