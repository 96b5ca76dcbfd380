package jsast

import (
	"slices"

	"github.com/tdewolff/parse/v2/js"
)

// A flow says how a statement ended.
type flow uint8

const (
	goesOn flow = iota
	leaves      // return or throw: nothing after it in the function runs
	breaks      // break or continue
)

// body walks statements with what they declare for all of them: functions first.
func (m *machine) body(list []js.IStmt, s *scope) flow {
	for _, st := range list {
		if e, ok := st.(*js.ExportStmt); ok {
			if f, ok := e.Decl.(*js.FuncDecl); ok && f.Name != nil {
				s.vars[string(f.Name.Name())] = m.function(f, s)
			}
		}
		if f, ok := st.(*js.FuncDecl); ok && f.Name != nil {
			s.vars[string(f.Name.Name())] = m.function(f, s)
		}
	}
	for _, st := range list {
		if f := m.exec(st, s); f != goesOn {
			return f
		}
	}
	return goesOn
}

func (m *machine) exec(st js.IStmt, s *scope) flow {
	if st == nil || !m.step() {
		return goesOn
	}
	switch st := st.(type) {
	case *js.ExprStmt:
		m.eval(st.Value, s)
	case *js.VarDecl:
		m.declare(st, s)
	case *js.BlockStmt:
		return m.body(st.List, m.child(s))
	case *js.ReturnStmt:
		f := s
		for f != nil && !f.function {
			f = f.parent
		}
		v := undefined
		if st.Value != nil {
			v = m.eval(st.Value, s)
		}
		if f != nil && len(f.returned) < choices {
			f.returned = append(f.returned, v)
		}
		return leaves
	case *js.ThrowStmt:
		m.eval(st.Value, s)
		if m.handler != nil {
			m.handler.Throws = true
		}
		return leaves
	case *js.BranchStmt:
		return breaks
	case *js.IfStmt:
		return m.condition(st, s)
	case *js.ForStmt, *js.ForInStmt, *js.ForOfStmt, *js.WhileStmt, *js.DoWhileStmt:
		return m.loop(st, s)
	case *js.SwitchStmt:
		return m.choose(st, s)
	case *js.LabelledStmt:
		return m.exec(st.Value, s)
	case *js.WithStmt:
		return m.exec(st.Body, s)
	case *js.TryStmt:
		f := m.body(st.Body.List, m.child(s))
		if st.Catch != nil {
			c := m.child(s)
			if st.Binding != nil {
				m.bind(st.Binding, &Value{Text: "@err"}, c)
			}
			m.maybe++
			g := m.body(st.Catch.List, c)
			m.maybe--
			if f == leaves && g == goesOn {
				f = goesOn
			}
		}
		if st.Finally != nil {
			if g := m.body(st.Finally.List, m.child(s)); g == leaves {
				f = g
			}
		}
		return f
	case *js.ClassDecl:
		v := m.classOf(st, s)
		if st.Name != nil {
			s.vars[string(st.Name.Name())] = v
		}
	case *js.ImportStmt:
		m.imports(st, s)
	case *js.ExportStmt:
		m.exports(st, s)
	}
	return goesOn
}

func (m *machine) condition(st *js.IfStmt, s *scope) flow {
	switch m.eval(st.Cond, s).Truth() {
	case True:
		return m.exec(st.Body, m.child(s))
	case False:
		return m.exec(st.Else, m.child(s))
	}
	m.maybe++
	a := m.exec(st.Body, m.child(s))
	b := m.exec(st.Else, m.child(s))
	m.maybe--
	if a == b {
		return a
	}
	return goesOn
}

// loop walks the body once, and once for each element of a list that is known.
func (m *machine) loop(st js.IStmt, s *scope) flow {
	s = m.child(s)
	switch st := st.(type) {
	case *js.ForStmt:
		m.exprStmt(st.Init, s)
		m.exprStmt(st.Cond, s)
		m.once(st.Body, s)
		m.exprStmt(st.Post, s)
	case *js.WhileStmt:
		m.eval(st.Cond, s)
		m.once(st.Body, s)
	case *js.DoWhileStmt:
		if f := m.exec(st.Body, s); f == leaves {
			return f
		}
		m.eval(st.Cond, s)
	case *js.ForInStmt:
		m.each(st.Init, keys(m.eval(st.Value, s)), st.Body, s)
	case *js.ForOfStmt:
		m.each(st.Init, m.eval(st.Value, s), st.Body, s)
	}
	return goesOn
}

func (m *machine) exprStmt(x js.IExpr, s *scope) {
	if d, ok := x.(*js.VarDecl); ok {
		m.declare(d, s)
	} else if x != nil {
		m.eval(x, s)
	}
}

func (m *machine) once(body js.IStmt, s *scope) {
	m.maybe++
	m.exec(body, s)
	m.maybe--
}

func (m *machine) each(to js.IExpr, over *Value, body *js.BlockStmt, s *scope) {
	assign := func(v *Value, s *scope) {
		if d, ok := to.(*js.VarDecl); ok && len(d.List) == 1 {
			m.bind(d.List[0].Binding, v, s)
		} else if x, ok := to.(*js.Var); ok {
			m.setVar(string(x.Name()), v, s)
		}
	}
	if over.Kind != Array || over.Open {
		assign(unknown, s)
		m.once(body, s)
		return
	}
	for _, v := range over.List {
		round := m.child(s)
		assign(v, round)
		if m.exec(body, round) == leaves || !m.step() {
			return
		}
	}
}

func (m *machine) choose(st *js.SwitchStmt, s *scope) flow {
	on := m.eval(st.Init, s)
	s = m.child(s)
	at, known := -1, on.Known() || on.environment()
	for i := range st.List {
		if st.List[i].Cond == nil {
			continue
		}
		t := equal(on, m.eval(st.List[i].Cond, s))
		if t.Kind != Bool {
			known = false
		} else if t == yes && at < 0 {
			at = i
		}
	}
	if !known {
		m.maybe++
		for i := range st.List {
			m.body(st.List[i].List, s)
		}
		m.maybe--
		return goesOn
	}
	for i := range st.List {
		if at < 0 && st.List[i].Cond == nil {
			at = i
		}
	}
	for i := at; i >= 0 && i < len(st.List); i++ {
		switch m.body(st.List[i].List, s) {
		case leaves:
			return leaves
		case breaks:
			return goesOn
		}
	}
	return goesOn
}

func (m *machine) declare(d *js.VarDecl, s *scope) {
	if d.TokenType == js.VarToken {
		for !s.function && s.parent != nil {
			s = s.parent
		}
	}
	for i := range d.List {
		e := &d.List[i]
		v := undefined
		if e.Default != nil {
			v = m.eval(e.Default, s)
			if x, ok := e.Binding.(*js.Var); ok && v.Kind == Function && v.Func.Name == "" {
				v.Func.Name = string(x.Name())
			}
		} else if x, ok := e.Binding.(*js.Var); ok && d.TokenType == js.VarToken {
			// var x; declares again what may have a value.
			if old, ok := s.vars[string(x.Name())]; ok {
				v = old
			}
		}
		m.bind(e.Binding, v, s)
	}
}

// bind gives a pattern's names their parts of the value.
func (m *machine) bind(to js.IBinding, v *Value, s *scope) {
	if !m.step() {
		return
	}
	switch to := to.(type) {
	case *js.Var:
		s.vars[string(to.Name())] = v
	case *js.BindingArray:
		for i := range to.List {
			part := unknown
			if v.Kind == Array && !v.Open {
				part = undefined
				if i < len(v.List) {
					part = v.List[i]
				}
			}
			m.bindElement(&to.List[i], part, s)
		}
		if to.Rest != nil {
			m.bind(to.Rest, &Value{Kind: Array, Open: true}, s)
		}
	case *js.BindingObject:
		var taken []string
		for i := range to.List {
			item := &to.List[i]
			name := ""
			if item.Key != nil && item.Key.Computed == nil {
				name = propertyName(item.Key)
			} else if x, ok := item.Value.Binding.(*js.Var); ok && item.Key == nil {
				name = string(x.Name())
			}
			part := unknown
			if name != "" {
				part = m.member(v, name, Pos{})
				taken = append(taken, name)
			}
			m.bindElement(&item.Value, part, s)
		}
		if to.Rest != nil {
			rest := &Value{Kind: Object, Open: v.Kind != Object || v.Open}
			for _, p := range v.Props {
				if !slices.Contains(taken, p.Name) {
					rest.Props = append(rest.Props, p)
				}
			}
			s.vars[string(to.Rest.Name())] = rest
		}
	}
}

func (m *machine) bindElement(e *js.BindingElement, v *Value, s *scope) {
	if e.Default != nil && v.Kind == Undefined {
		v = m.eval(e.Default, s)
	}
	if e.Binding != nil {
		m.bind(e.Binding, v, s)
	}
}

func propertyName(n *js.PropertyName) string {
	if n.Literal.TokenType == js.StringToken {
		return unquote(string(n.Literal.Data))
	}
	return string(n.Literal.Data)
}
