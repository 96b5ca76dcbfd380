package jsimports

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// endings are tried in this order where a path has none.
var endings = []string{"", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro"}

// find is the file of a path, as Node, TypeScript and bundlers find it; empty for none.
func (w *walker) find(at string) string {
	at = path.Clean(at)
	if strings.HasPrefix(at, "../") || at == ".." || path.IsAbs(at) {
		return ""
	}
	if name := w.ending(at); name != "" {
		return name
	}
	// In TypeScript "./a.js" names what a.ts becomes.
	if ext := path.Ext(at); ext == ".js" || ext == ".mjs" || ext == ".cjs" || ext == ".jsx" {
		if name := w.ending(strings.TrimSuffix(at, ext)); name != "" {
			return name
		}
	}
	if f := w.folders[at]; f != nil && at != "." {
		for _, main := range texts(f.Main, 0) {
			if name := w.ending(path.Join(at, main)); name != "" {
				return name
			}
		}
	}
	return w.ending(path.Join(at, "index"))
}

func (w *walker) ending(at string) string {
	for _, end := range endings {
		if w.files[at+end] != nil {
			return at + end
		}
	}
	// What tools built is not walked, and read where something leads there.
	for _, end := range endings {
		if name := at + end; w.unwalked(name) && w.file(name, false) != nil {
			return name
		}
	}
	return ""
}

// unwalked says that a file can be there although the walk left it out.
func (w *walker) unwalked(name string) bool {
	parts := strings.Split(path.Dir(name), "/")
	if slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(foreign, p) }) {
		return false
	}
	out := slices.ContainsFunc(parts, func(p string) bool { return p != "." && strings.HasPrefix(p, ".") || slices.Contains(built, p) })
	ext := path.Ext(name)
	// Files without an ending are start scripts.
	return out && slices.Contains(scripts, ext) || ext == "" && (path.Base(path.Dir(name)) == "bin" || out) || strings.Contains(path.Base(name), ".min.") || strings.Contains(path.Base(name), ".bundle.")
}

// targets are the files to which a module's name leads from a file, and its package.
func (w *walker) targets(from *file, r jsrefs.Ref) (files []string, pkg string) {
	dir := path.Dir(from.name)
	switch {
	case strings.HasPrefix(r.Name, "./"), strings.HasPrefix(r.Name, "../"), r.Name == ".", r.Name == "..":
		if name := w.find(path.Join(dir, r.Name)); name != "" {
			files = append(files, name)
		}
		return files, ""
	case strings.HasPrefix(r.Name, "/"):
		if name := w.find("." + r.Name); name != "" {
			files = append(files, name)
		}
		return files, ""
	case strings.HasPrefix(r.Name, "#"):
		return w.own(dir, r.Name)
	}
	// The pattern of a folder's own configuration counts before those of others.
	for _, own := range []bool{true, false} {
		for _, a := range w.aliases {
			rest, ok := strings.CutPrefix(r.Name, a.before)
			if !ok || !a.star && rest != "" || own != (a.dir == "." || dir == a.dir || strings.HasPrefix(dir, a.dir+"/")) {
				continue
			}
			for _, to := range a.to {
				if name := w.find(path.Join(to, rest)); name != "" {
					return []string{name}, ""
				}
			}
		}
	}
	if name := w.customary(dir, r.Name); name != "" {
		return []string{name}, ""
	}
	pkg = jsrefs.Package(r.Name)
	for _, f := range w.folders {
		// A member of the workspace, by its name.
		if f.Name != "" && f.Name == pkg {
			rest := strings.TrimPrefix(r.Name, pkg)
			if name := w.find(path.Join(f.dir, rest)); name != "" {
				files = append(files, name)
			}
		}
	}
	return files, pkg
}

// own resolves "#name" by the imports of the nearest package.json.
func (w *walker) own(dir, name string) (files []string, pkg string) {
	for ; ; dir = path.Dir(dir) {
		if f := w.folders[dir]; f != nil {
			for pattern, to := range f.Imports {
				before, after, star := strings.Cut(pattern, "*")
				rest, ok := strings.CutPrefix(name, before)
				if !ok || !star && rest != "" || !strings.HasSuffix(rest, after) {
					continue
				}
				for _, t := range texts(to, 0) {
					t = strings.ReplaceAll(t, "*", strings.TrimSuffix(rest, after))
					if !strings.HasPrefix(t, "./") {
						pkg = jsrefs.Package(t)
					} else if found := w.find(path.Join(dir, t)); found != "" {
						files = append(files, found)
					}
				}
			}
			return files, pkg
		}
		if dir == "." || dir == "/" {
			return nil, ""
		}
	}
}

// customary resolves what frameworks and bundlers have names for without a tsconfig.json:
// "@/lib/x" and "~/lib/x" are below src or the folder of the package.
func (w *walker) customary(dir, name string) string {
	for before, below := range map[string][]string{"@/": {"src", "", "app"}, "~/": {"", "src", "app"}, "@@/": {""}, "~~/": {""}, "$lib/": {"src/lib"}} {
		rest, ok := strings.CutPrefix(name, before)
		if !ok {
			continue
		}
		for at := dir; ; at = path.Dir(at) {
			if w.folders[at] != nil {
				for _, b := range below {
					if found := w.find(path.Join(at, b, rest)); found != "" {
						return found
					}
				}
			}
			if at == "." || at == "/" {
				return ""
			}
		}
	}
	return ""
}
