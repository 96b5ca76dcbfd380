package nodemodules

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

const modules = "node_modules"

// A resolver finds the file of a module's name as Node does. It is for one goroutine.
type resolver struct {
	files     *files
	manifests map[string]*manifest
	scopes    map[string]*manifest
	bundled   bool
}

func newResolver(f *files, bundled bool) *resolver {
	return &resolver{files: f, manifests: map[string]*manifest{}, scopes: map[string]*manifest{}, bundled: bundled}
}

// A found is where a module's name leads.
type found struct {
	// files are real names. Several are those among which a condition chooses.
	files []string
	// dir is the real folder of the package that a bare name is of, though the file may not
	// be found in it.
	dir string
	// why says why there is no file; empty where Node would find none either, and nothing
	// is unclear about it.
	why string
}

// A file of JavaScript or TypeScript may be without its ending, for Node and for what
// compiles or bundles.
var (
	nodeEndings = []string{".js", ".json", ".node"}
	toolEndings = []string{".js", ".json", ".node", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".jsx", ".vue", ".svelte"}
)

// endings are those that a file may leave out: files of the app may be compiled.
func (r *resolver) endings(from string) []string {
	if r.bundled || !foreign(from) {
		return toolEndings
	}
	return nodeEndings
}

// foreign says that a file is one of a package.
func foreign(name string) bool {
	return strings.HasPrefix(name, modules+"/") || strings.Contains(name, "/"+modules+"/")
}

// resolve finds a module by the name that a file has for it; from is that file's real name.
func (r *resolver) resolve(from, name string, how jsrefs.How) found {
	if at := strings.LastIndexByte(name, '!'); at >= 0 {
		name = name[at+1:] // webpack's loaders stand before the name
	}
	if how != jsrefs.Require || r.bundled {
		name, _, _ = strings.Cut(name, "?")
	}
	folder := path.Dir(from)
	switch {
	case name == "" || len(name) > 1024 || strings.ContainsRune(name, 0):
		return found{}
	case name == "." || name == ".." || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../"):
		return r.path(from, folder, name)
	case strings.HasPrefix(name, "/") || strings.HasPrefix(name, `\`):
		return found{}
	}
	c := conditionsOf(how, r.esm(from), slices.Contains(nodeScripts, path.Ext(from)), r.bundled)
	if strings.HasPrefix(name, "#") {
		return r.own(from, name, c)
	}
	return r.bare(from, folder, name, c, 0)
}

var nodeScripts = []string{"", ".js", ".mjs", ".cjs"}

// esm says that a file is a module of ECMAScript for Node, whatever stands in it.
func (r *resolver) esm(from string) bool {
	switch path.Ext(from) {
	case ".mjs", ".mts":
		return true
	case ".cjs", ".cts":
		return false
	}
	m := r.scope(path.Dir(from))
	return m != nil && m.esm
}

// path resolves a path below a folder.
func (r *resolver) path(from, folder, name string) found {
	at := path.Join(folder, name)
	if at == ".." || strings.HasPrefix(at, "../") {
		return found{}
	}
	base := path.Base(name)
	var out found
	if !strings.HasSuffix(name, "/") && base != "." && base != ".." {
		if out = r.file(at, r.endings(from)); len(out.files) > 0 || out.why != "" {
			return r.browsers(from, name, out)
		}
	}
	return r.browsers(from, name, r.folder(at, r.endings(from)))
}

// one is a file by its whole name.
func (r *resolver) one(at string) found {
	switch s := r.files.real(at); s.kind {
	case regular:
		return found{files: []string{s.name}}
	case outside:
		return found{why: s.name + " is a link that is not followed"}
	case other:
		return found{why: s.name + " is no file"}
	}
	return found{}
}

// file is LOAD_AS_FILE of Node's documentation.
func (r *resolver) file(at string, endings []string) found {
	if out := r.one(at); len(out.files) > 0 || out.why != "" {
		return out
	}
	for _, end := range endings {
		if out := r.one(at + end); len(out.files) > 0 || out.why != "" {
			return out
		}
	}
	// In TypeScript "./a.js" names what a.ts becomes.
	if stem, js := strings.CutSuffix(at, ".js"); js && len(endings) > len(nodeEndings) {
		for _, end := range []string{".ts", ".tsx", ".jsx"} {
			if out := r.one(stem + end); len(out.files) > 0 {
				return out
			}
		}
	}
	return found{}
}

// folder is LOAD_AS_DIRECTORY.
func (r *resolver) folder(at string, endings []string) found {
	s := r.files.real(at)
	switch s.kind {
	case outside:
		return found{why: s.name + " is a link that is not followed"}
	case dir:
	default:
		return found{}
	}
	var out found
	if m := r.manifest(s.name); m != nil {
		if m.broken != "" {
			return found{why: path.Join(s.name, "package.json") + " " + m.broken}
		}
		mains := []string{m.main}
		if r.bundled {
			mains = append(mains, m.others...)
		}
		for _, main := range mains {
			if main == "" {
				continue
			}
			to := path.Join(s.name, main)
			if to == ".." || strings.HasPrefix(to, "../") {
				continue
			}
			next := r.file(to, endings)
			if len(next.files) == 0 && next.why == "" {
				next = r.index(to, endings)
			}
			if next.why != "" {
				return next
			}
			out.files = append(out.files, next.files...)
		}
		if m.main != "" && len(out.files) > 0 {
			return out
		}
	}
	next := r.index(s.name, endings)
	next.files = append(out.files, next.files...)
	return next
}

func (r *resolver) index(at string, endings []string) found {
	for _, end := range endings {
		if out := r.one(path.Join(at, "index") + end); len(out.files) > 0 || out.why != "" {
			return out
		}
	}
	return found{}
}

// scoped splits a bare name into the package's and the rest, "./sub" or ".".
func scoped(name string) (pkg, sub string, ok bool) {
	parts := strings.SplitN(name, "/", 3)
	n := 1
	if strings.HasPrefix(name, "@") {
		n = 2
	}
	if len(parts) < n || slices.Contains(parts[:n], "") || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `\%:`) {
		return "", "", false
	}
	pkg = strings.Join(parts[:n], "/")
	if sub = strings.TrimPrefix(name[len(pkg):], "/"); sub == "" && !strings.HasSuffix(name, "/") {
		return pkg, ".", true
	}
	return pkg, "./" + sub, true
}

// bare resolves the name of a package, or of a file of one.
func (r *resolver) bare(from, folder, name string, c conditions, depth int) found {
	pkg, sub, ok := scoped(name)
	if !ok || depth > 4 {
		return found{}
	}
	// A package that has exports knows itself by its name.
	if m := r.scope(folder); m != nil && m.name == pkg && m.exports.kind != null {
		return r.picked(from, m, c.exported(m.exports, sub), c, depth)
	}
	var last found
	for at := folder; ; at = path.Dir(at) {
		if path.Base(at) != modules {
			if out, over := r.installed(path.Join(at, modules), name, pkg, sub, c, depth); over {
				return r.browsers(from, name, out)
			} else if out.dir != "" {
				last = out
			}
		}
		if at == "." {
			break
		}
	}
	return r.browsers(from, name, last)
}

// installed looks into one node_modules; over says that Node looks no further.
func (r *resolver) installed(in, name, pkg, sub string, c conditions, depth int) (out found, over bool) {
	if r.files.real(in).kind == absent {
		return out, false
	}
	s := r.files.real(path.Join(in, pkg))
	switch s.kind {
	case outside:
		return found{dir: path.Join(in, pkg), why: s.name + " is a link that is not followed"}, true
	case dir:
		out.dir = s.name
		m := r.manifest(s.name)
		if m != nil && m.broken != "" {
			out.why = path.Join(s.name, "package.json") + " " + m.broken
			return out, true
		}
		if m != nil && m.exports.kind != null {
			next := r.picked("", m, c.exported(m.exports, sub), c, depth)
			next.dir = s.name
			return next, true
		}
	}
	endings := nodeEndings
	if r.bundled || s.kind == dir && !foreign(s.name) {
		endings = toolEndings
	}
	at := path.Join(in, name)
	var next found
	if !strings.HasSuffix(name, "/") {
		next = r.file(at, endings)
	}
	if len(next.files) == 0 && next.why == "" {
		next = r.folder(at, endings)
	}
	next.dir = out.dir
	return next, len(next.files) > 0 || next.why != ""
}

// picked makes files of what exports or imports name.
func (r *resolver) picked(from string, m *manifest, p pick, c conditions, depth int) found {
	out := found{dir: m.dir}
	if p.wrong && len(p.names) == 0 {
		out.why = path.Join(m.dir, "package.json") + " names what no exports or imports may name"
	}
	for _, name := range p.names {
		var next found
		if strings.HasPrefix(name, "./") {
			next = r.one(path.Join(m.dir, name))
			if len(next.files) == 0 && next.why == "" {
				next = r.file(path.Join(m.dir, name), r.endings(path.Join(m.dir, "package.json")))
			}
			if len(next.files) == 0 && next.why == "" && len(p.names) == 1 {
				next.why = path.Join(m.dir, name) + " is not there"
			}
		} else {
			next = r.bare(path.Join(m.dir, "package.json"), m.dir, name, c, depth+1)
			out.dir = next.dir
		}
		out.files = append(out.files, next.files...)
		if next.why != "" {
			out.why = next.why
		}
	}
	return r.browsers(from, "", out)
}

// own resolves "#name" by the imports of the package that a file is of.
func (r *resolver) own(from, name string, c conditions) found {
	m := r.scope(path.Dir(from))
	if m == nil || m.imports.kind != object || name == "#" {
		return found{}
	}
	return r.picked(from, m, c.matching(m.imports, name, true), c, 0)
}

// browsers adds what a bundler may take for a module by the browser fields of the package
// that a file is of, and of the one where its name leads.
func (r *resolver) browsers(from, name string, out found) found {
	if !r.bundled || from == "" {
		return out
	}
	of := []*manifest{r.scope(path.Dir(from))}
	for _, file := range out.files {
		if m := r.scope(path.Dir(file)); !slices.Contains(of, m) {
			of = append(of, m)
		}
	}
	for i, m := range of {
		if m == nil || m.browser.kind != object {
			continue
		}
		for j, key := range m.browser.keys {
			at := path.Join(m.dir, key)
			if i == 0 && key == name || slices.ContainsFunc(out.files, func(f string) bool { return f == at || f == at+".js" }) {
				out.files = append(out.files, r.browserTarget(m, m.browser.items[j].text, name)...)
			}
		}
	}
	return out
}

func (r *resolver) browserTarget(m *manifest, to, name string) []string {
	switch {
	case to == "" || to == name:
		return nil
	case strings.HasPrefix(to, "./"):
		return r.file(path.Join(m.dir, to), toolEndings).files
	}
	return r.bare("", m.dir, to, conditions{imports: true, requires: true, bundled: true}, 0).files
}
