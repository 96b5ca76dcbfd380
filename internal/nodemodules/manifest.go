package nodemodules

import (
	"path"
	"strings"
)

// maxManifest bounds a package.json.
const maxManifest = 4 << 20

// A manifest is what is taken of a package.json.
type manifest struct {
	dir           string
	name, version string
	main          string
	esm           bool
	// others are further files that bundlers take for the main one.
	others  []string
	browser value
	exports value
	imports value
	// bins are the files of its commands, by their names.
	bins map[string]string
	// needs are the packages that it asks for, but for development.
	needs map[string]bool
	// broken says why it could not be read.
	broken string
}

// manifest returns what the package.json of a folder tells; nil where it has none.
func (r *resolver) manifest(folder string) *manifest {
	if m, ok := r.manifests[folder]; ok {
		return m
	}
	var m *manifest
	switch s := r.files.real(path.Join(folder, "package.json")); s.kind {
	case regular:
		m = readManifest(folder, func() (string, error) { return read(r.files.fsys, s.name, maxManifest) })
	case outside, other:
		m = &manifest{dir: folder, broken: "is no file of the folder"}
	}
	r.manifests[folder] = m
	return m
}

func readManifest(folder string, read func() (string, error)) *manifest {
	m := &manifest{dir: folder, bins: map[string]string{}, needs: map[string]bool{}}
	in, err := read()
	var v value
	if err == nil {
		v, err = parseJSON(in)
	}
	if err != nil {
		m.broken = err.Error()
		return m
	}
	if v.kind != object {
		m.broken = errManifest.Error()
		return m
	}
	m.name, m.version, m.main, m.esm = v.str("name"), v.str("version"), v.str("main"), v.str("type") == "module"
	m.exports, _ = v.get("exports")
	m.imports, _ = v.get("imports")
	m.browser, _ = v.get("browser")
	for _, key := range []string{"module", "jsnext:main", "es2015", "browser", "react-native", "source"} {
		if t := v.str(key); t != "" {
			m.others = append(m.others, t)
		}
	}
	for _, key := range []string{"dependencies", "optionalDependencies", "peerDependencies"} {
		needs, _ := v.get(key)
		for _, name := range needs.keys {
			m.needs[name] = true
		}
	}
	switch bin, _ := v.get("bin"); bin.kind {
	case text:
		m.bins[m.name[strings.LastIndexByte(m.name, '/')+1:]] = bin.text
	case object:
		for i, key := range bin.keys {
			m.bins[key] = bin.items[i].text
		}
	}
	return m
}

// scope is the nearest package.json at or above a folder, as Node looks for it: not beyond
// a node_modules.
func (r *resolver) scope(folder string) *manifest {
	if m, ok := r.scopes[folder]; ok {
		return m
	}
	var m *manifest
	if path.Base(folder) != modules {
		if m = r.manifest(folder); m == nil && folder != "." {
			m = r.scope(path.Dir(folder))
		}
	}
	r.scopes[folder] = m
	return m
}
