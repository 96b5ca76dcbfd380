package config

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Key is one key of the file.
type Key struct {
	// Path is such as "bounds.head_timeout".
	Path string
	// Section says that it holds keys of its own, which follow it.
	Section bool
	// Doc says what it is for.
	Doc string
	// Default is the default as it would be written; empty where there is none, and for
	// file names, which depend on the machine.
	Default string
}

// Keys lists the keys of the file in the order of the structs. What stands in lists is not
// among them.
func Keys() []Key {
	var all []Key
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for _, f := range fieldsOf(v.Type()) {
			field, k := v.Field(f.index), Key{Path: joinPath(path, f.name), Doc: f.tag.Get("doc")}
			switch {
			case field.Kind() == reflect.Struct:
				k.Section = true
			case field.Kind() == reflect.Map:
				k.Default = "{}"
			case field.Kind() == reflect.Pointer, field.Kind() == reflect.String && (field.String() == "" || f.tag.Get("kind") == "file"):
			default:
				k.Default = written(field)
			}
			all = append(all, k)
			if k.Section {
				walk(field, k.Path)
			}
		}
	}
	walk(reflect.ValueOf(Default()).Elem(), "")
	return all
}

// Text writes any text as a value of the file, on one line, which Load reads as the same
// text: quoted where it has to be, and with its dollar signs doubled. What is no UTF-8
// becomes U+FFFD.
func Text(s string) string {
	if hidden := strings.IndexFunc(s, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }); hidden < 0 {
		return writtenText(s)
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '$':
			b.WriteString("$$")
		case c != utf8.RuneError && unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			b.WriteString(`\U`)
			for shift := 28; shift >= 0; shift -= 4 {
				b.WriteByte(hex[c>>shift&0xf])
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
