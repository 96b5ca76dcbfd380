package jsast

import (
	"strconv"

	"github.com/tdewolff/parse/v2/js"
)

func whole(v *Value) (int64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	return n, err == nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Int returns the value as a whole number, if it is one.
func (v *Value) Int() (n int64, ok bool) { return whole(v) }

func (m *machine) newFunc(f *Func, s *scope) *Value {
	f.scope, f.file = s, m.file
	f.Params = length(f.params)
	if len(m.funcs) < maxEvents {
		m.funcs = append(m.funcs, f)
	} else {
		m.stopped = true
	}
	return &Value{Kind: Function, Func: f, Pos: f.Pos, maybe: m.maybe}
}

// length is a function's length: the parameters before the first with a default.
func length(p *js.Params) int {
	for i := range p.List {
		if p.List[i].Default != nil {
			return i
		}
	}
	return len(p.List)
}

func (m *machine) function(d *js.FuncDecl, s *scope) *Value {
	f := &Func{Pos: m.pos(d), params: &d.Params, body: d.Body.List}
	if d.Name != nil {
		f.Name = string(d.Name.Name())
	}
	return m.newFunc(f, s)
}

func (m *machine) arrow(d *js.ArrowFunc, s *scope) *Value {
	return m.newFunc(&Func{Pos: m.pos(d), params: &d.Params, body: d.Body.List, arrow: true}, s)
}

func (m *machine) method(d *js.MethodDecl, s *scope, this *Value) *Value {
	name := propertyName(&d.Name.PropertyName)
	if d.Name.Private != nil {
		name = string(d.Name.Private.Name())
	}
	return m.newFunc(&Func{Name: name, Pos: m.pos(d), params: &d.Params, body: d.Body.List, this: this}, s)
}

// run walks a function's body with its arguments and returns what it returns.
func (m *machine) run(f *Func, args []*Value, this *Value) *Value {
	if f.active > 0 {
		return unknown
	}
	if m.calls >= maxCalls || m.deep > maxDeep || !m.step() {
		m.cut = true
		return unknown
	}
	if f.runs >= maxRuns {
		m.cut = m.cut || f.effects
		return unknown
	}
	f.runs++
	f.active++
	m.calls++
	file, before := m.file, m.effects
	m.file = f.file
	defer func() {
		f.effects = f.effects || m.effects > before
		f.active--
		m.calls--
		m.file = file
	}()
	s := m.child(f.scope)
	s.function = true
	if !f.arrow {
		if s.this = this; this == nil {
			s.this = f.this
		}
		if s.this == nil {
			s.this = unknown
		}
	}
	for i := range f.params.List {
		e := &f.params.List[i]
		v := undefined
		switch {
		case i < len(args):
			v = args[i]
		case args == nil:
			v = unknown
		}
		if x, ok := e.Binding.(*js.Var); ok && v == unknown {
			v = symbol(string(x.Name()))
			if e.Default != nil {
				v = m.eval(e.Default, s)
			}
		}
		m.bindElement(e, v, s)
	}
	if f.params.Rest != nil {
		rest := &Value{Kind: Array, Open: args == nil}
		for i := len(f.params.List); i < len(args); i++ {
			rest.push(args[i])
		}
		m.bind(f.params.Rest, rest, s)
	}
	m.body(f.body, s)
	f.Returned = choice(s.returned...)
	return f.Returned
}

// A class is a class of the folder.
type class struct {
	methods map[string]*Value
	create  *Value
	fields  []*js.Field
	scope   *scope
	file    *parsed
	super   *Value
}

// find looks for a method in the class and those above it.
func (c *class) find(name string) *Value {
	for range 16 {
		if c == nil {
			return nil
		}
		if f := c.methods[name]; f != nil {
			return f
		}
		c = c.above()
	}
	return nil
}

func (c *class) above() *class {
	if c.super == nil {
		return nil
	}
	return c.super.class
}

// open says that a class above is not of the folder, so that methods are not known.
func (c *class) open() bool {
	for range 16 {
		if c == nil {
			return false
		}
		if c.super != nil && c.super.class == nil {
			return true
		}
		c = c.above()
	}
	return true
}

func (m *machine) classOf(d *js.ClassDecl, s *scope) *Value {
	c := &class{methods: make(map[string]*Value), scope: s, file: m.file}
	v := &Value{Kind: Function, Func: &Func{Pos: m.pos(d), runs: 1}, class: c, Pos: m.pos(d)}
	if d.Name != nil {
		v.Func.Name = string(d.Name.Name())
	}
	if d.Extends != nil {
		c.super = m.eval(d.Extends, s)
	}
	for i := range d.List {
		e := &d.List[i]
		switch {
		case e.StaticBlock != nil:
			m.body(e.StaticBlock.List, m.child(s))
		case e.Method != nil:
			if e.Method.Get || e.Method.Set || e.Method.Name.Computed != nil {
				continue
			}
			f := m.method(e.Method, s, nil)
			switch {
			case e.Method.Static:
				f.Func.this = v
				v.setProp(f.Func.Name, f, f.Pos)
			case f.Func.Name == "constructor":
				c.create = f
			default:
				c.methods[f.Func.Name] = f
			}
		case e.Field.Static:
			v.setProp(fieldName(&e.Field), m.eval(e.Field.Init, s), m.pos(d))
		default:
			c.fields = append(c.fields, &e.Field)
		}
	}
	return v
}

func fieldName(f *js.Field) string {
	if f.Name.Private != nil {
		return string(f.Name.Private.Name())
	}
	return propertyName(&f.Name.PropertyName)
}

// bound is a method with the object that it was taken from.
func (m *machine) bound(f, this *Value) *Value {
	if f.Func.this == nil {
		// One object of a class is the rule; of several the first stands for all.
		f.Func.this = this
	}
	return f
}

// instance makes an object of a class of the folder.
func (m *machine) instance(v *Value, args []*Value, at Pos) *Value {
	o := &Value{Kind: Object, class: v.class, Pos: at, maybe: m.maybe}
	m.initialise(v.class, o, args, 0)
	return o
}

func (m *machine) initialise(c *class, o *Value, args []*Value, depth int) {
	if depth > 16 || m.calls >= maxCalls {
		return
	}
	if above := c.above(); above != nil {
		m.initialise(above, o, args, depth+1)
	}
	file := m.file
	m.file = c.file
	s := m.child(c.scope)
	s.this = o
	for _, f := range c.fields {
		v := undefined
		if f.Init != nil {
			v = m.eval(f.Init, s)
		}
		o.setProp(fieldName(f), v, Pos{})
	}
	m.file = file
	if c.create != nil {
		m.run(c.create.Func, args, o)
	}
}
