package jsast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// The bounds of the walk. A project that meets one is not fully seen, which its Skipped
// then says.
const (
	maxSteps = 10_000_000
	maxCalls = 40
	maxDeep  = 400
	// maxRuns is how often one function is walked: no table of routes is that long, and
	// what goes on longer computes something. maxEvents is how many calls and how many
	// assignments are kept.
	maxRuns   = 500
	maxEvents = 100_000
)

// A machine walks the modules of one project.
type machine struct {
	project *Project
	modules map[string]*module
	// funcs are all functions in the order in which they were met, handlers those that
	// an app was given.
	funcs    []*Func
	handlers []*Func
	// effects counts what was done to apps, requests and answers.
	effects int
	// sites counts the calls at a place.
	sites map[Pos]int
	// reads are those that were noted.
	reads map[readKey]bool
	// handled is how many of the handlers were walked.
	handled int

	// The rest is the state of the walk: where it is, how deep, and in what.
	file  *parsed
	calls int
	deep  int
	steps int
	maybe int
	// handler is the handler that is walked; cold says that nobody was seen to call
	// what is walked.
	handler *Func
	cold    bool
	// guess is that of what is called next.
	guess bool
	// cut says that something was not followed for a bound, stopped that nothing is
	// followed any more.
	cut, stopped bool
}

// A module is one file's scope and what it exports.
type module struct {
	file    *File
	object  *Value
	started bool
}

// A Func is a function of the folder.
type Func struct {
	// Name is that of its declaration, or empty.
	Name string
	// Params is how many parameters it declares before the first that has a default
	// or is a rest: the length by which Express knows error handlers.
	Params int
	Pos    Pos
	// Returned is what it returned when it was walked last; nil before.
	Returned *Value
	// Throws says of a handler that it, or something that it calls, throws.
	Throws bool

	params  *js.Params
	body    []js.IStmt
	scope   *scope
	this    *Value
	file    *parsed
	arrow   bool
	runs    int
	active  int
	handled bool
	// effects says that it did something to an app or to an answer.
	effects bool
}

// A scope holds variables.
type scope struct {
	parent *scope
	vars   map[string]*Value
	// maybe is how many untold conditions lay around it when it was made, and this what
	// the function was called on.
	maybe int
	this  *Value
	// function marks the scope of a function, and returned is what it returned.
	function bool
	returned []*Value
}

func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.parent {
		if _, ok := s.vars[name]; ok {
			return s
		}
	}
	return nil
}

func (m *machine) child(s *scope) *scope {
	return &scope{parent: s, vars: make(map[string]*Value), maybe: m.maybe}
}

// interpret walks the modules that have to do with Express, or all when none has: first
// those that nobody imports, then what is left; then the handlers; then the functions
// that nobody was seen to call.
func interpret(p *Project) {
	m := &machine{project: p, modules: make(map[string]*module), sites: make(map[Pos]int), reads: make(map[readKey]bool)}
	imported := make(map[string]bool)
	for _, f := range p.Files {
		m.modules[f.Path] = &module{file: f}
	}
	uses := make(map[string][]string)
	for _, f := range p.Files {
		for _, name := range f.Imports {
			if to := m.resolve(f.Path, name); to != "" && to != f.Path {
				imported[to] = true
				uses[f.Path] = append(uses[f.Path], to)
			}
		}
	}
	server := serving(p.Files, uses)
	for _, first := range []bool{true, false} {
		for _, f := range p.Files {
			if first != imported[f.Path] && (len(server) == 0 || server[f.Path]) {
				m.load(m.modules[f.Path])
			}
		}
	}
	m.handle()
	m.cold = true
	// A function that is walked can make more of them.
	for i := 0; i < len(m.funcs); i++ {
		if m.funcs[i].runs == 0 {
			m.run(m.funcs[i], nil, nil)
			m.handle()
		}
	}
	for i, s := range p.Skipped {
		p.Skipped[i].Server = s.Server && (s.Line == 0 || server[s.File])
	}
	if m.stopped || m.cut {
		p.Skipped = append(p.Skipped, Skip{File: ".", Reason: "has more code than is followed", Server: true})
	}
}

// serving are the files that have to do with Express: those that ask for it, what uses
// them, and all that these use. A folder often holds a browser's program too, of which
// nothing matters here.
func serving(files []*File, uses map[string][]string) map[string]bool {
	used := make(map[string][]string)
	for from, all := range uses {
		for _, to := range all {
			used[to] = append(used[to], from)
		}
	}
	spread := func(of map[string]bool, along map[string][]string) {
		var left []string
		for f := range of {
			left = append(left, f)
		}
		for len(left) > 0 {
			f := left[len(left)-1]
			left = left[:len(left)-1]
			for _, g := range along[f] {
				if !of[g] {
					of[g] = true
					left = append(left, g)
				}
			}
		}
	}
	server := make(map[string]bool)
	for _, f := range files {
		if slices.ContainsFunc(f.Imports, func(name string) bool { return name == "express" || strings.HasPrefix(name, "express-promise") }) {
			server[f.Path] = true
		}
	}
	spread(server, used)
	spread(server, uses)
	return server
}

// handle walks the handlers that were not walked yet.
func (m *machine) handle() {
	for ; m.handled < len(m.handlers); m.handled++ {
		m.handler = m.handlers[m.handled]
		m.run(m.handler, handlerArgs(m.handler.Params), nil)
	}
	m.handler = nil
}

// handlerArgs are what Express calls a handler with.
func handlerArgs(params int) []*Value {
	args := []*Value{{Text: "@req"}, {Text: "@res"}, {Text: "@next"}}
	if params == 4 {
		args = append([]*Value{{Text: "@err"}}, args...)
	}
	return args
}

// symbol is the value of a parameter whose argument nobody saw: by its name it may be a
// handler's.
func symbol(name string) *Value {
	switch name {
	case "err", "error", "e", "ex", "exception":
		return &Value{Text: "@err"}
	case "req", "request":
		return &Value{Text: "@req", guess: true}
	case "res", "response":
		return &Value{Text: "@res", guess: true}
	case "next":
		return &Value{Text: "@next"}
	}
	return &Value{Text: "?" + "." + name}
}

// step counts work, and says whether there may be more.
func (m *machine) step() bool {
	m.steps++
	if m.steps > maxSteps {
		m.stopped = true
	}
	return !m.stopped
}

// charge counts work beyond that of a step.
func (m *machine) charge(n int) { m.steps += n }

func (m *machine) pos(node any) Pos { return m.file.pos(node) }

func (m *machine) unseen(at Pos, reason string) {
	m.project.Skipped = append(m.project.Skipped, Skip{File: at.File, Line: at.Line, Reason: reason, Server: true})
}

// load walks a module once. A module that is asked for while it is walked, as in a
// circle, gives what it has exported so far.
func (m *machine) load(mod *module) *Value {
	if mod.started {
		exports, _ := mod.object.Prop("exports")
		return exports.Value
	}
	mod.started = true
	exports := &Value{Kind: Object, maybe: m.maybe}
	mod.object = &Value{Kind: Object, Props: []Prop{{Name: "exports", Value: exports}}, maybe: m.maybe}
	s := &scope{vars: map[string]*Value{"module": mod.object, "exports": exports}, maybe: m.maybe, this: exports, function: true}
	file := m.file
	m.file = mod.file.parsed
	m.body(m.file.tree.List, s)
	m.file = file
	done, _ := mod.object.Prop("exports")
	return done.Value
}

// resolve finds the file that a module means by a relative name; empty when it means a
// package, or no file that was read.
func (m *machine) resolve(from, name string) string {
	base := ""
	switch rest, alias := strings.CutPrefix(name, "@/"); {
	case local(name):
		base = path.Join(path.Dir(from), name)
	case strings.HasPrefix(name, "/"):
		// What the source makes of __dirname begins at the folder.
		base = strings.TrimPrefix(path.Clean(name), "/")
	case alias:
		// By custom an alias of TypeScript for the folder of the sources.
		base = path.Join("src", rest)
	}
	if base == "" || base == ".." || strings.HasPrefix(base, "../") {
		return ""
	}
	names := []string{base}
	for _, ext := range []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"} {
		names = append(names, base+ext)
	}
	for _, ext := range []string{".js", ".mjs", ".cjs", ".ts"} {
		names = append(names, path.Join(base, "index"+ext))
	}
	// TypeScript names the JavaScript that it will become.
	if ext := path.Ext(base); slices.Contains([]string{".js", ".mjs", ".cjs"}, ext) {
		names = append(names, strings.TrimSuffix(base, ext)+".ts", strings.TrimSuffix(base, ext)+".mts")
	}
	for _, n := range names {
		if m.modules[n] != nil {
			return n
		}
	}
	return ""
}

func local(name string) bool {
	return strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") || name == "." || name == ".."
}

// require gives what a module exports.
func (m *machine) require(name string, at Pos) *Value {
	if to := m.resolve(at.File, name); to != "" {
		return m.load(m.modules[to])
	}
	if local(name) || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "@/") {
		if path.Ext(name) != ".json" {
			m.unseen(at, fmt.Sprintf("asks for %s, which was not read", name))
		}
		return &Value{Text: "?", Pos: at}
	}
	return &Value{Text: strings.TrimPrefix(name, "node:"), Pos: at}
}

// member of a namespace as import sees it: the default of a CommonJS module is all that
// it exports.
func imported(exports *Value, name string) *Value {
	if p, ok := exports.Prop(name); ok {
		return p.Value
	}
	if name == "default" {
		return exports
	}
	switch exports.Kind {
	case Ref:
		return &Value{Text: exports.Text + "." + name, Pos: exports.Pos}
	case Object:
		if !exports.Open {
			return undefined
		}
	}
	return unknown
}
