package jsast

import (
	"slices"

	"github.com/tdewolff/parse/v2/js"
)

func (m *machine) unary(x *js.UnaryExpr, s *scope) *Value {
	v := m.eval(x.X, s)
	switch x.Op {
	case js.AwaitToken:
		return v
	case js.NotToken:
		switch v.Truth() {
		case True:
			return no
		case False:
			return yes
		}
	case js.VoidToken:
		return undefined
	case js.PosToken:
		if v.Kind == Number || v.Kind == Ref {
			return v
		}
	case js.NegToken:
		if v.Kind == Number {
			return &Value{Kind: Number, Text: "-" + v.Text, Pos: v.Pos}
		}
	case js.DeleteToken:
		if d, ok := x.X.(*js.DotExpr); ok {
			m.assign(d, undefined, s, m.pos(d))
		}
	}
	return unknown
}

func (m *machine) binary(x *js.BinaryExpr, s *scope) *Value {
	switch x.Op {
	case js.EqToken:
		v := m.eval(x.Y, s)
		if f, ok := x.X.(*js.DotExpr); ok && v.Kind == Function && v.Func.Name == "" {
			v.Func.Name = dotName(f)
		}
		m.assign(x.X, v, s, m.pos(x))
		return v
	case js.AndToken, js.OrToken, js.NullishToken:
		return m.logical(x.Op, m.eval(x.X, s), x.Y, s)
	case js.AndEqToken, js.OrEqToken, js.NullishEqToken:
		op := map[js.TokenType]js.TokenType{js.AndEqToken: js.AndToken, js.OrEqToken: js.OrToken, js.NullishEqToken: js.NullishToken}[x.Op]
		v := m.logical(op, m.eval(x.X, s), x.Y, s)
		m.assign(x.X, v, s, m.pos(x))
		return v
	}
	a, b := m.eval(x.X, s), m.eval(x.Y, s)
	switch x.Op {
	case js.AddToken:
		if (a.Kind == String || a.Kind == Template || b.Kind == String || b.Kind == Template) || a.Kind == Ref || b.Kind == Ref {
			return concat(m.pos(x), a, b)
		}
	case js.AddEqToken:
		v := concat(m.pos(x), a, b)
		m.assign(x.X, v, s, m.pos(x))
		return v
	case js.EqEqToken, js.EqEqEqToken:
		return equal(a, b)
	case js.NotEqToken, js.NotEqEqToken:
		if e := equal(a, b); e.Kind == Bool {
			return boolean(e != yes)
		}
	case js.MulToken:
		return product(a, b)
	case js.SubEqToken, js.MulEqToken, js.DivEqToken, js.BitOrEqToken, js.BitAndEqToken:
		m.assign(x.X, unknown, s, m.pos(x))
	case js.InToken:
		if a.Kind == String && b.Kind == Object && !b.Open {
			_, ok := b.Prop(a.Text)
			return boolean(ok)
		}
	}
	return unknown
}

// equal compares as in production: what has the name of the environment and came from
// elsewhere, as from a configuration package, is "production" beside a text.
func equal(a, b *Value) *Value {
	if b.environment() {
		a, b = b, a
	}
	if a.environment() && b.Kind == String {
		return boolean(b.Text == "production")
	}
	if a.Known() && b.Known() {
		return boolean(a.Kind == b.Kind && a.Text == b.Text)
	}
	if a.Kind == Choice && b.Known() && !slices.ContainsFunc(a.List, func(o *Value) bool { return !o.Known() || o.Kind == b.Kind && o.Text == b.Text }) {
		return no
	}
	return unknown
}

func (m *machine) logical(op js.TokenType, a *Value, y js.IExpr, s *scope) *Value {
	t := a.Truth()
	if op == js.NullishToken {
		switch {
		case a.Kind == Undefined || a.Kind == Null:
			t = False
		case a.Kind != Ref && a.Kind != Result && a.Kind != Choice:
			t = True
		default:
			t = Unsure
		}
	}
	and := op == js.AndToken
	switch {
	case t == True && !and, t == False && and:
		return a
	case t != Unsure:
		return m.eval(y, s)
	}
	m.maybe++
	b := m.eval(y, s)
	m.maybe--
	if and {
		// Of a condition that did not hold nothing is left but that it did not.
		return choice(no, b)
	}
	// What is false among the first is not taken.
	var all []*Value
	for _, o := range a.Options() {
		if o.Truth() != False {
			all = append(all, o)
		}
	}
	return choice(append(all, b)...)
}

// product multiplies whole numbers, as durations are written: 60 * 60 * 1000.
func product(a, b *Value) *Value {
	x, ok := whole(a)
	y, also := whole(b)
	if !ok || !also || x != 0 && (x*y)/x != y {
		return unknown
	}
	return &Value{Kind: Number, Text: decimal(x * y), Pos: a.Pos}
}
