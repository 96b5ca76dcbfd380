package config

import (
	"reflect"
	"strings"
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
	best, distance := "", max(1, len(folded)/3)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
		if d := editDistance(folded, fold(f.name)); d <= distance && (best == "" || d < distance) {
			best, distance = f.name, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
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

// editDistance counts the insertions, deletions, substitutions and swaps of two
// neighbours that make b from a. Names longer than any key differ by their length.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	prior, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prior[j-2]+1)
			}
		}
		prior, last, row = last, row, prior
	}
	return last[len(b)]
}
