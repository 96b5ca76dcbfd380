// Package draft writes a panoply.yaml for a person to read: what was found out, each value
// with a comment that says where, in the order in which the reference has the keys.
//
//	var d draft.Draft
//	d.Set("upstream", draft.Text(":3000").By("server.js:12"))
//	text := d.Full() // and every other key, commented out, with its default
//
// Values and comments may come from anywhere: what is no printable character is escaped
// in the one and replaced in the other, so that neither leaves its line. It does not know
// whether a value makes sense; config.Load does.
package draft

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/panoplysec/panoply/internal/config"
)

// A Value is what a key gets: a text, a list, or a mapping.
type Value struct {
	// Scalar is written as it stands; see Text and Plain.
	Scalar string
	List   []Value
	Map    []Field
	// From says where it came from.
	From string
}

// A Field is one line of a mapping.
type Field struct {
	Name string
	Value
}

// Text is any text as a value.
func Text(s string) Value { return Value{Scalar: config.Text(s)} }

// Plain is a number, a truth, a duration, or anything else that is YAML as it stands.
func Plain(yaml string) Value { return Value{Scalar: yaml} }

// Texts are texts as a list.
func Texts(all ...string) Value {
	v := Value{List: []Value{}}
	for _, s := range all {
		v.List = append(v.List, Text(s))
	}
	return v
}

// By returns v with where it came from.
func (v Value) By(from string) Value {
	v.From = from
	return v
}

// With returns v with another line of its mapping.
func (v Value) With(name string, value Value) Value {
	v.Map = append(slices.Clip(v.Map), Field{name, value})
	return v
}

// A Draft is a panoply.yaml in the making. The zero Draft is empty. It is not safe for
// concurrent use.
type Draft struct {
	lines []line
	head  []string
}

// A line is one key with a value, or with one that is only suggested.
type line struct {
	path    string
	value   Value
	suggest bool
}

// Note adds a line to the comment at the top.
func (d *Draft) Note(text string) { d.head = append(d.head, text) }

// Set gives a key its value. A second one replaces the first.
func (d *Draft) Set(path string, v Value) { d.put(line{path, v, false}) }

// Suggest notes a value for a person to take: it is commented out.
func (d *Draft) Suggest(path string, v Value) { d.put(line{path, v, true}) }

func (d *Draft) put(l line) {
	if i := d.find(l.path); i >= 0 {
		d.lines[i] = l
		return
	}
	d.lines = append(d.lines, l)
}

// Add adds an element to a list.
func (d *Draft) Add(path string, v Value) {
	i := d.find(path)
	if i < 0 || d.lines[i].suggest {
		d.Set(path, Value{List: []Value{v}})
		return
	}
	d.lines[i].value.List = append(d.lines[i].value.List, v)
}

// Get returns the value of a key that was set; ok is false for what is only suggested.
func (d *Draft) Get(path string) (v Value, ok bool) {
	i := d.find(path)
	if i < 0 || d.lines[i].suggest {
		return Value{}, false
	}
	return d.lines[i].value, true
}

func (d *Draft) find(path string) int {
	return slices.IndexFunc(d.lines, func(l line) bool { return l.path == path })
}

// Bytes writes what was set and suggested, and nothing else.
func (d *Draft) Bytes() []byte { return d.write(false) }

// Full writes every key: those that nobody set are commented out, with their default and
// what they are for.
func (d *Draft) Full() []byte { return d.write(true) }

func (d *Draft) write(full bool) []byte {
	var b bytes.Buffer
	for _, h := range d.head {
		b.WriteString(strings.TrimRight("# "+Clean(h), " ") + "\n")
	}
	if len(d.head) > 0 {
		b.WriteByte('\n')
	}
	keys := config.Keys()
	// A key that the reference does not have stands behind upstream.
	for _, l := range d.lines {
		if !slices.ContainsFunc(keys, func(k config.Key) bool { return k.Path == l.path }) {
			keys = slices.Insert(keys, 1, config.Key{Path: l.path})
		}
	}
	for _, k := range keys {
		depth := strings.Count(k.Path, ".")
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		indent := strings.Repeat("  ", depth)
		if k.Section {
			if full || slices.ContainsFunc(d.lines, func(l line) bool { return strings.HasPrefix(l.path, k.Path+".") }) {
				if full && depth == 0 {
					b.WriteByte('\n')
				}
				comment(&b, indent+name+":", k.Doc, full)
			}
			continue
		}
		i := d.find(k.Path)
		switch {
		case i >= 0 && d.lines[i].suggest:
			var one bytes.Buffer
			writeField(&one, name, d.lines[i].value, "")
			for text := range strings.Lines(one.String()) {
				b.WriteString(indent + "# " + text)
			}
		case i >= 0:
			writeField(&b, name, d.lines[i].value, indent)
		case full:
			comment(&b, strings.TrimRight(indent+"# "+name+": "+k.Default, " "), k.Doc, true)
		}
	}
	return b.Bytes()
}

// comment ends a line, with a comment or without.
func comment(b *bytes.Buffer, text, from string, want bool) {
	b.WriteString(text)
	if want && from != "" {
		b.WriteString(" # " + Clean(from))
	}
	b.WriteByte('\n')
}

func writeField(b *bytes.Buffer, name string, v Value, indent string) {
	name = key(name)
	switch {
	case len(v.Map) > 0:
		comment(b, indent+name+":", v.From, true)
		for _, f := range v.Map {
			writeField(b, f.Name, f.Value, indent+"  ")
		}
	case len(v.List) > 0:
		comment(b, indent+name+":", v.From, true)
		for _, item := range v.List {
			writeItem(b, item, indent+"  ")
		}
	default:
		comment(b, indent+name+": "+scalar(v), v.From, true)
	}
}

func writeItem(b *bytes.Buffer, v Value, indent string) {
	if len(v.Map) == 0 {
		comment(b, indent+"- "+scalar(v), v.From, true)
		return
	}
	var one bytes.Buffer
	first := v.Map[0]
	if first.From == "" {
		first.From = v.From
	}
	writeField(&one, first.Name, first.Value, indent+"  ")
	for _, f := range v.Map[1:] {
		writeField(&one, f.Name, f.Value, indent+"  ")
	}
	text := one.Bytes()
	copy(text[len(indent):], "- ")
	b.Write(text)
}

// key is the name of a key. Keys are not expanded, so their dollar signs are not doubled.
func key(name string) string {
	if len(name) == 3 && strings.Trim(name, "0123456789") == "" && name[0] != '0' {
		return name // a status
	}
	return strings.ReplaceAll(config.Text(name), "$$", "$")
}

// scalar is a value on one line.
func scalar(v Value) string {
	switch {
	case v.Map != nil:
		items := make([]string, len(v.Map))
		for i, f := range v.Map {
			items[i] = key(f.Name) + ": " + scalar(f.Value)
		}
		return "{" + strings.Join(items, ", ") + "}"
	case v.List != nil:
		items := make([]string, len(v.List))
		for i, item := range v.List {
			items[i] = scalar(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return v.Scalar
}

// Clean makes text fit for a comment or a terminal: what is not printable becomes "?", and
// it is cut.
func Clean(text string) string {
	const most = 300
	text = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
