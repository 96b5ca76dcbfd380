package config

import (
	"maps"
	"reflect"
	"strings"

	"github.com/panoplysec/panoply/internal/spell"
)

// A field is one key of a mapping of the file.
type field struct {
	name  string
	index int
	typ   reflect.Type
	tag   reflect.StructTag
}

// fieldsOf lists the keys of a struct in the order declared.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("yaml"); name != "" {
			fields = append(fields, field{name: name, index: i, typ: f.Type, tag: f.Tag})
		}
	}
	return fields
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggest returns the hint for an unknown key: the nearest name beside it, the place
// of that name elsewhere in the file, or the names there are.
func suggest(key, path string, fields []field) string {
	folded := fold(key)
	names := make([]string, len(fields))
	unfolded := map[string]string{}
	for i, f := range fields {
		names[i] = f.name
		unfolded[fold(f.name)] = f.name
	}
	if best := spell.Nearest(folded, maps.Keys(unfolded)); best != "" {
		return "did you mean " + unfolded[best] + "?"
	}
	if places := placesOf(folded, reflect.TypeFor[Config](), ""); len(places) > 0 {
		return "did you mean " + strings.Join(places, " or ") + "?"
	}
	if path == "" {
		path = "the file"
	}
	return path + " knows " + strings.Join(names, ", ")
}

// placesOf finds the paths at which a key of this name stands.
func placesOf(folded string, t reflect.Type, path string) []string {
	var places []string
	for _, f := range fieldsOf(t) {
		where := joinPath(path, f.name)
		if fold(f.name) == folded {
			places = append(places, where)
		}
		if f.typ.Kind() == reflect.Struct {
			places = append(places, placesOf(folded, f.typ, where)...)
		}
	}
	return places
}

// fold drops what differs between head_timeout, headTimeout and head-timeout.
func fold(key string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(key))
}
