// Package goreach tells whether a Go program calls what an advisory names: it loads the
// packages of a module, builds their call graph, and looks for a way of calls from an
// entry point to each symbol.
//
//	p, err := goreach.Load(ctx, "shop", nil)
//	if err != nil {
//		return err // it does not build, or a module is not on this machine
//	}
//	answer := p.Reach("golang.org/x/net", []goreach.Package{{Path: "golang.org/x/net/html", Symbols: []string{"Parse"}}})
//	fmt.Println(answer.Label, answer.Calls)
//
// Load runs "go version" and "go list" in the folder, and nothing else: no test, no
// generator, no cgo, no compiler of C or SWIG, no -toolexec, no version control, no
// package driver, no other toolchain than the one that is installed, and no network. What
// the folder says in go.mod, go.work and vendor decides which sources are read, and these
// may lie outside of the folder, as with replace and use. [Environment] has the settings.
//
// Entry points are main and init of each main package below the folder; of a module
// without one, all functions and methods that it exports. Tests are left out. The graph is
// that of variable type analysis, refined once, as govulncheck's: it knows no reflection,
// no unsafe and no assembly, so "not called" means that no call was seen, on this system
// and with these build tags.
//
// Sources: golang.org/x/tools (go/packages, go/ssa, go/callgraph/vta); the Go
// vulnerability database's format.
package goreach

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
)

// A Package is one of Go's that has a hole.
type Package struct {
	Path string
	// Symbols are "Func" and "Type.Method"; none means all of the package.
	Symbols []string
	// GOOS and GOARCH are the systems that have the hole; none means all.
	GOOS, GOARCH []string
}

// A Label is how far the program comes.
type Label uint8

// The labels, from the farthest away.
const (
	// NotImported: no package of the hole is linked into the program.
	NotImported Label = iota
	// Imported: one is, and the symbols are not called, or not told.
	Imported
	// Called: a way of calls leads to a symbol.
	Called
)

// An Answer is a label and what it rests on.
type Answer struct {
	Label Label
	// Calls is a shortest way from an entry point, "shop.test/app.main (main.go:12)", with
	// the place of the call to the next.
	Calls []string
	// At are places below the folder that import the package.
	At []string
	// Unknown says that the advisory names no packages or symbols.
	Unknown bool
}

// A Program is a module with its call graph. It is safe for concurrent use.
type Program struct {
	// System is "linux/amd64", with the build tags.
	System string

	dir      string
	goos     string
	goarch   string
	packages map[string]*packages.Package
	// modules are the packages of each module that are linked.
	modules map[string][]string
	// initial are the module's own.
	initial []*packages.Package
	// from is the function that calls, on a way from an entry point, and the place of the
	// call; entry points have none.
	from  map[*ssa.Function]call
	order []*ssa.Function
	fset  *token.FileSet
}

type call struct {
	caller *ssa.Function
	at     token.Pos
}

// Environment returns the variables that Load runs the go command with, made of those that
// the go command needs of the given ones.
func Environment(given []string) []string {
	keep := []string{"PATH", "HOME", "TMPDIR", "TMP", "TEMP", "GOPATH", "GOMODCACHE", "GOCACHE", "GOROOT", "GOENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
		"GOOS", "GOARCH", "GOEXPERIMENT", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA", "USERPROFILE", "PATHEXT", "COMSPEC"}
	var env []string
	for _, e := range given {
		name, _, _ := strings.Cut(e, "=")
		if slices.Contains(keep, strings.ToUpper(name)) {
			env = append(env, e)
		}
	}
	return append(env, "GO111MODULE=on", "GOFLAGS=-buildvcs=false", "GOPROXY=off", "GOSUMDB=off", "GOVCS=*:off", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOPACKAGESDRIVER=off")
}

// Load loads the packages below a folder and builds their call graph, which takes seconds
// and hundreds of megabytes for a large program. The error says in a sentence why there is
// none. It returns soon after the context is done.
func Load(ctx context.Context, dir string, tags []string) (*Program, error) {
	type result struct {
		p   *Program
		err error
	}
	done := make(chan result, 1) // the work cannot be stopped everywhere: nobody waits for it then
	go func() {
		p, err := load(ctx, dir, tags)
		done <- result{p, err}
	}()
	select {
	case r := <-done:
		return r.p, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the call graph was not ready in time: %w", ctx.Err())
	}
}

func load(ctx context.Context, dir string, tags []string) (p *Program, err error) {
	// The sources are hostile, and the type checker and the builder somebody else's.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the sources make the call graph fail: %.200v", r)
		}
	}()
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	config := &packages.Config{
		Context: ctx, Dir: dir, Env: Environment(os.Environ()),
		Mode: packages.LoadAllSyntax | packages.NeedModule,
	}
	if len(tags) > 0 {
		config.BuildFlags = []string{"-tags=" + strings.Join(tags, ",")}
	}
	initial, err := packages.Load(config, "./...")
	if err != nil {
		return nil, fmt.Errorf("go list: %s", oneLine(err.Error()))
	}
	if len(initial) == 0 {
		return nil, errors.New("the folder has no Go packages")
	}
	p = &Program{dir: dir, packages: map[string]*packages.Package{}, modules: map[string][]string{}, initial: initial}
	p.system(config.Env, tags)
	var broken error
	packages.Visit(initial, nil, func(pkg *packages.Package) {
		if broken == nil && len(pkg.Errors) > 0 {
			broken = fmt.Errorf("%s does not build: %s", pkg.PkgPath, oneLine(pkg.Errors[0].Error()))
		}
		p.packages[pkg.PkgPath] = pkg
		name := "stdlib"
		if pkg.Module != nil {
			name = pkg.Module.Path
			if r := pkg.Module.Replace; r != nil && r.Version != "" {
				p.modules[r.Path] = append(p.modules[r.Path], pkg.PkgPath)
			}
		}
		p.modules[name] = append(p.modules[name], pkg.PkgPath)
	})
	if broken != nil {
		return nil, broken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.calls()
	return p, nil
}

// system notes for which system the packages were loaded.
func (p *Program) system(env, tags []string) {
	p.goos, p.goarch = runtime.GOOS, runtime.GOARCH
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case name == "GOOS" && value != "":
			p.goos = value
		case name == "GOARCH" && value != "":
			p.goarch = value
		}
	}
	p.System = p.goos + "/" + p.goarch
	if len(tags) > 0 {
		p.System += " with " + strings.Join(tags, ",")
	}
}

// oneLine shortens what the go command says.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// Reach says how far the program comes to a hole in packages of a module. Without packages
// all of the module are meant.
func (p *Program) Reach(module string, holes []Package) Answer {
	a := Answer{Unknown: len(holes) == 0}
	if a.Unknown {
		for _, path := range p.modules[module] {
			holes = append(holes, Package{Path: path})
		}
	}
	type symbol struct{ path, name string }
	symbols := map[symbol]bool{}
	for _, h := range holes {
		if len(h.GOOS) > 0 && !slices.Contains(h.GOOS, p.goos) || len(h.GOARCH) > 0 && !slices.Contains(h.GOARCH, p.goarch) {
			continue
		}
		if p.packages[h.Path] == nil {
			continue
		}
		a.Label = Imported
		a.At = append(a.At, p.importers(h.Path)...)
		for _, name := range h.Symbols {
			symbols[symbol{h.Path, name}] = true
		}
		symbols[symbol{h.Path, "*"}] = symbols[symbol{h.Path, "*"}] || len(h.Symbols) == 0
	}
	if a.At = a.At[:min(len(a.At), maxPlaces)]; a.Label == NotImported || a.Unknown {
		return a
	}
	// The order is breadth first: the first is the closest.
	for _, f := range p.order {
		path, name := identity(f)
		// What initialises a package runs wherever it is linked, and is no call.
		if symbols[symbol{path, name}] || symbols[symbol{path, "*"}] && !strings.HasPrefix(name, "init") {
			a.Label, a.Calls = Called, p.way(f)
			break
		}
	}
	return a
}

// maxPlaces is how many places of imports are told.
const maxPlaces = 5

// importers are the places of the module's own files that import a package.
func (p *Program) importers(path string) []string {
	var all []string
	for _, pkg := range p.initial {
		for _, f := range pkg.Syntax {
			for _, i := range f.Imports {
				if strings.Trim(i.Path.Value, "`\"") == path {
					all = append(all, p.place(pkg.Fset, i.Pos()))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// place is a position below the folder, or in a module, without the path of this machine.
func (p *Program) place(fset *token.FileSet, at token.Pos) string {
	if fset == nil || !at.IsValid() {
		return ""
	}
	pos := fset.Position(at)
	name := pos.Filename
	if rel, err := filepath.Rel(p.dir, name); err == nil && !strings.HasPrefix(rel, "..") {
		name = filepath.ToSlash(rel)
	} else {
		name = filepath.Base(name)
	}
	return fmt.Sprintf("%s:%d", name, pos.Line)
}
