package config

import (
	"encoding"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/panoplysec/panoply/guard"
)

// A reader fills one Config and collects what is wrong on the way.
type reader struct {
	cfg      *Config
	folder   string
	env      func(string) (string, bool)
	problems []*Problem
	// raw takes values as they are written: nothing is expanded.
	raw bool
	// source is where everything comes from that is read, when that is no file.
	source Origin
}

// origin is a place of what is read; line 0 stands for the whole.
func (r *reader) origin(line, column int) Origin {
	if r.source != (Origin{}) {
		return r.source
	}
	return Origin{File: r.cfg.file, Line: line, Column: column}
}

// at notes a problem at a place of the file; line 0 stands for the whole file.
func (r *reader) at(line, column int, path, text, hint string) {
	r.problems = append(r.problems, &Problem{
		Origin: r.origin(line, column), Path: path, Text: text, Hint: hint,
	})
}

func (r *reader) wrong(n ast.Node, path, text, hint string) {
	line, column := start(n)
	r.at(line, column, path, text, hint)
}

func (r *reader) mark(n ast.Node, path string) {
	line, column := start(n)
	r.cfg.origins[path] = r.origin(line, column)
}

func (r *reader) root(n ast.Node) {
	if n == nil {
		return
	}
	if _, ok := n.(*ast.NullNode); ok {
		return
	}
	r.value(n, reflect.ValueOf(r.cfg).Elem(), "", "")
}

// value reads one node into v. An absent block, such as "tls:" with all its lines
// commented out, leaves v as it is.
func (r *reader) value(n ast.Node, v reflect.Value, path string, tag reflect.StructTag) {
	r.mark(n, path)
	if o, ok := v.Addr().Interface().(**Ordered); ok {
		r.ordered(n, o, path)
		return
	}
	_, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	if isText || v.Kind() == reflect.String || v.Kind() == reflect.Bool || v.Kind() == reflect.Int64 {
		r.scalar(n, v, path, tag)
		return
	}
	if s, ok := scalarOf(n); ok && s.kind == kindNull {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.object(n, v, path)
	case reflect.Map:
		r.pages(n, v, path, tag)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			r.wrong(n, path, fmt.Sprintf("is %s, must be a list", kindOf(n)), "write [a, b], or one - line for each")
			return
		}
		// A list that is given replaces the default whole, like a flag.
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			v.Index(i).Set(newItem(v.Type().Elem()))
			r.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), tag)
		}
	}
}

// newItem is an item of a list with its defaults in place.
func newItem(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if u, ok := v.Addr().Interface().(*Upstream); ok {
		*u = DefaultUpstream()
	}
	return v
}

// pairs walks a mapping, refuses a key given twice, and calls each for the rest.
func (r *reader) pairs(n ast.Node, path string, each func(key string, pair *ast.MappingValueNode)) {
	pairs, ok := entries(n)
	if !ok {
		r.wrong(n, path, fmt.Sprintf("is %s, must be a mapping", kindOf(n)), "write key: value lines below it")
		return
	}
	first := make(map[string]int, len(pairs))
	for _, pair := range pairs {
		s, ok := scalarOf(pair.Key)
		if !ok {
			r.wrong(pair, path, "has a key that is not plain text", "")
			continue
		}
		key := s.text
		if s.kind == kindNull {
			key = pair.Key.GetToken().Value
		}
		line, column := place(pair.Key.GetToken())
		if before, twice := first[key]; twice {
			r.at(line, column, joinPath(path, key), fmt.Sprintf("given twice, first in line %d", before), "keep one")
			continue
		}
		first[key] = line
		each(key, pair)
	}
}

// object reads a mapping into a struct.
func (r *reader) object(n ast.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	r.pairs(n, path, func(key string, pair *ast.MappingValueNode) {
		for _, f := range fields {
			if f.name == key {
				r.value(pair.Value, v.Field(f.index), joinPath(path, key), f.tag)
				return
			}
		}
		line, column := place(pair.Key.GetToken())
		r.at(line, column, joinPath(path, printable(key)), "unknown key", suggest(key, path, fields))
	})
}

// pages reads the mapping of status codes to files.
func (r *reader) pages(n ast.Node, v reflect.Value, path string, tag reflect.StructTag) {
	m := reflect.MakeMap(v.Type())
	r.pairs(n, path, func(key string, pair *ast.MappingValueNode) {
		status, ok := pageKey(key)
		if !ok {
			line, column := place(pair.Key.GetToken())
			r.at(line, column, joinPath(path, printable(key)), "is not a status from 400 to 599, 4xx or 5xx", "")
			return
		}
		item := reflect.New(v.Type().Elem()).Elem()
		where := joinPath(path, pageName(status))
		if m.MapIndex(reflect.ValueOf(status)).IsValid() {
			line, column := place(pair.Key.GetToken())
			r.at(line, column, where, "given twice", "keep one")
			return
		}
		r.value(pair.Value, item, where, tag)
		m.SetMapIndex(reflect.ValueOf(status), item)
	})
	v.Set(m)
}

// pageKey reads a key of errors: 404, 4xx or 4.
func pageKey(key string) (int, bool) {
	switch key {
	case "4", "4xx":
		return 4, true
	case "5", "5xx":
		return 5, true
	}
	n, err := strconv.Atoi(key)
	return n, err == nil && n >= 400 && n <= 599 && len(key) == 3
}

// pageName writes what pageKey reads.
func pageName(status int) string {
	if status == 4 || status == 5 {
		return strconv.Itoa(status) + "xx"
	}
	return strconv.Itoa(status)
}

// scalar reads a node that stands for one value.
func (r *reader) scalar(n ast.Node, v reflect.Value, path string, tag reflect.StructTag) {
	s, ok := scalarOf(n)
	if !ok {
		r.wrong(n, path, fmt.Sprintf("is %s, must be %s", kindOf(n), wanted(v)), "")
		return
	}
	if s.kind == kindNull {
		r.wrong(n, path, "has no value", "give it one, or remove the line for the default")
		return
	}
	text, expanded, ok := r.expanded(n, path, s)
	if !ok {
		return
	}
	// The text of a variable has no kind of its own; the field decides.
	if !expanded {
		mismatch := v.Kind() == reflect.String && s.kind != kindText ||
			v.Kind() == reflect.Bool && s.kind != kindBool ||
			v.Kind() == reflect.Int64 && !isText(v) && s.kind != kindNumber
		if mismatch {
			hint := ""
			if v.Kind() == reflect.String {
				hint = fmt.Sprintf("write %q with the quotes", s.text)
			}
			r.wrong(n, path, fmt.Sprintf("is %s (%s), must be %s", s.kind, printable(s.text), wanted(v)), hint)
			return
		}
	}
	if text != "" && tag.Get("kind") == "file" && !filepath.IsAbs(text) && !r.raw {
		text = filepath.Join(r.folder, text)
	}
	if err := setText(v, text); err != nil {
		r.wrong(n, path, err.Error(), "")
	}
}

// expanded is expand with its problems noted.
func (r *reader) expanded(n ast.Node, path string, s scalar) (text string, expanded, ok bool) {
	if r.raw {
		return s.text, false, true
	}
	text, expanded, errs := expand(s.text, r.env)
	for _, err := range errs {
		r.wrong(n, path, err.Error(), "")
	}
	return text, expanded, len(errs) == 0
}

func isText(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// setText sets a scalar field from its text. The error lacks the path.
func setText(v reflect.Value, text string) error {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		err := t.UnmarshalText([]byte(text))
		if e, ok := errors.AsType[*guard.OptionError](err); ok {
			return fmt.Errorf("is %s, must be one of %s", quoted(text), e.Allowed)
		}
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("is %s, must be true or false", quoted(text))
		}
		v.SetBool(text == "true")
	case reflect.Int64:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("is %s, must be a whole number", quoted(text))
		}
		v.SetInt(i)
	}
	return nil
}

// wanted names the type of a scalar field for a person.
func wanted(v reflect.Value) string {
	switch v.Addr().Interface().(type) {
	case *Duration:
		return "a duration, such as 10s or 7d"
	case *guard.Mode:
		return "one of enforce, observe, off"
	}
	switch v.Kind() {
	case reflect.Bool:
		return kindBool
	case reflect.Int64:
		return "a whole number"
	}
	return kindText
}
