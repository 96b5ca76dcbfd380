package lockfile

import (
	"cmp"
	"strings"
)

// maxNested is how many node_modules one path of a package-lock has at most; real ones
// have a handful.
const maxNested = 40

// readNPM reads package-lock.json and npm-shrinkwrap.json.
func readNPM(file, text string, m *Manifest) (*Lock, error) {
	root, err := readJSON(file, text, false)
	if err != nil {
		return nil, err
	}
	kind, _, _ := strings.Cut(file, ".")
	version := root.get("lockfileVersion").str()
	l := &Lock{File: file, Format: kind + " v" + version, Ecosystem: NPM}
	packages := root.get("packages")
	switch {
	case root.kind != dict:
		return nil, &Error{file, int(root.line), "is no JSON object"}
	case version != "1" && version != "2" && version != "3":
		return nil, &Error{file, int(root.get("lockfileVersion").line), "has lockfileVersion " + quote(version) + ": 1, 2 and 3 are known"}
	case version == "1":
		if d := root.get("dependencies"); d.kind != dict && d.kind != null {
			return nil, &Error{file, int(d.line), "has dependencies that are no object"}
		}
		if line := elsewhere(&root, "dependencies"); line > 0 {
			return nil, astray(file, line)
		}
		l.npm = &root
		return npmTree(l, &root, m)
	case packages.kind != dict:
		return nil, &Error{file, int(packages.line), "has no object of packages, as lockfileVersion " + version + " demands"}
	}
	// Beside packages, lockfileVersion 2 has the tree of version 1 for older programs.
	if line := elsewhere(&root, "packages", "dependencies"); line > 0 {
		return nil, astray(file, line)
	}
	l.npm = packages
	return npmPackages(l, packages)
}

// npmPackages reads the flat list by path of npm 7 and later.
func npmPackages(l *Lock, packages *value) (*Lock, error) {
	if err := crowded(l.File, packages.members); err != nil {
		return nil, err
	}
	keys := make(map[string]int32, len(packages.members))
	links := make(map[string]string)
	g := &l.graph
	// The app itself is the first node, wherever the file has it.
	app := packages.get("")
	keys[""] = g.add(node{member: true})
	read := []*value{app}
	for i := range packages.members {
		key, v := packages.members[i].key, &packages.members[i].value
		switch {
		case v.kind != dict:
			return nil, &Error{l.File, int(v.line), "has an entry " + quote(key) + " that is no object"}
		case strings.Count(key, "node_modules/") > maxNested || len(key) > 4096:
			return nil, &Error{l.File, int(v.line), "has a path with too many node_modules: " + quote(key)}
		case cmp.Or(mistyped(v), misshapen(v, asks...)) != "":
			return nil, &Error{l.File, int(v.line), "has an entry " + quote(key) + " whose " + cmp.Or(mistyped(v), misshapen(v, asks...)) + " is of a wrong type"}
		case misplaced(v) > 0:
			return nil, astray(l.File, misplaced(v))
		case v.get("link").isTrue():
			links[key] = v.get("resolved").str()
		case key != "":
			n := npmNode(key, v)
			if n.Name == "" {
				return nil, &Error{l.File, int(v.line), "has an entry without a name: " + quote(key)}
			}
			keys[key] = g.add(n)
			read = append(read, v)
		}
	}
	for i := range packages.members {
		from := packages.members[i].key
		to, ok := keys[links[from]]
		if links[from] == "" || !ok {
			continue
		}
		keys[from] = to
		at := strings.LastIndex(from, "node_modules/")
		if at >= 0 && g.nodes[to].Alias == "" {
			g.nodes[to].Name = from[at+len("node_modules/"):]
		}
		if at == 0 {
			g.connect(0, to, needed)
		}
	}
	for i, v := range read {
		for _, s := range needs {
			// What packages want for their own development is not installed.
			if s.need == dev && !g.nodes[i].member {
				continue
			}
			section := v.get(s.section)
			for j := range section.dict() {
				d := &section.members[j]
				to, ok := npmResolve(keys, g.nodes[i].Key, d.key)
				if !ok && (s.need == needed || s.need == dev) && v.get("optionalDependencies").get(d.key).kind == null {
					l.miss(int32(i), d)
				}
				if ok {
					g.connect(int32(i), to, s.need)
					l.asksBeside(int32(i), to, s.need, d.str())
				}
			}
		}
	}
	return l.finish(true), nil
}

// mistyped is a field of an entry that is no text where one belongs; empty for none.
func mistyped(v *value) string {
	for _, key := range []string{"version", "name", "integrity"} {
		if m := v.get(key); m.kind != null && (m.kind != scalar || !m.quoted) {
			return key
		}
	}
	if k := v.get("resolved").kind; k != null && k != scalar {
		return "resolved" // npm writes false there too
	}
	return ""
}

// asks are the fields of an entry that name packages and what it wants of them.
var asks = []string{"dependencies", "optionalDependencies", "peerDependencies", "requires"}

// misshapen is one of those fields that is no map of texts; empty for none. An empty list is taken for an empty map, as npm takes it.
func misshapen(v *value, fields ...string) string {
	for _, key := range fields {
		if m := v.get(key); !ranges(m) && (key != "requires" || m.kind != scalar) {
			return key
		}
	}
	return ""
}

// ranges says that a value can be a map of names to ranges.
func ranges(m *value) bool {
	for i := range m.dict() {
		if k := m.members[i].kind; k == dict || k == list {
			return false
		}
	}
	return m.kind == dict || m.kind == null || m.kind == list && len(m.members) == 0
}

func npmNode(key string, v *value) node {
	n := node{Package: Package{Key: key, Line: int(v.line), Version: v.get("version").str()}}
	name := v.get("name").str()
	at := strings.LastIndex(key, "node_modules/")
	if n.member = at < 0; n.member {
		n.Name, n.License = cmp.Or(name, key), v.get("license").str()
		return n
	}
	n.Name = key[at+len("node_modules/"):]
	if name != "" && name != n.Name && n.Name != "" {
		n.Name, n.Alias = name, n.Name
	}
	n.Source, n.Address = npmSource(v.get("resolved").str(), n.Version)
	n.License = v.get("license").str()
	n.Origin = npmOrigin(v)
	n.Dev, n.Peer, n.Bundled = v.get("dev").isTrue(), v.get("peer").isTrue(), v.get("inBundle").isTrue()
	// What development and an optional package both need goes where either goes.
	n.Optional = v.get("optional").isTrue() || v.get("devOptional").isTrue()
	return n
}

// npmResolve finds what Node finds: in the node_modules of the folder, and of each above.
func npmResolve[N int | int32](keys map[string]N, from, name string) (N, bool) {
	for dir := from; ; {
		key := "node_modules/" + name
		if dir != "" {
			key = dir + "/" + key
		}
		if to, ok := keys[key]; ok {
			return to, true
		}
		if dir == "" {
			return 0, false
		}
		if at := strings.LastIndex(dir, "/node_modules/"); at >= 0 {
			dir = dir[:at]
		} else {
			dir = ""
		}
	}
}

// npmSource tells where a package comes from by its resolved address, or by its version
// where lockfileVersion 1 writes the address there.
func npmSource(resolved, version string) (Source, string) {
	for _, address := range []string{version, resolved} {
		switch {
		case strings.HasPrefix(address, "git+"), strings.HasPrefix(address, "git:"), strings.HasPrefix(address, "github:"),
			strings.HasPrefix(address, "gitlab:"), strings.HasPrefix(address, "bitbucket:"), strings.HasPrefix(address, "gist:"):
			return Git, address
		case strings.HasPrefix(address, "file:"), strings.HasPrefix(address, "link:"), strings.HasPrefix(address, "portal:"):
			return Folder, address
		case strings.Contains(address, "codeload.github.com/"):
			return Git, address
		case strings.HasPrefix(address, "http:") || strings.HasPrefix(address, "https:"):
			// Registries keep tarballs below "/-/", and some below other paths.
			if address == version {
				return Archive, address
			}
		}
	}
	return Registry, ""
}

// npmTree reads the nested tree of npm 5 and 6.
func npmTree(l *Lock, root *value, m *Manifest) (*Lock, error) {
	g := &l.graph
	keys := make(map[string]int32)
	if m != nil {
		g.add(node{member: true})
	}
	type entry struct {
		at int32
		v  *value
	}
	var all []entry
	var walk func(v *value, dir string) error
	walk = func(v *value, dir string) error {
		for i := range v.get("dependencies").dict() {
			d := &v.get("dependencies").members[i]
			key := dir + "node_modules/" + d.key
			switch {
			case d.kind != dict:
				return &Error{l.File, int(d.line), "has an entry " + quote(d.key) + " that is no object"}
			case strings.Count(key, "node_modules/") > maxNested || len(key) > 4096:
				return &Error{l.File, int(d.line), "has a path with too many node_modules: " + quote(key)}
			case len(all) == maxPackages:
				return &Error{l.File, int(d.line), "has more than 200000 packages"}
			case d.key == "":
				return &Error{l.File, int(d.line), "has an entry without a name"}
			}
			if field := cmp.Or(mistyped(&d.value), misshapen(&d.value, "requires")); field != "" {
				return &Error{l.File, int(d.line), "has an entry " + quote(d.key) + " whose " + field + " is of a wrong type"}
			}
			if line := elsewhere(&d.value, "dependencies"); line > 0 {
				return astray(l.File, line)
			}
			version := d.get("version").str()
			n := node{Package: Package{Name: d.key, Version: version, Key: key, Line: int(d.line)}}
			if real, ok := strings.CutPrefix(version, "npm:"); ok {
				n.Name, n.Version = cutSpec(real)
				n.Alias = d.key
			}
			n.Source, n.Address = npmSource(d.get("resolved").str(), n.Version)
			if n.Source != Registry && n.Address == n.Version {
				n.Version = ""
			}
			n.archived(n.Address)
			n.member = n.Source == Folder && !strings.HasSuffix(n.Address, "gz")
			n.Origin = npmOrigin(&d.value)
			n.Dev, n.Optional, n.Bundled = d.get("dev").isTrue(), d.get("optional").isTrue(), d.get("bundled").isTrue()
			keys[key] = g.add(n)
			all = append(all, entry{keys[key], &d.value})
			if err := walk(&d.value, key+"/"); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(root, ""); err != nil {
		return nil, err
	}
	for _, e := range all {
		requires := e.v.get("requires")
		for i := range requires.dict() {
			d := &requires.members[i]
			if to, ok := npmResolve(keys, g.nodes[e.at].Key, d.key); ok {
				g.connect(e.at, to, needed)
			} else if !g.nodes[e.at].Optional {
				l.miss(e.at, d)
			}
		}
	}
	if m != nil {
		for _, d := range m.Needs {
			if to, ok := keys["node_modules/"+d.Name]; ok {
				g.connect(0, to, d.need)
			}
		}
		for i := range g.nodes {
			if g.nodes[i].member && i > 0 {
				g.connect(0, int32(i), needed)
			}
		}
	}
	return l.finish(true), nil
}

// cutSpec splits "@scope/name@1.2.3" into name and version.
func cutSpec(spec string) (name, version string) {
	if at := strings.LastIndexByte(spec, '@'); at > 0 {
		return spec[:at], spec[at+1:]
	}
	return spec, ""
}
