package jsast

import (
	"path"
	"strconv"
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// eval walks an expression and tells what is known of its value.
func (m *machine) eval(x js.IExpr, s *scope) *Value {
	if x == nil || !m.step() {
		return unknown
	}
	if m.deep > maxDeep {
		m.cut = true
		return unknown
	}
	m.deep++
	defer func() { m.deep-- }()
	switch x := x.(type) {
	case *js.Var:
		return m.variable(string(x.Name()), s)
	case *js.LiteralExpr:
		return m.literal(x, s)
	case *js.GroupExpr:
		return m.eval(x.X, s)
	case *js.TemplateExpr:
		return m.template(x, s)
	case *js.ArrayExpr:
		return m.array(x, s)
	case *js.ObjectExpr:
		return m.object(x, s)
	case *js.DotExpr:
		return m.dot(x, s)
	case *js.IndexExpr:
		v, key := m.eval(x.X, s), m.eval(x.Y, s)
		if key.Kind == String || key.Kind == Number {
			return m.member(v, key.Text, m.pos(x))
		}
		for _, o := range v.Options() {
			m.read(o, "?", m.pos(x))
		}
		return m.someMember(v)
	case *js.CallExpr:
		return m.call(x, s)
	case *js.NewExpr:
		return m.construct(x, s)
	case *js.UnaryExpr:
		return m.unary(x, s)
	case *js.BinaryExpr:
		return m.binary(x, s)
	case *js.CondExpr:
		switch m.eval(x.Cond, s).Truth() {
		case True:
			return m.eval(x.X, s)
		case False:
			return m.eval(x.Y, s)
		}
		m.maybe++
		a, b := m.eval(x.X, s), m.eval(x.Y, s)
		m.maybe--
		return choice(a, b)
	case *js.ArrowFunc:
		return m.arrow(x, s)
	case *js.FuncDecl:
		return m.function(x, s)
	case *js.ClassDecl:
		return m.classOf(x, s)
	case *js.CommaExpr:
		v := undefined
		for _, e := range x.List {
			v = m.eval(e, s)
		}
		return v
	case *js.YieldExpr:
		m.eval(x.X, s)
	}
	return unknown
}

func (m *machine) variable(name string, s *scope) *Value {
	if at := s.find(name); at != nil {
		return at.vars[name]
	}
	switch name {
	case "undefined":
		return undefined
	case "__dirname":
		return &Value{Kind: String, Text: path.Dir("/" + m.file.path)}
	case "__filename":
		return &Value{Kind: String, Text: "/" + m.file.path}
	case "NaN":
		return &Value{Kind: Number, Text: "0"}
	}
	return &Value{Text: name}
}

// setVar assigns; under a condition that could not be told the old value stays possible.
func (m *machine) setVar(name string, v *Value, s *scope) {
	at := s.find(name)
	if at == nil {
		// What was never declared belongs to the file.
		for at = s; at.parent != nil; at = at.parent {
		}
	}
	if old, ok := at.vars[name]; ok && m.maybe > at.maybe && old.Kind != Undefined {
		v = choice(old, v)
	}
	at.vars[name] = v
}

func (m *machine) literal(x *js.LiteralExpr, s *scope) *Value {
	text := string(x.Data)
	switch x.TokenType {
	case js.StringToken:
		return &Value{Kind: String, Text: unquote(text), Pos: m.pos(x)}
	case js.TrueToken:
		return yes
	case js.FalseToken:
		return no
	case js.NullToken:
		return null
	case js.RegExpToken:
		return &Value{Kind: Regexp, Text: text, Pos: m.pos(x)}
	case js.ThisToken:
		for at := s; at != nil; at = at.parent {
			if at.this != nil {
				return at.this
			}
		}
		return unknown
	}
	if js.IsNumeric(x.TokenType) {
		text = strings.TrimSuffix(strings.ReplaceAll(text, "_", ""), "n")
		if n, err := strconv.ParseInt(text, 0, 64); err == nil && !strings.HasPrefix(text, "0") {
			text = strconv.FormatInt(n, 10)
		} else if f, err := strconv.ParseFloat(text, 64); err == nil {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		return &Value{Kind: Number, Text: text, Pos: m.pos(x)}
	}
	return &Value{Text: text}
}

func (m *machine) template(x *js.TemplateExpr, s *scope) *Value {
	var parts []*Value
	if x.Tag != nil {
		m.eval(x.Tag, s)
	}
	text := func(raw []byte, before, after int) {
		if t := string(raw); len(t) >= before+after {
			parts = append(parts, &Value{Kind: String, Text: unescape(t[before : len(t)-after])})
		}
	}
	for _, p := range x.List {
		text(p.Value, 1, 2)
		parts = append(parts, m.eval(p.Expr, s))
	}
	text(x.Tail, 1, 1)
	if x.Tag != nil {
		return &Value{Text: "?", Pos: m.pos(x)}
	}
	return concat(m.pos(x), parts...)
}

// concat joins parts to one text as far as they are known.
func concat(at Pos, parts ...*Value) *Value {
	var text strings.Builder
	var flat []*Value
	known, size := true, 0
	for _, p := range parts {
		if size += len(p.Text); size > maxText {
			return unknown
		}
		if p.Kind == Template {
			flat = append(flat, p.List...)
		} else {
			flat = append(flat, p)
		}
		if p.Kind != String && p.Kind != Number {
			known = false
		}
		text.WriteString(p.Text)
	}
	switch {
	case known:
		return &Value{Kind: String, Text: text.String(), Pos: at}
	case len(flat) > most:
		return unknown
	}
	return &Value{Kind: Template, List: flat, Pos: at}
}

func (m *machine) array(x *js.ArrayExpr, s *scope) *Value {
	v := &Value{Kind: Array, Pos: m.pos(x), maybe: m.maybe}
	for _, e := range x.List {
		if e.Value == nil {
			continue
		}
		item := m.eval(e.Value, s)
		switch {
		case !e.Spread:
			v.push(item)
		case item.Kind == Array:
			for _, i := range item.List {
				v.push(i)
			}
			v.Open = v.Open || item.Open
		default:
			v.Open = true
		}
	}
	return v
}

func (v *Value) push(item *Value) {
	if len(v.List) < most {
		v.List = append(v.List, item)
	} else {
		v.Open = true
	}
}

func (m *machine) object(x *js.ObjectExpr, s *scope) *Value {
	v := &Value{Kind: Object, Pos: m.pos(x), maybe: m.maybe}
	for i := range x.List {
		p := &x.List[i]
		at := m.pos(p)
		if p.Spread {
			m.spread(v, m.eval(p.Value, s))
			continue
		}
		if d, ok := p.Value.(*js.MethodDecl); ok {
			name := propertyName(&d.Name.PropertyName)
			if d.Name.Computed == nil && !d.Get && !d.Set {
				v.setProp(name, m.method(d, s, v), at)
			} else {
				v.Open = true
			}
			continue
		}
		value := m.eval(p.Value, s)
		m.charge(len(v.Props) / 8)
		switch {
		case p.Name == nil:
			v.Open = true
		case p.Name.Computed != nil:
			if key := m.eval(p.Name.Computed, s); key.Known() {
				v.setProp(key.Text, value, at)
			} else {
				v.Open = true
			}
		default:
			name := propertyName(p.Name)
			if value.Kind == Function && value.Func.Name == "" {
				value.Func.Name = name
			}
			v.setProp(name, value, at)
		}
	}
	return v
}

// spread copies the properties of another object. What it may have becomes a choice.
func (m *machine) spread(v, from *Value) {
	m.charge(len(v.Props) * len(from.Props) / 8)
	switch from.Kind {
	case Object:
		for _, p := range from.Props {
			v.setProp(p.Name, p.Value, p.Pos)
		}
		if from.Open {
			v.loosen()
		}
	case Choice:
		for _, o := range from.List {
			switch o.Kind {
			case Object:
				for _, p := range o.Props {
					old := undefined
					if was, ok := v.Prop(p.Name); ok {
						old = was.Value
					}
					v.setProp(p.Name, choice(old, p.Value), p.Pos)
				}
				if o.Open {
					v.loosen()
				}
			case Undefined, Null, Bool:
			default:
				v.loosen()
			}
		}
	case Undefined, Null, Bool:
	default:
		v.loosen()
	}
}

// loosen says that every property may have been set again by something unknown.
func (v *Value) loosen() {
	v.Open = true
	for i := range v.Props {
		v.Props[i].Value = choice(v.Props[i].Value, unknown)
	}
}

func (m *machine) dot(x *js.DotExpr, s *scope) *Value {
	return m.member(m.eval(x.X, s), dotName(x), m.pos(x))
}

func dotName(x *js.DotExpr) string {
	switch y := x.Y.(type) {
	case js.LiteralExpr:
		return string(y.Data)
	case *js.LiteralExpr:
		return string(y.Data)
	case *js.Var:
		return string(y.Name())
	}
	return ""
}

// member is a property of a value.
func (m *machine) member(v *Value, name string, at Pos) *Value {
	if p, ok := v.Prop(name); ok {
		return p.Value
	}
	switch v.Kind {
	case Ref:
		if v.Text == "process.env" && name == "NODE_ENV" {
			return &Value{Kind: String, Text: "production", Pos: at}
		}
		if len(v.Text) > 300 {
			return unknown
		}
		m.read(v, name, at)
		return &Value{Text: v.Text + "." + name, Pos: at, guess: v.guess}
	case Result:
		if len(v.Text) > 300 {
			return unknown
		}
		return &Value{Text: v.Text + "()." + name, Pos: at, guess: v.guess}
	case Choice:
		var all []*Value
		for _, o := range v.List {
			all = append(all, m.member(o, name, at))
		}
		return choice(all...)
	case Object:
		if v.class != nil {
			if f := v.class.find(name); f != nil {
				return m.bound(f, v)
			}
			if v.class.open() {
				return unknown
			}
		}
		if v.Open {
			return unknown
		}
		return undefined
	case Array:
		if i, err := strconv.Atoi(name); err == nil {
			if i >= 0 && i < len(v.List) {
				return v.List[i]
			}
			return unknown
		}
		if name == "length" && !v.Open {
			return &Value{Kind: Number, Text: strconv.Itoa(len(v.List))}
		}
	case Application:
		return &Value{Text: v.App.path() + "." + name, App: v.App, Pos: at}
	case Undefined, Null:
		return undefined
	}
	return &Value{Text: "?." + name}
}

// someMember is one of an object's members, and which is not known.
func (m *machine) someMember(v *Value) *Value {
	if v.Kind != Object && v.Kind != Array || v.Open || len(v.Props)+len(v.List) == 0 {
		return unknown
	}
	all := append([]*Value(nil), v.List...)
	for _, p := range v.Props {
		all = append(all, p.Value)
	}
	return choice(all...)
}
