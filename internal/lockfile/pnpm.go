package lockfile

import (
	"maps"
	"slices"
	"strings"
)

// readPNPM reads pnpm-lock.yaml of pnpm 6 to 10.
func readPNPM(file, text string) (*Lock, error) {
	root, err := readYAML(file, text)
	if err != nil {
		return nil, err
	}
	version := root.get("lockfileVersion").str()
	major, _, _ := strings.Cut(version, ".")
	l := &Lock{File: file, Format: "pnpm " + version, Ecosystem: NPM}
	switch {
	case root.kind != dict || version == "":
		return nil, &Error{file, int(root.line), "has no lockfileVersion"}
	case major != "5" && major != "6" && major != "9":
		return nil, &Error{file, int(root.get("lockfileVersion").line), "has lockfileVersion " + quote(version) + ": 5.x, 6.x and 9.x are known"}
	}
	g := &l.graph
	importers := root.get("importers")
	single := member{key: ".", value: root}
	apps := []member{single}
	if importers.kind == dict {
		apps = importers.members
	}
	members := map[string]int32{}
	for _, a := range apps {
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
		return nil, err
	}
	if err := crowded(file, packages.dict()); err != nil {
		return nil, err
	}
	for _, section := range []*value{packages, snapshots, importers} {
		if section.kind != dict && section.kind != null {
			return nil, &Error{file, int(section.line), "has packages, snapshots or importers that are no map"}
		}
	}
	about := map[string]*value{}
	for i := range packages.dict() {
		about[packages.members[i].key] = &packages.members[i].value
	}
	for _, key := range slices.Sorted(maps.Keys(about)) {
		if about[key].kind != dict {
			return nil, &Error{file, int(about[key].line), "has a package that is no map: " + quote(key)}
		}
	}
	first := int32(len(g.nodes))
	for i := range entries {
		e := &entries[i]
		v := about[e.key]
		if v == nil {
			base, _, _ := strings.Cut(e.key, "(")
			if v = about[base]; v == nil {
				return nil, &Error{file, int(e.line), "has a snapshot of no package: " + quote(e.key)}
			}
		}
		if misshapen(&e.value) != "" || e.kind != dict {
			return nil, &Error{file, int(e.line), "has an entry " + quote(e.key) + " of a wrong type"}
		}
		n := pnpmNode(e.key, v, major)
		if n.Name == "" {
			return nil, &Error{file, int(e.line), "has an entry without a name: " + quote(e.key)}
		}
		n.Line = int(e.line)
		n.Dev, n.Optional = v.get("dev").isTrue(), v.get("optional").isTrue()
		keys[e.key] = g.add(n)
	}
	to := func(name, ref string) (int32, bool) {
		for _, key := range []string{ref, "/" + name + "/" + ref, "/" + name + "@" + ref, name + "@" + ref} {
			if at, ok := keys[key]; ok {
				return at, true
			}
		}
		return 0, false
	}
	for i := range entries {
		for _, s := range needs[:2] {
			for _, d := range entries[i].get(s.section).dict() {
				if at, ok := to(d.key, d.str()); ok {
					g.connect(first+int32(i), at, s.need)
				}
			}
		}
	}
	for i, a := range apps {
		for _, s := range needs[:3] {
			for _, d := range a.get(s.section).dict() {
				ref := d.str()
				if d.kind == dict {
					ref = d.get("version").str()
				}
				if at, ok := to(d.key, ref); ok {
					if n := &g.nodes[at]; n.Name != d.key && n.Alias == "" {
						n.Alias = d.key
					}
					g.connect(int32(i), at, s.need)
				}
			}
		}
	}
	if root, ok := members["."]; ok && len(apps) > 1 {
		for i := range apps {
			g.connect(root, int32(i), needed)
		}
	}
	// Before 9.0 the lockfile tells what is for development; the graph tells it as well.
	return l.finish(false), nil
}

// pnpmNode reads the key of a package: "/name/1.2.3_peer", "/name@1.2.3(peer@1)",
// "name@1.2.3".
func pnpmNode(key string, v *value, major string) node {
	n := node{Package: Package{Key: key, Origin: pnpmOrigin(v)}}
	base, _, _ := strings.Cut(key, "(")
	base, local := strings.CutPrefix(base, "/")
	resolution := v.get("resolution")
	switch {
	case strings.HasPrefix(base, "file:") || resolution.get("type").str() == "directory":
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
	}
	if n.Source != Registry {
		n.Version = ""
		if major == "5" || strings.ContainsAny(n.Name, ":") || strings.Count(n.Name, "/") > 1 {
			n.Name = ""
		}
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
	return n
}
