package jsast

import "github.com/tdewolff/parse/v2/js"

// imports gives the names of an import their values.
func (m *machine) imports(st *js.ImportStmt, s *scope) {
	exports := m.require(unquote(string(st.Module)), m.pos(st))
	if st.Default != nil {
		s.vars[string(st.Default)] = imported(exports, "default")
	}
	for _, a := range st.List {
		switch name := string(a.Name); {
		case a.Binding == nil:
		case name == "*":
			s.vars[string(a.Binding)] = exports
		case name == "":
			s.vars[string(a.Binding)] = imported(exports, string(a.Binding))
		default:
			s.vars[string(a.Binding)] = imported(exports, name)
		}
	}
}

func (m *machine) exports(st *js.ExportStmt, s *scope) {
	object, ok := s.vars["exports"]
	if !ok {
		return
	}
	at := m.pos(st)
	if st.Decl != nil {
		m.exportDecl(st, object, at, s)
		return
	}
	var from *Value
	if st.Module != nil {
		from = m.require(unquote(string(st.Module)), at)
	}
	for _, a := range st.List {
		name, as := string(a.Name), string(a.Binding)
		switch {
		case a.Binding == nil:
		case from != nil && name == "" && as == "*":
			for _, p := range from.Props {
				if p.Name != "default" {
					object.setProp(p.Name, p.Value, p.Pos)
				}
			}
			object.Open = object.Open || from.Kind != Object || from.Open
		case from != nil && name == "*":
			object.setProp(as, from, at)
		case from != nil && name == "":
			object.setProp(as, imported(from, as), at)
		case from != nil:
			object.setProp(as, imported(from, name), at)
		case name == "":
			object.setProp(as, m.variable(as, s), at)
		default:
			object.setProp(as, m.variable(name, s), at)
		}
	}
}

func (m *machine) exportDecl(st *js.ExportStmt, object *Value, at Pos, s *scope) {
	var v *Value
	name := ""
	switch d := st.Decl.(type) {
	case *js.VarDecl:
		m.declare(d, s)
		for i := range d.List {
			for _, name := range bound(d.List[i].Binding, nil) {
				if v := s.vars[name]; v != nil {
					object.setProp(name, v, at)
				}
			}
		}
		return
	case *js.FuncDecl:
		if d.Name != nil {
			name = string(d.Name.Name())
			v = s.vars[name]
		}
		if v == nil {
			v = m.function(d, s)
		}
	case *js.ClassDecl:
		v = m.classOf(d, s)
		if d.Name != nil {
			name = string(d.Name.Name())
			s.vars[name] = v
		}
	default:
		v = m.eval(st.Decl, s)
	}
	if st.Default {
		name = "default"
	}
	if name != "" {
		object.setProp(name, v, at)
	}
}

// bound adds the names that a pattern binds: export const { a, b: [c] } = made().
func bound(to js.IBinding, names []string) []string {
	switch to := to.(type) {
	case *js.Var:
		names = append(names, string(to.Name()))
	case *js.BindingArray:
		for i := range to.List {
			names = bound(to.List[i].Binding, names)
		}
		if to.Rest != nil {
			names = bound(to.Rest, names)
		}
	case *js.BindingObject:
		for i := range to.List {
			names = bound(to.List[i].Value.Binding, names)
		}
		if to.Rest != nil {
			names = append(names, string(to.Rest.Name()))
		}
	}
	return names
}
