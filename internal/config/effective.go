package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Setting is one value that is in force.
type Setting struct {
	// Path is the key, such as "bounds.head_timeout".
	Path string
	// Value is the value as it would be written in the file.
	Value string
	// Origin is where it came from.
	Origin Origin
}

// Effective lists every value that is in force with its origin, in the order of the
// structs, for --dry-run.
func (c *Config) Effective() []Setting {
	var all []Setting
	c.walk(reflect.ValueOf(c).Elem(), "", func(path, _ string, _ int, value string, _ bool) {
		list := c.listAt(path)
		if !list.IsValid() || list.Len() == 0 {
			if value != "" {
				all = append(all, Setting{Path: path, Value: value, Origin: c.origins[path]})
			}
			return
		}
		for i := range list.Len() {
			all = c.appendItem(all, list.Index(i), fmt.Sprintf("%s[%d]", path, i), c.origins[path])
		}
	})
	return all
}

// listAt returns the list of structs at path; it is not valid where there is none.
func (c *Config) listAt(path string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		i := slices.IndexFunc(fieldsOf(v.Type()), func(f field) bool { return f.name == name })
		if i < 0 {
			return reflect.Value{}
		}
		v = v.Field(fieldsOf(v.Type())[i].index)
	}
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v
}

// appendItem lists the values of an item, each with an origin of its own, or that of the
// list where that came as a whole from elsewhere than a file, which has a line for each.
func (c *Config) appendItem(all []Setting, v reflect.Value, path string, list Origin) []Setting {
	for _, f := range fieldsOf(v.Type()) {
		where, value := joinPath(path, f.name), v.Field(f.index)
		switch {
		case value.Kind() == reflect.Struct:
			all = c.appendItem(all, value, where, list)
		case value.IsZero() && value.Kind() != reflect.Bool:
		default:
			origin, own := c.origins[where]
			if !own && list.File == "" {
				origin = list
			}
			all = append(all, Setting{Path: where, Value: written(value), Origin: origin})
		}
	}
	return all
}

// YAML writes the whole configuration as a file that Load reads back, each value with
// its origin as a comment.
func (c *Config) YAML() []byte {
	var b bytes.Buffer
	c.walk(reflect.ValueOf(c).Elem(), "", func(path, name string, depth int, value string, section bool) {
		b.WriteString(strings.Repeat("  ", depth) + name + ":")
		if !section {
			fmt.Fprintf(&b, " %s # %s", value, printable(c.origins[path].String()))
		}
		b.WriteByte('\n')
	})
	return b.Bytes()
}

// walk calls visit for every section, with no value, and for every value that is set.
func (c *Config) walk(v reflect.Value, path string, visit func(path, name string, depth int, value string, section bool)) {
	depth := 0
	if path != "" {
		depth = 1 + strings.Count(path, ".")
	}
	for _, f := range fieldsOf(v.Type()) {
		where, field := joinPath(path, f.name), v.Field(f.index)
		switch field.Kind() {
		case reflect.Struct:
			visit(where, f.name, depth, "", true)
			c.walk(field, where, visit)
			continue
		case reflect.Map:
			pages := c.Errors
			if len(pages) == 0 {
				continue
			}
			visit(where, f.name, depth, "", true)
			for _, status := range slices.Sorted(maps.Keys(pages)) {
				name := pageName(status)
				visit(joinPath(where, name), name, depth+1, written(reflect.ValueOf(pages[status])), false)
			}
			continue
		case reflect.String:
			// An empty text is a value that is not set; an empty list is written.
			if field.String() == "" {
				continue
			}
		case reflect.Pointer:
			if field.IsNil() {
				continue
			}
		}
		visit(where, f.name, depth, written(field), false)
	}
}

// written writes a value as YAML on one line.
func written(v reflect.Value) string {
	switch v := v.Interface().(type) {
	case *Ordered:
		return escapeVariables(v.JSON)
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return `""` // refused by Validate
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.String:
		return writtenText(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = written(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Struct:
		var items []string
		for _, f := range fieldsOf(v.Type()) {
			items = append(items, f.name+": "+written(v.Field(f.index)))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return ""
}

// writtenText quotes a text unless it is plainly one.
func writtenText(s string) string {
	plain := func(c rune) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune("._-/", c)
	}
	if s != "" && isLetter(s[0]) && strings.IndexFunc(s, func(c rune) bool { return !plain(c) }) < 0 {
		switch strings.ToLower(s) {
		case "true", "false", "null", "yes", "no", "y", "n":
		default:
			return s
		}
	}
	s = strings.ReplaceAll(s, "$", "$$")
	if !hidden(s) {
		var b bytes.Buffer
		writeString(&b, s)
		return b.String()
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c != utf8.RuneError && unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// hidden tells of text that does not show as it is, or that moves a terminal.
func hidden(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) })
}

// escapeVariables doubles the dollar signs in the values of a JSON document, as only
// values are expanded when it is read as YAML.
func escapeVariables(document []byte) string {
	if !bytes.Contains(document, []byte("$")) {
		return string(document)
	}
	var b bytes.Buffer
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := escapeValue(&b, d); err != nil {
		return string(document) // not JSON: nothing that Load made
	}
	return b.String()
}

// escapeValue copies one value, keys in their order.
func escapeValue(b *bytes.Buffer, d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		b.WriteRune(rune(t))
		for i := 0; d.More(); i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			if t == '{' {
				key, err := d.Token()
				if err != nil {
					return err
				}
				writeString(b, fmt.Sprint(key))
				b.WriteByte(':')
			}
			if err := escapeValue(b, d); err != nil {
				return err
			}
		}
		end, err := d.Token()
		if err != nil {
			return err
		}
		b.WriteString(fmt.Sprint(end))
	case string:
		writeString(b, strings.ReplaceAll(t, "$", "$$"))
	case nil:
		b.WriteString("null")
	default:
		b.WriteString(fmt.Sprint(t))
	}
	return nil
}
