package jsast

import (
	"slices"
	"strings"
)

// An App is an Express application or router.
type App struct {
	// Router says that it is a router: it has no settings and listens to nothing.
	Router bool
	// Layers are what it was given, in that order.
	Layers []Layer
	// Mounted says that another app or router uses it.
	Mounted bool
	// Given are the unknown functions that got it, and may have added anything.
	Given []Given
	// Unclear are calls on it whose method is made at run time.
	Unclear []Pos
	Pos     Pos

	maybe int
	cold  bool
}

// A Given is a call of something that is not of the folder.
type Given struct {
	Callee string
	Pos    Pos
}

// A Layer is one registration: app.use, app.get and the like.
type Layer struct {
	// Method is upper case, "ALL" for app.all, and empty for app.use.
	Method string
	// Paths are those that it answers, as written; "/" for app.use without one.
	Paths []string
	// Unknown counts the paths that are regular expressions or made at run time.
	Unknown int
	// Handlers are in order, with lists flattened.
	Handlers []*Value
	// Maybe says that a condition that could not be told decides on it.
	Maybe bool
	Pos   Pos
}

// methods are Express's for HTTP methods: those of node.
var methods = []string{
	"get", "post", "put", "patch", "delete", "head", "options", "all", "checkout", "copy", "link", "lock", "merge",
	"mkactivity", "mkcol", "move", "m-search", "notify", "propfind", "proppatch", "purge", "query", "rebind", "report",
	"search", "source", "subscribe", "trace", "unbind", "unlink", "unlock", "unsubscribe", "acl", "bind",
}

func (a *App) path() string {
	if a.Router {
		return "express.Router()"
	}
	return "express()"
}

func (m *machine) newApp(router bool, at Pos) *Value {
	a := &App{Router: router, Pos: at, maybe: m.maybe, cold: m.cold}
	v := &Value{Kind: Application, App: a, Pos: at}
	if len(m.project.Apps) < most {
		m.project.Apps = append(m.project.Apps, a)
	} else {
		m.stopped = true
	}
	return v
}

// callApp calls a method of an app or of the route that its route method gave.
func (m *machine) callApp(v *Value, name string, args []*Value, at Pos) *Value {
	a := v.App
	m.record(&Call{Callee: a.path() + "." + name, Args: args, App: a, Pos: at})
	switch {
	case name == "get" && len(args) == 1 && v.route == "":
		if args[0].Kind == String && args[0].Text == "env" {
			return &Value{Kind: String, Text: "production", Pos: at}
		}
		return unknown
	case name == "use" && v.route == "":
		paths, unclear, rest := m.usePaths(args)
		m.layer(a, Layer{Paths: paths, Unknown: unclear, Pos: at}, rest)
	case name == "route" && v.route == "":
		route := *v
		route.route = "route"
		route.paths = nil
		var unclear int
		route.paths, unclear = m.pathsOf(first(args))
		if unclear > 0 {
			route.route = "unclear"
		}
		return &route
	case slices.Contains(methods, name):
		l := Layer{Method: strings.ToUpper(name), Pos: at}
		handlers := args
		if v.route != "" {
			l.Paths = v.paths
			if v.route == "unclear" {
				l.Unknown = 1
			}
		} else {
			l.Paths, l.Unknown = m.pathsOf(first(args))
			handlers = args[min(1, len(args)):]
		}
		m.layer(a, l, handlers)
	case name == "listen":
		m.callbacks(args)
	case name == "del" && len(args) > 1:
		// Of Express 2 to 4: what newer ones do not have answers no route there.
		for _, h := range args[1:] {
			if h.Kind == Function && h.class == nil {
				m.register(h.Func)
			}
		}
	case name == "configure" && (len(args) == 1 || first(args).Kind == String && first(args).Text == "production"):
		// Of Express 2 and 3: for every environment, or for one.
		m.callbacks(args)
	case name == "address", name == "close":
		return unknown
	}
	return v
}

// layer adds a registration. Handlers, and functions that nobody was seen to call, add
// nothing to what others have set up.
func (m *machine) layer(a *App, l Layer, handlers []*Value) {
	l.Maybe = m.maybe > a.maybe
	for _, h := range handlers {
		// What is false is none: app.use(dev && logger()).
		values, all, looked := h.flat()
		m.charge(looked)
		for _, v := range values {
			if v.Kind != Undefined && v.Kind != Null && v.Kind != Bool {
				l.Handlers = append(l.Handlers, v)
			}
		}
		if !all {
			l.Handlers = append(l.Handlers, unknown)
		}
	}
	for _, h := range l.Handlers {
		for _, o := range h.Options() {
			switch {
			case o.Kind == Application:
				o.App.Mounted = true
			case o.Kind == Function && o.class == nil:
				m.register(o.Func)
			case o.Kind == Result:
				// A handler in a wrapper, as those for promises.
				for _, inner := range o.List {
					if inner.Kind == Function && inner.class == nil {
						m.register(inner.Func)
					}
				}
			}
		}
	}
	if m.cold && len(a.Layers) == 0 {
		// Nobody else was seen to set it up.
		a.cold = true
	}
	if m.handler != nil || m.cold && !a.cold || len(a.Layers) >= maxEvents {
		return
	}
	a.Layers = append(a.Layers, l)
}

func (m *machine) register(f *Func) {
	if !f.handled && len(m.handlers) < maxEvents {
		f.handled = true
		m.handlers = append(m.handlers, f)
	}
}

// usePaths splits the arguments of use: the first is a path unless it is a handler.
func (m *machine) usePaths(args []*Value) (paths []string, unclear int, rest []*Value) {
	if len(args) == 0 {
		return []string{"/"}, 0, nil
	}
	at := args[0]
	if values, _, _ := at.flat(); at.Kind == Array && len(values) > 0 {
		at = values[0]
	}
	switch at.Kind {
	case String, Regexp, Template:
	case Ref, Choice:
		// A path that is not known comes before handlers; a handler alone is none.
		if len(args) == 1 || at.Kind == Choice && at.List[0].Kind != String || at.Kind == Ref && !strings.HasPrefix(at.Text, "?") && !strings.HasPrefix(at.Text, "process.env") {
			return []string{"/"}, 0, args
		}
	default:
		return []string{"/"}, 0, args
	}
	paths, unclear = m.pathsOf(args[0])
	return paths, unclear, args[1:]
}

// pathsOf reads a path or a list of paths.
func (m *machine) pathsOf(v *Value) (paths []string, unclear int) {
	values, all, looked := v.flat()
	m.charge(looked)
	for _, o := range values {
		if o.Kind == String {
			paths = append(paths, o.Text)
		} else {
			unclear++
		}
	}
	if !all {
		unclear++
	}
	return paths, unclear
}
