package lockfile

import "strings"

// YAML is a value of a file in YAML, with its place. The zero YAML is nothing.
type YAML struct {
	v   *value
	key string
}

// ReadYAML reads the part of YAML that lockfiles are written in, for other files that are
// as hostile: with their bounds, and no anchors, no tags, and no second document. The error
// is an [*Error].
func ReadYAML(file, text string) (YAML, error) {
	if len(text) > MaxFile {
		return YAML{}, &Error{file, 0, "has more than 32 MiB"}
	}
	v, err := readYAML(file, strings.TrimPrefix(text, "\ufeff"))
	if err != nil {
		return YAML{}, err
	}
	return YAML{v: &v}, nil
}

// Get returns the member of a map; nothing where there is none.
func (t YAML) Get(key string) YAML {
	if t.v == nil {
		return t
	}
	return YAML{v: t.v.get(key), key: key}
}

// Members are those of a map or the items of a list, in the order of the file.
func (t YAML) Members() []YAML {
	if t.v == nil {
		return nil
	}
	all := make([]YAML, len(t.v.members))
	for i := range t.v.members {
		all[i] = YAML{&t.v.members[i].value, t.v.members[i].key}
	}
	return all
}

// Key is the one under which it stands in its map, and Text that of a word, without quotes;
// Line is from 1. Absent says that it is nothing.
func (t YAML) Key() string  { return t.key }
func (t YAML) Absent() bool { return t.v == nil || t.v.kind == null }
func (t YAML) Map() bool    { return t.v != nil && t.v.kind == dict }
func (t YAML) List() bool   { return t.v != nil && t.v.kind == list }

func (t YAML) Text() string {
	if t.v == nil {
		return ""
	}
	return t.v.str()
}

func (t YAML) Line() int {
	if t.v == nil {
		return 0
	}
	return int(t.v.line)
}
