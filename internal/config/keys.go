package config

import "reflect"

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
// becomes U+FFFD, and what is not printable is escaped, so that a terminal shows it.
func Text(s string) string { return writtenText(s) }
