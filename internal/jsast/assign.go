package jsast

import (
	"strings"

	"github.com/tdewolff/parse/v2/js"
)

// assign sets what is on the left of an assignment.
func (m *machine) assign(to js.IExpr, v *Value, s *scope, at Pos) {
	var object *Value
	name := ""
	switch to := to.(type) {
	case *js.Var:
		m.setVar(string(to.Name()), v, s)
		return
	case *js.GroupExpr:
		m.assign(to.X, v, s, at)
		return
	case *js.DotExpr:
		object = m.eval(to.X, s)
		name = dotName(to)
	case *js.IndexExpr:
		object = m.eval(to.X, s)
		key := m.eval(to.Y, s)
		if key.Kind != String && key.Kind != Number {
			for _, o := range object.Options() {
				if o.Kind == Object {
					o.Open = true
				}
			}
			name = "?"
		} else {
			name = key.Text
		}
	default:
		return
	}
	for _, o := range object.Options() {
		m.assignMember(o, name, v, at)
	}
}

func (m *machine) assignMember(o *Value, name string, v *Value, at Pos) {
	switch o.Kind {
	case Object, Function:
		if m.maybe > o.maybe {
			if old, ok := o.Prop(name); ok {
				v = choice(old.Value, v)
			} else {
				v = choice(undefined, v)
			}
		}
		o.setProp(name, v, at)
	case Application:
		o.setProp(name, v, at)
		m.set(o.App.path()+"."+name, v, at)
	case Ref:
		m.set(o.Text+"."+name, v, at)
	case Result:
		m.set(o.Text+"()."+name, v, at)
	}
}

func (m *machine) set(target string, v *Value, at Pos) {
	m.effects++
	if len(m.project.Sets) < maxEvents {
		m.project.Sets = append(m.project.Sets, &Set{Target: target, Value: v, In: m.handler, Maybe: m.maybe > 0 || m.cold, Pos: at})
	} else {
		m.stopped = true
	}
}

// A readKey tells two reads apart.
type readKey struct {
	path string
	in   *Func
}

// read notes that a part of a request is asked for.
func (m *machine) read(v *Value, name string, at Pos) {
	if v.Kind != Ref || v.Text != "@req" && !strings.HasPrefix(v.Text, "@req.") || len(v.Text) > 300 {
		return
	}
	key := readKey{v.Text + "." + name, m.handler}
	switch {
	case m.reads[key]:
	case len(m.project.Reads) < maxEvents:
		m.reads[key] = true
		m.project.Reads = append(m.project.Reads, Read{key.path, m.handler, at})
	default:
		m.stopped = true
	}
}
