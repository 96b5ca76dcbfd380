package jsast

import (
	"maps"
	"path"
	"slices"
	"strings"
)

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
		to, f := &Value{Kind: Array, Open: o.Open}, first(args)
		for _, v := range o.List {
			kept := Unsure
			switch {
			case f.Kind == Function && f.class == nil:
				kept = m.run(f.Func, []*Value{v}, nil).Truth()
			case f.Kind == Ref && f.Text == "Boolean":
				// What is unknown is there if it is anything.
				if kept = v.Truth(); kept == Unsure {
					kept = True
				}
			}
			if kept != False {
				to.push(v)
			}
			to.Open = to.Open || kept == Unsure
		}
		return to
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

// folder lists the JavaScript of a folder of the project, as routes are loaded that
// nobody names.
func (m *machine) folder(dir *Value) *Value {
	if dir.Kind != String {
		return nil
	}
	names := make(map[string]bool)
	base := strings.TrimPrefix(path.Clean("/"+dir.Text), "/")
	for _, f := range m.project.Files {
		if rest, ok := strings.CutPrefix(f.Path, base+"/"); ok || base == "" {
			if base == "" {
				rest = f.Path
			}
			name, _, _ := strings.Cut(rest, "/")
			names[name] = true
		}
	}
	v := &Value{Kind: Array}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		v.push(&Value{Kind: String, Text: name})
	}
	return v
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
	case "Object.freeze", "Object.seal", "Promise.resolve", "String", "Number", "parseInt", "Boolean", "structuredClone", "util.promisify":
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
	case "path.join", "path.posix.join", "path.resolve":
		joined := ""
		for _, a := range args {
			if a.Kind != String {
				return nil
			}
			if joined += "/" + a.Text; name == "path.resolve" && strings.HasPrefix(a.Text, "/") {
				joined = a.Text
			}
		}
		joined = path.Clean(joined)
		if name != "path.resolve" && !strings.HasPrefix(first(args).Text, "/") {
			joined = strings.TrimPrefix(joined, "/")
		}
		return &Value{Kind: String, Text: joined, Pos: at}
	case "path.dirname", "path.basename":
		if v := first(args); v.Kind == String && len(args) == 1 {
			return &Value{Kind: String, Text: map[string]func(string) string{"path.dirname": path.Dir, "path.basename": path.Base}[name](v.Text), Pos: at}
		}
	case "process.cwd":
		return &Value{Kind: String, Text: "/", Pos: at}
	case "fs.readdirSync":
		return m.folder(first(args))
	}
	return nil
}
