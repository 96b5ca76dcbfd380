package goreach

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/callgraph"
	"golang.org/x/tools/go/callgraph/cha"
	"golang.org/x/tools/go/callgraph/vta"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// calls builds the call graph, and walks it breadth first from the entry points.
func (p *Program) calls() {
	prog, own := ssautil.AllPackages(p.initial, ssa.InstantiateGenerics)
	prog.Build()
	p.fset = prog.Fset
	entries := entriesOf(p.initial, own, prog)
	// Class hierarchy analysis bounds what variable type analysis looks at; its own graph
	// bounds it once more.
	graph := cha.CallGraph(prog)
	for range 2 {
		graph = vta.CallGraph(forward(entries, graph), graph)
	}
	p.from = map[*ssa.Function]call{}
	for _, e := range entries {
		if _, seen := p.from[e]; !seen {
			p.from[e] = call{}
			p.order = append(p.order, e)
		}
	}
	for i := 0; i < len(p.order); i++ {
		n := graph.Nodes[p.order[i]]
		if n == nil {
			continue
		}
		out := slices.Clone(n.Out)
		// Maps made the graph: the same program gives the same ways.
		slices.SortStableFunc(out, func(a, b *callgraph.Edge) int {
			if n := int(a.Pos()) - int(b.Pos()); n != 0 {
				return n
			}
			return strings.Compare(a.Callee.Func.String(), b.Callee.Func.String())
		})
		for _, e := range out {
			if _, seen := p.from[e.Callee.Func]; !seen {
				p.from[e.Callee.Func] = call{p.order[i], e.Pos()}
				p.order = append(p.order, e.Callee.Func)
			}
		}
	}
}

// forward is what a graph reaches from functions.
func forward(entries []*ssa.Function, graph *callgraph.Graph) map[*ssa.Function]bool {
	reached := map[*ssa.Function]bool{}
	queue := slices.Clone(entries)
	for len(queue) > 0 {
		f := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if reached[f] {
			continue
		}
		reached[f] = true
		if n := graph.Nodes[f]; n != nil {
			for _, e := range n.Out {
				queue = append(queue, e.Callee.Func)
			}
		}
	}
	return reached
}

// entriesOf are where the program begins.
func entriesOf(initial []*packages.Package, own []*ssa.Package, prog *ssa.Program) []*ssa.Function {
	var entries []*ssa.Function
	for _, pkg := range own {
		if pkg != nil && pkg.Pkg.Name() == "main" {
			for _, name := range []string{"main", "init"} {
				if f := pkg.Func(name); f != nil {
					entries = append(entries, f)
				}
			}
		}
	}
	if len(entries) > 0 {
		return entries
	}
	for i, pkg := range own {
		if pkg == nil {
			continue
		}
		if f := pkg.Func("init"); f != nil {
			entries = append(entries, f)
		}
		scope := initial[i].Types.Scope()
		for _, name := range scope.Names() {
			object := scope.Lookup(name)
			if !object.Exported() {
				continue
			}
			switch o := object.(type) {
			case *types.Func:
				entries = append(entries, prog.FuncValue(o))
			case *types.TypeName:
				entries = append(entries, methodsOf(o.Type(), prog)...)
			}
		}
	}
	return slices.DeleteFunc(entries, func(f *ssa.Function) bool { return f == nil })
}

// methodsOf are the exported methods of a type and of pointers to it.
func methodsOf(t types.Type, prog *ssa.Program) []*ssa.Function {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return nil
	}
	var all []*ssa.Function
	for i := range named.NumMethods() {
		if m := named.Method(i); m.Exported() {
			all = append(all, prog.FuncValue(m))
		}
	}
	return all
}

// identity is a function's package and its name as advisories write it. An instance is
// what it was made of, and a function in a function is that one.
func identity(f *ssa.Function) (path, name string) {
	for f.Parent() != nil {
		f = f.Parent()
	}
	if o := f.Origin(); o != nil {
		f = o
	}
	object, ok := f.Object().(*types.Func)
	if !ok || object.Pkg() == nil {
		if f.Pkg != nil {
			return f.Pkg.Pkg.Path(), f.Name()
		}
		return "", f.Name()
	}
	name = object.Name()
	if receiver := object.Signature().Recv(); receiver != nil {
		t := types.Unalias(receiver.Type())
		if pointer, ok := t.(*types.Pointer); ok {
			t = types.Unalias(pointer.Elem())
		}
		if named, ok := t.(*types.Named); ok {
			name = named.Obj().Name() + "." + name
		}
	}
	return object.Pkg().Path(), name
}

// way is the calls from an entry point to a function.
func (p *Program) way(f *ssa.Function) []string {
	var all []string
	at := ""
	for f != nil {
		path, name := identity(f)
		text := path + "." + name
		if at != "" {
			text += " (" + at + ")"
		}
		// A wrapper that the builder made is the function that it wraps.
		if len(all) == 0 || !strings.HasPrefix(all[len(all)-1], path+"."+name+" ") && all[len(all)-1] != path+"."+name {
			all = append(all, text)
		}
		c := p.from[f]
		at = p.place(p.fset, c.at)
		f = c.caller
	}
	slices.Reverse(all)
	return all
}
