package lockfile

import (
	"io/fs"
	"path"
	"slices"
)

// maxMembers bounds how many manifests of a workspace are read.
const maxMembers = 2000

// A Manifest is a package.json.
type Manifest struct {
	File, Name, Version string
	// Needs are the sections of dependencies in the order of their weight, each in the
	// order of the file.
	Needs []Need
	// Node is what engines.node says; empty when it says nothing. NodeLine is its line.
	Node     string
	NodeLine int
	// Workspaces are the patterns of the folders of members.
	Workspaces []string
	// Overrides says that the manifest decides versions of what its dependencies depend
	// on: overrides, resolutions or pnpm.overrides.
	Overrides bool
}

// A Need is one line of a manifest's dependencies.
type Need struct {
	// Name is what it is installed as, Spec what is asked for: "^4.17.1", "npm:lodash@4".
	Name, Spec string
	Line       int
	// Dev, Optional and Peer tell the section; none of them is dependencies.
	Dev, Optional, Peer bool

	need need
}

// ReadManifest reads a package.json.
func ReadManifest(file, text string) (*Manifest, error) {
	root, err := readJSON(file, text, false)
	if err != nil {
		return nil, err
	}
	if root.kind != dict {
		return nil, &Error{file, int(root.line), "is no JSON object"}
	}
	engine := root.get("engines").get("node")
	m := &Manifest{File: file, Name: root.get("name").str(), Version: root.get("version").str(), Node: engine.str(), NodeLine: int(engine.line)}
	// What several sections name, the heaviest decides; optionalDependencies override
	// dependencies, as npm says.
	seen := map[string]bool{}
	for _, s := range []int{1, 0, 2, 3} {
		section := root.get(needs[s].section)
		if section.kind != dict && section.kind != null {
			return nil, &Error{file, int(section.line), "has " + needs[s].section + " that are no object"}
		}
		for _, d := range section.dict() {
			if !seen[d.key] {
				seen[d.key] = true
				k := needs[s].need
				m.Needs = append(m.Needs, Need{Name: d.key, Spec: d.str(), Line: int(d.line), Dev: k == dev, Optional: k == optional, Peer: k == peer, need: k})
			}
		}
	}
	slices.SortStableFunc(m.Needs, func(a, b Need) int { return int(a.need) - int(b.need) })
	workspaces := root.get("workspaces")
	if workspaces.kind == dict {
		workspaces = workspaces.get("packages")
	}
	for _, w := range workspaces.list() {
		m.Workspaces = append(m.Workspaces, w.str())
	}
	m.Overrides = root.get("overrides").kind == dict || root.get("resolutions").kind == dict || root.get("pnpm").get("overrides").kind == dict
	return m, nil
}

// members reads the manifests of a workspace's members. A pattern that leads nowhere, or to
// a folder without a manifest, is not looked at further; what cannot be read is an error.
func members(fsys fs.FS, root *Manifest) (all []*Manifest, errs []error) {
	found, err := folders(fsys, root.Workspaces)
	if err != nil {
		return nil, append(errs, &Error{root.File, 0, err.Error()})
	}
	for _, dir := range found {
		name := path.Join(dir, "package.json")
		if len(all) == maxMembers {
			return all, append(errs, &Error{root.File, 0, "has more than 2000 members in its workspace"})
		}
		text, ok, err := readFile(fsys, name)
		if err != nil {
			errs = append(errs, err)
		}
		if err != nil || !ok {
			continue
		}
		m, err := ReadManifest(name, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, m)
	}
	return all, errs
}
