package jsast

import (
	"slices"
	"strings"
)

// A Kind says what is known of a value.
type Kind uint8

// The kinds. The zero value is Ref.
const (
	// Ref is something that the folder does not make: Text is its path, such as
	// "express.Router", "process.env.PORT", "@req.body" for a handler's request, or
	// "?" for what is not known at all.
	Ref Kind = iota
	// Result is what a call of a Ref gave: Text is the callee's path, List the arguments.
	Result
	Undefined
	Null
	Bool
	Number
	String
	Regexp
	// Template is a text with parts that are not known: List are all its parts.
	Template
	// Array has its elements in List.
	Array
	// Object has its properties in Props.
	Object
	// Function has its code in Func.
	Function
	// Application is an Express app or router, in App.
	Application
	// Choice is one of List, and which cannot be told.
	Choice
)

// A Value is what the interpreter knows of a value. Nobody changes it after [Load].
type Value struct {
	Kind Kind
	// Text is the path of a Ref or Result, and the text of a String, Number, Bool or
	// Regexp as it would be printed.
	Text string
	List []*Value
	// Props are the properties of an Object, Function or Application, in their order.
	Props []Prop
	// Open says that an Array or Object has more than is known here.
	Open bool
	Func *Func
	App  *App
	// Pos is where it was made; not for the kinds from Undefined to Bool.
	Pos Pos

	class *class
	route string
	paths []string
	maybe int
	// guess says that it is taken for a request or a response by its name only.
	guess bool
}

// A Prop is a property and where its name stands.
type Prop struct {
	Name  string
	Value *Value
	Pos   Pos
}

var (
	undefined = &Value{Kind: Undefined, Text: "undefined"}
	null      = &Value{Kind: Null, Text: "null"}
	yes       = &Value{Kind: Bool, Text: "true"}
	no        = &Value{Kind: Bool, Text: "false"}
	unknown   = &Value{Text: "?"}
)

func boolean(b bool) *Value {
	if b {
		return yes
	}
	return no
}

// Prop returns the named property of an object; ok is false when it has none. An object
// that is Open may have it all the same.
func (v *Value) Prop(name string) (p Prop, ok bool) {
	for _, p := range v.Props {
		if p.Name == name {
			return p, true
		}
	}
	return Prop{}, false
}

func (v *Value) setProp(name string, value *Value, at Pos) {
	for i := range v.Props {
		if v.Props[i].Name == name {
			v.Props[i] = Prop{name, value, at}
			return
		}
	}
	if len(v.Props) < most {
		v.Props = append(v.Props, Prop{name, value, at})
	} else {
		v.Open = true
	}
}

// A Truth is what a condition is known to be.
type Truth uint8

// The truths.
const (
	Unsure Truth = iota
	True
	False
)

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Truth says what the value is as a condition, in production.
func (v *Value) Truth() Truth {
	switch v.Kind {
	case Undefined, Null:
		return False
	case Bool:
		return truth(v.Text == "true")
	case Number:
		return truth(strings.Trim(v.Text, "0.") != "")
	case String:
		return truth(v.Text != "")
	case Regexp, Array, Object, Function, Application:
		return True
	case Choice:
		first := v.List[0].Truth()
		for _, o := range v.List {
			if o.Truth() != first {
				return Unsure
			}
		}
		return first
	case Ref:
		switch word := strings.ToLower(strings.ReplaceAll(last(v.Text), "_", "")); word {
		case "isprod", "isproduction", "inproduction", "prod", "production":
			return True
		case "isdev", "isdevelopment", "indevelopment", "istest", "development":
			return False
		}
	}
	return Unsure
}

// environment says that the unknown value stands for NODE_ENV by its name, as where it
// comes out of a configuration package.
func (v *Value) environment() bool {
	word := last(v.Text)
	if v.Kind == Result {
		return last(v.Text) == "get" && len(v.List) == 1 && v.List[0].Kind == String && slices.Contains(environments, last(v.List[0].Text))
	}
	return v.Kind == Ref && slices.Contains(environments, word)
}

var environments = []string{"NODE_ENV", "node_env", "nodeEnv", "env", "environment", "ENV"}

// last is the part of a path after its last dot.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// Known says that the value is a text, number, truth, null or undefined.
func (v *Value) Known() bool { return v.Kind >= Undefined && v.Kind <= String }

// Options returns the values of a Choice, and otherwise the value itself.
func (v *Value) Options() []*Value {
	if v.Kind == Choice {
		return v.List
	}
	return []*Value{v}
}

// choices bounds a Choice, most lists and properties, maxText a text that is put
// together.
const (
	choices = 8
	most    = 1000
	maxText = 16 << 10
)

// choice is one of the values; equal ones count once, and too many are not known.
func choice(values ...*Value) *Value {
	var all []*Value
	for _, v := range values {
		for _, o := range v.Options() {
			if !slices.ContainsFunc(all, func(x *Value) bool { return x == o || x.Known() && x.Kind == o.Kind && x.Text == o.Text }) {
				all = append(all, o)
			}
		}
	}
	switch {
	case len(all) == 0:
		return undefined
	case len(all) == 1:
		return all[0]
	case len(all) > choices:
		return unknown
	}
	return &Value{Kind: Choice, List: all, Pos: values[0].Pos}
}

// Mentions says that the value, or anything that it was made of, is the thing with this
// path or a part of it. It looks at a bounded number of parts.
func (v *Value) Mentions(path string) bool {
	left := 5000
	return v.mentions(path, 8, &left)
}

func (v *Value) mentions(path string, depth int, left *int) bool {
	if *left--; depth == 0 || *left < 0 {
		return false
	}
	if (v.Kind == Ref || v.Kind == Result) && (v.Text == path || strings.HasPrefix(v.Text, path) && strings.IndexByte(".([", v.Text[len(path)]) >= 0) {
		return true
	}
	for _, o := range v.List {
		if *left >= 0 && o.mentions(path, depth-1, left) {
			return true
		}
	}
	for _, p := range v.Props {
		if v.Kind == Object && p.Value.mentions(path, depth-1, left) {
			return true
		}
	}
	return false
}

// flat are the elements of a list and of the lists in it, as Express reads lists of paths
// and of handlers; all is false when there are more than are known. It tells how many
// values it looked at.
func (v *Value) flat() (values []*Value, all bool, looked int) {
	const bound = 5000
	left, all := bound, true
	var walk func(v *Value, depth int)
	walk = func(v *Value, depth int) {
		switch left--; {
		case left < 0 || depth > 8:
			all = false
		case v.Kind != Array:
			values = append(values, v)
		default:
			all = all && !v.Open
			for i := 0; i < len(v.List) && left >= 0; i++ {
				walk(v.List[i], depth+1)
			}
		}
	}
	walk(v, 0)
	return values, all, bound - left
}
