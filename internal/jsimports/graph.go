package jsimports

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// graph follows the imports from the entry points, and notes who uses what.
func (w *walker) graph() *Graph {
	queue := slices.Clone(w.starts)
	for _, name := range queue {
		if f := w.files[name]; f != nil {
			f.reached = true
		}
	}
	for len(queue) > 0 {
		f := w.files[queue[0]]
		queue = queue[1:]
		if f == nil {
			continue
		}
		for _, name := range w.leads(f) {
			if to := w.files[name]; to != nil && !to.reached {
				to.reached = true
				queue = append(queue, name)
			}
		}
	}
	g := &Graph{Entries: w.starts, Files: len(w.files), uses: map[string]*[Imported + 1][]Place{}, doubts: w.doubts, reached: map[string]bool{}, Conditions: w.conditions}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		w.uses(g, w.files[name])
		g.reached[name] = w.files[name].reached
	}
	for _, p := range w.named {
		g.use(p.name, Named, p.at)
	}
	for _, p := range w.preloaded {
		k := Imported
		if p.test {
			k = Tests
		}
		if g.use(p.name, k, p.at); k == Imported {
			g.imports = append(g.imports, Import{Place: p.at, Name: cmp.Or(p.module, p.name), Command: p.module == ""})
		}
	}
	return g
}

// leads are the files to which a file leads: by imports, by paths that are made at run
// time, and by texts that are paths of scripts, such as those of workers.
func (w *walker) leads(f *file) []string {
	var all []string
	made := map[string]bool{}
	for _, r := range f.Refs {
		if r.Prefix {
			if dir := f.made(r); r.Local && !made[dir] {
				made[dir] = true
				all = append(all, w.under(dir)...)
			}
			continue
		}
		files, _ := w.targets(f, r)
		all = append(all, files...)
	}
	for t := range f.Texts {
		if !script(path.Base(t)) || strings.ContainsAny(t, " :*\n") {
			continue
		}
		if name := w.find(path.Join(path.Dir(f.name), t)); name != "" {
			all = append(all, name)
		} else if name := w.find(strings.TrimLeft(t, "/")); name != "" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// made is the folder below which a path that is made at run time leads: that of the part
// that is told, or the file's own. Where it can lead upwards, it is the whole.
func (f *file) made(r jsrefs.Ref) string {
	dir := path.Dir(f.name)
	if strings.HasPrefix(r.Name, ".") {
		dir = path.Join(dir, path.Dir(r.Name+"x"))
	} else if f.climbs() {
		return "."
	}
	if strings.HasPrefix(dir, "..") {
		return "."
	}
	return dir
}

// under are the files below a folder, without tests.
func (w *walker) under(dir string) []string {
	var all []string
	for name, to := range w.files {
		if !to.test && (dir == "." || strings.HasPrefix(name, dir+"/")) {
			all = append(all, name)
		}
	}
	return all
}

// climbs says that a text of the file leads upwards.
func (f *file) climbs() bool {
	for t := range f.Texts {
		if t == ".." || strings.HasPrefix(t, "../") || strings.HasPrefix(t, "/..") {
			return true
		}
	}
	return false
}

// uses notes the packages of a file, and what of it makes others doubtful.
func (w *walker) uses(g *Graph, f *file) {
	k := Stray
	switch {
	case f.reached:
		k = Imported
	case f.test:
		k = Tests
	}
	for _, r := range f.Refs {
		at := Place{f.name, r.Line}
		if !r.Prefix {
			if _, pkg := w.targets(f, r); pkg != "" {
				if g.use(pkg, k, at); k == Imported {
					g.imports = append(g.imports, Import{Place: at, Name: r.Name, How: r.How})
				}
			}
			continue
		}
		switch pkg := jsrefs.Package(r.Name); {
		case r.Local:
		case pkg != "" && strings.Contains(strings.TrimPrefix(r.Name, "@"), "/") && (!strings.HasPrefix(r.Name, "@") || strings.Count(r.Name, "/") > 1):
			if g.use(pkg, k, at); k == Imported { // "lodash/" + name
				g.imports = append(g.imports, Import{Place: at, Name: r.Name, How: r.How, Prefix: true})
			}
		case k != Tests:
			d := Doubt{Place: at, Reason: "loads a module whose name is made at run time", prefix: r.Name}
			if r.Name != "" {
				d.Reason = "loads a module whose name begins with " + r.Name
			}
			g.doubts = append(g.doubts, d)
		}
	}
	if k == Tests {
		return
	}
	for _, t := range slices.Sorted(maps.Keys(f.Texts)) {
		if pkg := named(t); pkg != "" {
			g.use(pkg, Named, Place{f.name, f.Texts[t]})
		}
	}
	for _, odd := range f.Odd {
		g.doubts = append(g.doubts, oddDoubts(f.name, odd)...)
	}
}

// named is the package that a text can name: the whole of it.
func named(t string) string {
	if len(t) > 214 || strings.ContainsAny(t, " \t\n,;(){}<>=%&?*+|$") {
		return ""
	}
	if slices.Contains(jsrefs.Builtin, t) {
		return t
	}
	return jsrefs.Package(t)
}

// oddDoubts are about what a line that could not be split into words may import.
func oddDoubts(name string, odd jsrefs.Odd) []Doubt {
	if !strings.Contains(odd.Text, "require") && !strings.Contains(odd.Text, "import") {
		return nil
	}
	return []Doubt{{Place: Place{name, odd.Line}, Reason: "has a quote without an end, beside what may be an import"}}
}
