package jsast

import (
	"path"
	"slices"
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
		return m.foreign(name, args, at)
	}
	m.callbacks(args)
	return unknown
}

// foreign calls something that is not of the folder.
func (m *machine) foreign(name string, args []*Value, at Pos) *Value {
	m.record(&Call{Callee: name, Args: args, Pos: at})
	switch name {
	case "express", "express-promise-router", "express.Router", "express-promise-router.Router":
		return m.newApp(name != "express", at)
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

// list is a method of an array, as far as apps use them to register things; nil for
// another method or receiver.
func (m *machine) list(o *Value, name string, args []*Value) *Value {
	if o.Kind == String {
		switch name {
		case "toString", "trim", "toLowerCase":
			return o
		}
	}
	if o.Kind != Array {
		return nil
	}
	m.charge(len(o.List) / 8)
	switch name {
	case "forEach", "map", "flatMap":
		to := &Value{Kind: Array, Open: o.Open}
		f := first(args)
		for i, v := range o.List {
			if f.Kind == Function && f.class == nil {
				to.push(m.run(f.Func, []*Value{v, {Kind: Number, Text: decimal(int64(i))}, o}, nil))
			}
		}
		return to
	case "push", "unshift":
		for _, a := range args {
			if m.maybe > o.maybe {
				o.Open = true
			}
			o.push(a)
		}
		return unknown
	case "concat":
		to := &Value{Kind: Array, List: slices.Clone(o.List), Open: o.Open}
		for _, a := range args {
			if a.Kind == Array {
				to.Open = to.Open || a.Open
				for _, v := range a.List {
					to.push(v)
				}
			} else {
				to.push(a)
			}
		}
		return to
	case "filter":
		// The test is not followed: what it keeps is some of them.
		m.callbacks(args)
		if f := first(args); f.Kind == Ref && f.Text == "Boolean" {
			to := &Value{Kind: Array, Open: o.Open}
			for _, v := range o.List {
				if v.Truth() != False {
					to.push(v)
				}
			}
			return to
		}
		return &Value{Kind: Array, List: o.List, Open: true}
	case "join":
		parts := []*Value{}
		for i, v := range o.List {
			if i > 0 {
				parts = append(parts, first(args))
			}
			parts = append(parts, v)
		}
		if !o.Open && first(args).Kind == String {
			return concat(o.Pos, parts...)
		}
	case "includes":
		if !o.Open && len(args) == 1 && args[0].Known() {
			known, found := true, false
			for _, v := range o.List {
				known = known && v.Known()
				found = found || equal(v, args[0]) == yes
			}
			if found || known {
				return boolean(found)
			}
		}
	}
	return nil
}

// keys are the names of an object's properties.
func keys(o *Value) *Value {
	v := &Value{Kind: Array, Open: o.Kind != Object || o.Open}
	if o.Kind == Object {
		for _, p := range o.Props {
			v.push(&Value{Kind: String, Text: p.Name})
		}
	}
	return v
}

// standard is a function of the language or of node whose result matters; nil for
// others.
func (m *machine) standard(name string, args []*Value, at Pos) *Value {
	switch name {
	case "Object.assign":
		to := first(args)
		if to.Kind == Object {
			for _, a := range args[1:] {
				m.spread(to, a)
			}
			return to
		}
	case "Object.freeze", "Object.seal", "Promise.resolve", "String", "Number", "parseInt", "Boolean", "structuredClone":
		if len(args) > 0 {
			return args[0]
		}
	case "Object.keys":
		return keys(first(args))
	case "Object.values", "Object.entries":
		o := first(args)
		v := &Value{Kind: Array, Open: o.Kind != Object || o.Open}
		if o.Kind == Object {
			for _, p := range o.Props {
				item := p.Value
				if name == "Object.entries" {
					item = &Value{Kind: Array, List: []*Value{{Kind: String, Text: p.Name}, p.Value}}
				}
				v.push(item)
			}
		}
		return v
	case "path.join", "path.posix.join":
		var parts []string
		for _, a := range args {
			if a.Kind != String {
				return nil
			}
			parts = append(parts, a.Text)
		}
		return &Value{Kind: String, Text: path.Clean(strings.Join(parts, "/")), Pos: at}
	}
	return nil
}
