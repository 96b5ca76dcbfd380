// Package jsimports tells which packages the files of a JavaScript app import, and which
// of these files an entry point of the app leads to.
//
//	g := jsimports.Read(os.DirFS("shop"))
//	use := g.Of("express")
//	fmt.Println(use.Kind, use.At) // imported [server.js:3]
//
// It understands import, export from, import(), require, require.resolve, createRequire,
// and import = of TypeScript, in .js, .mjs, .cjs, .jsx, .ts, .mts, .cts and .tsx, and in
// the scripts of .vue, .svelte and .astro. What is imported as a type alone is not
// imported. Entry points are what package.json names (main, module, exports, bin, and the
// files, tools and preloaded packages of its scripts), in the folder and in each folder
// below that has one; the files that a Dockerfile, a Procfile, docker-compose.yml,
// serverless.yml, PM2 and index.html start; what frameworks start by its place;
// configuration files of tools; and files of usual names where there are no others.
//
// It labels and proves nothing: [Never] is said only where every file was read, and no
// name that is made at run time could be the package's. A package whose name stands in a
// quoted text, or in the data that configures a tool, is [Named], because frameworks load
// what is named: view engines, drivers, transports.
//
// The folder is data. Nothing in it is run, no node_modules is looked into, links are not
// followed, and the bounds are those of the constants; what is beyond them is a doubt.
// What it cannot see: loaders that give names another meaning, and files that are written
// at run time. Package nodemodules follows on from [Graph.Imports].
//
// Sources: ECMA-262; Node's documentation of modules and packages; TypeScript's of module
// resolution.
package jsimports

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// The bounds of a folder.
const (
	MaxFiles     = 10_000
	MaxFileSize  = 2 << 20
	MaxTotalSize = 256 << 20
	MaxDepth     = 32
)

// maxPlaces is how many places of one kind are kept of a package.
const maxPlaces = 5

// A Kind is how files use a package.
type Kind uint8

// The kinds, the least first.
const (
	// Never: no file that was read imports it.
	Never Kind = iota
	// Tests: only tests do.
	Tests
	// Named: its name stands in a text, in a file that is no test.
	Named
	// Stray: only files do that no entry point leads to.
	Stray
	// Imported: a file does that an entry point leads to, or is one.
	Imported
)

// A Place is a line of a file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// A Use is how a package is used, and where: the first places of its kind, by file.
type Use struct {
	Kind Kind
	At   []Place
}

// A Doubt is something that was not read, or that could name any package.
type Doubt struct {
	Place
	// Reason is for a sentence about the place: "loads a module whose name is made at run
	// time".
	Reason string
	// prefix is what the names begin with that are meant.
	prefix string
}

func (d Doubt) String() string {
	if d.Line > 0 {
		return d.Place.String() + " " + d.Reason
	}
	return d.File + " " + d.Reason
}

// A Graph is what the files of a folder import. It is safe for concurrent use.
type Graph struct {
	// Entries are the entry points, sorted.
	Entries []string
	// Files is how many files were read.
	Files int
	// Conditions says that a command has conditions of its own for Node: --conditions.
	Conditions bool

	uses    map[string]*[Imported + 1][]Place
	doubts  []Doubt
	imports []Import
	reached map[string]bool
}

// An Import is a module of a package that is named by a file to which an entry point leads.
type Import struct {
	Place
	// Name is as it stands there: "express/lib/router", "#db".
	Name string
	How  jsrefs.How
	// Prefix says that Name is only what the name begins with: "lodash/".
	Prefix bool
	// Command says that Name is a command that a script or a container runs.
	Command bool
}

// Imports are all imports of packages by what an entry point leads to, by file.
func (g *Graph) Imports() []Import { return slices.Clone(g.imports) }

// Reached says that an entry point leads to a file, or that it is one.
func (g *Graph) Reached(file string) bool { return g.reached[file] }

// Of tells how a package is used. Named is looked for in all texts of the app.
func (g *Graph) Of(name string) Use {
	all := g.uses[name]
	if all == nil {
		return Use{}
	}
	for k := Imported; k > Never; k-- {
		if len(all[k]) > 0 {
			return Use{Kind: k, At: slices.Clone(all[k])}
		}
	}
	return Use{}
}

// Names are the packages that are used in a way or a stronger one, sorted.
func (g *Graph) Names(least Kind) []string {
	var names []string
	for name := range g.uses {
		if g.Of(name).Kind >= least {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Doubt says why a package that seems not to be imported may be so all the same.
func (g *Graph) Doubt(name string) (Doubt, bool) {
	for _, d := range g.doubts {
		if strings.HasPrefix(name, d.prefix) {
			return d, true
		}
	}
	return Doubt{}, false
}

func (g *Graph) use(name string, k Kind, at Place) {
	all := g.uses[name]
	if all == nil {
		all = new([Imported + 1][]Place)
		g.uses[name] = all
	}
	if len(all[k]) < maxPlaces && !slices.Contains(all[k], at) {
		all[k] = append(all[k], at)
	}
}

// Read reads a folder. It never fails: what cannot be read is a doubt.
func Read(fsys fs.FS) *Graph {
	w := &walker{fsys: fsys, files: map[string]*file{}, folders: map[string]*folder{}}
	w.walk(".", 0, false)
	w.enter()
	return w.graph()
}
