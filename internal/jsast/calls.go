package jsast

import (
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

func (m *machine) args(a *js.Args, s *scope) []*Value {
	args := make([]*Value, 0, len(a.List))
	for _, arg := range a.List {
		v := m.eval(arg.Value, s)
		switch {
		case !arg.Rest:
			args = append(args, v)
		case v.Kind == Array && !v.Open:
			args = append(args, v.List...)
		default:
			args = append(args, v.List...)
			args = append(args, unknown, unknown, unknown, unknown)
		}
		if len(args) > most {
			return args[:most]
		}
	}
	return args
}

func (m *machine) call(x *js.CallExpr, s *scope) *Value {
	at := m.pos(x)
	callee := x.X
	for {
		g, ok := callee.(*js.GroupExpr)
		if !ok {
			break
		}
		callee = g.X
	}
	switch c := callee.(type) {
	case *js.DotExpr:
		object := m.eval(c.X, s)
		name := dotName(c)
		return m.callMember(object, name, m.args(&x.Args, s), at)
	case *js.IndexExpr:
		object, key := m.eval(c.X, s), m.eval(c.Y, s)
		args := m.args(&x.Args, s)
		switch {
		case key.Kind == String:
			return m.callMember(object, key.Text, args, at)
		case object.Kind == Application:
			object.App.Unclear = append(object.App.Unclear, at)
		}
		return m.apply(m.someMember(object), args, nil, at)
	case *js.LiteralExpr:
		if string(c.Data) == "import" || string(c.Data) == "super" {
			args := m.args(&x.Args, s)
			if string(c.Data) == "import" && len(args) > 0 && args[0].Kind == String {
				return m.require(args[0].Text, at)
			}
			return unknown
		}
	case *js.Var:
		if name := string(c.Name()); name == "require" && s.find(name) == nil {
			args := m.args(&x.Args, s)
			if len(args) > 0 && args[0].Kind == String {
				return m.require(args[0].Text, at)
			}
			m.unseen(at, "requires a module by a name that is made at run time")
			return unknown
		}
	}
	return m.apply(m.eval(callee, s), m.args(&x.Args, s), nil, at)
}

func (m *machine) construct(x *js.NewExpr, s *scope) *Value {
	at := m.pos(x)
	v := m.eval(x.X, s)
	var args []*Value
	if x.Args != nil {
		args = m.args(x.Args, s)
	}
	if v.class != nil {
		return m.instance(v, args, at)
	}
	if v.Kind == Function {
		o := &Value{Kind: Object, Open: true, Pos: at, maybe: m.maybe}
		m.run(v.Func, args, o)
		return o
	}
	return m.apply(v, args, nil, at)
}

// apply calls a value.
func (m *machine) apply(f *Value, args []*Value, this *Value, at Pos) *Value {
	switch f.Kind {
	case Function:
		if f.class != nil {
			return unknown
		}
		return m.run(f.Func, args, this)
	case Choice:
		m.maybe++
		var all []*Value
		for _, o := range f.List {
			all = append(all, m.apply(o, args, this, at))
		}
		m.maybe--
		return choice(all...)
	case Ref, Result:
		name := f.Text
		if f.Kind == Result {
			name += "()"
		}
		m.guess = f.guess
		v := m.foreign(name, args, at)
		if v.Kind == Result && f.guess {
			v.guess = true
		}
		return v
	}
	m.callbacks(args)
	return unknown
}

// foreign calls something that is not of the folder.
func (m *machine) foreign(name string, args []*Value, at Pos) *Value {
	m.record(&Call{Callee: name, Args: args, Guessed: m.guess, Pos: at})
	m.guess = false
	switch name {
	case "express", "express.createServer":
		// The second is how Express 2 makes an app; it may be given middleware.
		app := m.newApp(false, at)
		if len(args) > 0 && name != "express" {
			m.layer(app.App, Layer{Paths: []string{"/"}, Pos: at}, args)
		}
		return app
	case "express-promise-router", "express.Router", "express-promise-router.Router":
		return m.newApp(true, at)
	}
	if v := m.standard(name, args, at); v != nil {
		return v
	}
	for _, a := range args {
		for _, o := range a.Options() {
			if o.Kind == Application {
				o.App.Given = append(o.App.Given, Given{Callee: name, Pos: at})
			}
		}
	}
	m.callbacks(args)
	if name == "express-session" && len(args) > 0 {
		// It asks the function for each new session.
		if p, ok := args[0].Prop("cookie"); ok {
			m.callbacks([]*Value{p.Value})
		}
	}
	if len(name) > 300 {
		name = "?"
	}
	return &Value{Kind: Result, Text: name, List: args, Pos: at}
}

// callbacks walks the functions among the arguments once: whoever takes a function
// mostly calls it.
func (m *machine) callbacks(args []*Value) {
	for _, a := range args {
		if a.Kind == Function && a.class == nil && a.Func.runs == 0 {
			m.run(a.Func, nil, nil)
		}
	}
}

func (m *machine) record(c *Call) {
	c.In, c.Maybe = m.handler, m.maybe > 0 || m.cold
	if c.App != nil {
		c.Maybe = m.maybe > c.App.maybe || m.cold && !c.App.cold
	}
	// What a loop calls of the language says nothing more the hundredth time.
	effect := c.App != nil || strings.HasPrefix(c.Callee, "@")
	if m.sites[c.Pos]++; m.sites[c.Pos] > 100 && !effect {
		return
	}
	if effect {
		m.effects++
	}
	if len(c.Callee) > 300 {
		c.Callee = c.Callee[:300]
	}
	if len(m.project.Calls) < maxEvents {
		m.project.Calls = append(m.project.Calls, c)
	} else {
		m.stopped = true
	}
}

// callMember calls a method.
func (m *machine) callMember(o *Value, name string, args []*Value, at Pos) *Value {
	if o.Kind == Choice {
		m.maybe++
		var all []*Value
		for _, c := range o.List {
			all = append(all, m.callMember(c, name, args, at))
		}
		m.maybe--
		return choice(all...)
	}
	if o.Kind == Application {
		if _, own := o.Prop(name); !own {
			return m.callApp(o, name, args, at)
		}
	}
	if o.Kind == Function && o.class == nil {
		switch name {
		case "call":
			return m.run(o.Func, args[min(1, len(args)):], first(args))
		case "bind":
			return o
		case "apply":
			return m.run(o.Func, nil, first(args))
		}
	}
	if v := m.list(o, name, args); v != nil {
		return v
	}
	// What the app believes of its environment, inside of handlers too.
	if name == "get" && len(args) == 1 && args[0].Kind == String && args[0].Text == "env" && o.Kind == Ref && last(o.Text) == "app" {
		return &Value{Kind: String, Text: "production", Pos: at}
	}
	return m.apply(m.member(o, name, at), args, o, at)
}

func first(args []*Value) *Value {
	if len(args) == 0 {
		return undefined
	}
	return args[0]
}
