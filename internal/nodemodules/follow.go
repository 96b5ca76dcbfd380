package nodemodules

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// The bounds of what is followed. Beyond them the tree is cut, and says so.
const (
	MaxFiles     = 50_000
	MaxFileSize  = 16 << 20
	MaxTotalSize = 256 << 20
	MaxTime      = 10 * time.Second
)

// A Place is a line of a file; 0 where none is meant.
type Place struct {
	File string
	Line int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A Root is a module that a file of the app loads.
type Root struct {
	Place
	// Name is as the file has it: "express", "express/lib/router", "#db".
	Name string
	How  jsrefs.How
	// Prefix says that Name is only what the name begins with.
	Prefix bool
	// Command says that Name is a command of a package, which is run in the file's folder.
	Command bool
}

// Options say what is followed. The zero value follows as Node does, whatever is there.
type Options struct {
	// Bundled says that bundlers, other runtimes than Node, or conditions of the user's own
	// may choose among what a package has.
	Bundled bool
	// Fits says whether the package in a folder is one that should be there. One that is
	// not is told as Unfit and not followed. Nil means that all do.
	Fits func(dir, name, version string) bool
	// Has says whether a package of a name is to be had. One that a text names counts, though
	// nothing declares it, where the package of the text loads names that are made at run
	// time. It is called concurrently. Nil means that none is.
	Has func(name string) bool
	// Known says that a file of the app is followed by the caller. Nil means that none is.
	Known func(file string) bool
}

// A Tree is what is loaded.
type Tree struct {
	// Packages are those of which something is loaded, the closest first.
	Packages []*Package
	// Roots are the packages to which the roots lead, by their number; nil where a root
	// leads to none.
	Roots []*Package
	// Loose are packages that roots name and that could not be followed.
	Loose []Loose
	// Cut says why not all was followed; empty where it was.
	Cut string
	// Files and Size are how many files were read, and their bytes.
	Files int
	Size  int64
}

// A Package is one folder of a package.
type Package struct {
	Dir, Name, Version string
	// Way are the files by which it is loaded, one of the shortest ways: first the app's
	// own, last the package's, each with the line that loads the next.
	Way []Place
	// Unfit says that it is none that Options.Fits wants here, and was not followed.
	Unfit bool
	// Doubt says why it may load more than was seen; empty where there is no reason.
	Doubt string
	// Loose are packages that it names and that could not be followed.
	Loose []Loose

	first    int
	root     Place
	needs    map[string]bool
	named    map[string]Place
	resolved map[string]bool
	loose    map[string]bool
	own      bool
}

// A Loose is a package that may be loaded, and of which is not known more.
type Loose struct {
	Place
	Name string
	// Prefix says that Name is only what the names begin with: "cache-".
	Prefix bool
	// Why is for a sentence about the package: "is loaded, and not installed".
	Why string
}

func (l Loose) String() string { return l.Place.String() + ": " + l.Name + " " + l.Why }

type fileNode struct {
	name   string
	parent int // -1 for a root's
	line   int // in the parent, or in the root's file
	root   string
	pkg    *Package
}

type follower struct {
	*resolver
	ctx      context.Context
	opts     Options
	tree     *Tree
	seen     map[string]bool
	nodes    []fileNode
	packages map[string]*Package
	until    time.Time
	// rooms are kept from one level to the next, one for each worker.
	rooms []*jsrefs.Room
}

// Follow follows the roots. It never fails: what could not be followed is told.
func Follow(ctx context.Context, fsys fs.FS, roots []Root, o Options) *Tree {
	f := &follower{
		resolver: newResolver(newFiles(fsys), o.Bundled), ctx: ctx, opts: o, tree: &Tree{Roots: make([]*Package, len(roots))},
		seen: map[string]bool{}, packages: map[string]*Package{}, until: time.Now().Add(MaxTime),
	}
	for i, root := range roots {
		f.root(i, root)
	}
	for done := 0; done < len(f.nodes) && f.tree.Cut == ""; {
		level := f.nodes[done:len(f.nodes):len(f.nodes)]
		for i, s := range f.readAll(level) {
			f.leads(done+i, s)
		}
		done += len(level)
	}
	for _, p := range f.tree.Packages {
		f.finish(p)
	}
	return f.tree
}

func (f *follower) root(i int, root Root) {
	if root.Command {
		f.command(i, root)
		return
	}
	name := root.Name
	if root.Prefix {
		name = jsrefs.Package(name)
	}
	found := f.resolve(root.File, name, root.How)
	if found.dir == "" && len(found.files) == 0 {
		f.tree.Loose = append(f.tree.Loose, Loose{Place: root.Place, Name: jsrefs.Package(root.Name), Why: "is loaded, and not installed"})
		return
	}
	if found.why != "" {
		f.tree.Loose = append(f.tree.Loose, Loose{Place: root.Place, Name: jsrefs.Package(root.Name), Why: "is loaded, and " + found.why})
	}
	f.enter(i, root, found)
}

// enter makes what a root leads to the beginning of ways.
func (f *follower) enter(i int, root Root, to found) {
	for _, name := range to.files {
		if p := f.add(name, -1, root.Line, root.File); f.tree.Roots[i] == nil {
			f.tree.Roots[i] = p
		}
	}
	if f.tree.Roots[i] == nil && to.dir != "" {
		f.tree.Roots[i] = f.pkg(to.dir, root.Place)
	}
	if p := f.tree.Roots[i]; p != nil && root.Prefix {
		p.doubt(root.String() + " loads a file of it whose name is made at run time")
	}
}

// add notes a file that is loaded, and returns its package; nil for a file of the app
// that is followed elsewhere.
func (f *follower) add(name string, parent, line int, root string) *Package {
	if !foreign(name) && f.opts.Known != nil && f.opts.Known(name) {
		return nil
	}
	folder := f.folderOf(name)
	p := f.packages[folder]
	if p == nil {
		p = f.pkg(folder, Place{root, line})
		if parent >= 0 {
			p.root = f.packageRoot(parent)
		}
	}
	if !f.seen[name] {
		f.seen[name] = true
		if p.first < 0 {
			p.first = len(f.nodes)
		}
		f.nodes = append(f.nodes, fileNode{name: name, parent: parent, line: line, root: root, pkg: p})
	}
	return p
}

func (f *follower) packageRoot(i int) Place {
	for f.nodes[i].parent >= 0 {
		i = f.nodes[i].parent
	}
	return Place{f.nodes[i].root, f.nodes[i].line}
}

// folderOf is the folder of the package that a file is of: below the last node_modules, or
// the nearest with a package.json.
func (f *follower) folderOf(name string) string {
	if folder := Folder(name); folder != "" {
		return folder
	}
	if m := f.scope(path.Dir(name)); m != nil {
		return m.dir
	}
	return "."
}

// Folder is the folder of the installed package that a file is of, by its name alone. It is
// empty for a file that is in no node_modules.
func Folder(name string) string {
	at := strings.LastIndex("/"+name, "/"+modules+"/")
	if at < 0 {
		return ""
	}
	begin := at + len(modules) + 1
	parts := 1
	if strings.HasPrefix(name[begin:], "@") {
		parts = 2
	}
	end := begin
	for ; parts > 0 && end < len(name); parts-- {
		n := strings.IndexByte(name[end:], '/')
		if n < 0 {
			return path.Dir(name) // a file in node_modules itself
		}
		end += n + 1
	}
	return strings.TrimSuffix(name[:end], "/")
}

// pkg makes a package of a folder, where it is none yet.
func (f *follower) pkg(folder string, root Place) *Package {
	if p := f.packages[folder]; p != nil {
		return p
	}
	p := &Package{
		Dir: folder, first: -1, root: root, own: !foreign(folder + "/x"),
		named: map[string]Place{}, resolved: map[string]bool{}, loose: map[string]bool{},
	}
	f.packages[folder] = p
	f.tree.Packages = append(f.tree.Packages, p)
	switch m := f.manifest(folder); {
	case m == nil:
		p.doubt("has no package.json")
		p.Unfit = !p.own && f.opts.Fits != nil && !f.opts.Fits(folder, "", "")
	case m.broken != "":
		p.doubt(path.Join(folder, "package.json") + " " + m.broken)
		p.Unfit = !p.own && f.opts.Fits != nil
	default:
		p.Name, p.Version, p.needs = m.name, m.version, m.needs
		p.Unfit = !p.own && f.opts.Fits != nil && !f.opts.Fits(folder, m.name, m.version)
	}
	return p
}

func (p *Package) doubt(why string) {
	if p.Doubt == "" {
		p.Doubt = why
	}
}

// finish tells the way to a package, and what it names without loading it.
func (f *follower) finish(p *Package) {
	if p.first < 0 {
		p.Way = []Place{p.root}
	} else {
		var back []Place
		line := 0
		for i := p.first; i >= 0; i = f.nodes[i].parent {
			back = append(back, Place{f.nodes[i].name, line})
			if line = f.nodes[i].line; f.nodes[i].parent < 0 {
				back = append(back, Place{f.nodes[i].root, line})
			}
		}
		for i := len(back) - 1; i >= 0; i-- {
			p.Way = append(p.Way, back[i])
		}
	}
	for name, at := range p.named {
		pkg := jsrefs.Package(name)
		if !p.resolved[name] && !p.loose[pkg] && (p.keeps(name) || p.Doubt != "") {
			p.Loose = append(p.Loose, Loose{Place: at, Name: pkg, Why: "is named in a text"})
		}
	}
	sortLoose(p.Loose)
	p.needs, p.named, p.resolved, p.loose = nil, nil, nil, nil
}
