package nodemodules

import (
	"encoding/json"
	"errors"
	"strings"
)

// A value is one of JSON that keeps the order of its keys, by which Node chooses among
// conditions.
type value struct {
	kind valueKind
	text string
	// keys are those of an object; items its values, or those of an array.
	keys  []string
	items []value
}

type valueKind uint8

const (
	null valueKind = iota
	text
	array
	object
	scalar // a number, true or false
)

// maxNesting is how deep a manifest may be.
const maxNesting = 64

var errManifest = errors.New("is no JSON that could be read")

func parseJSON(in string) (value, error) {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(in, "\ufeff")))
	v, err := decode(d, 0)
	if err == nil && d.More() {
		err = errManifest
	}
	return v, err
}

func decode(d *json.Decoder, depth int) (v value, err error) {
	t, err := d.Token()
	if err != nil || depth > maxNesting {
		return v, errManifest
	}
	switch t := t.(type) {
	case string:
		return value{kind: text, text: t}, nil
	case nil:
		return v, nil
	case json.Delim:
		if v.kind = array; t == '{' {
			v.kind = object
		}
	default:
		return value{kind: scalar}, nil
	}
	at := map[string]int{}
	for d.More() {
		key := ""
		if v.kind == object {
			k, err := d.Token()
			if err != nil {
				return v, errManifest
			}
			key = k.(string) // the decoder takes nothing else for a key
		}
		item, err := decode(d, depth+1)
		if err != nil {
			return v, err
		}
		if old, twice := at[key]; twice && v.kind == object {
			v.items[old] = item // the last one counts, in the place of the first
			continue
		}
		at[key] = len(v.items)
		v.items = append(v.items, item)
		if v.kind == object {
			v.keys = append(v.keys, key)
		}
	}
	if _, err := d.Token(); err != nil {
		return v, errManifest
	}
	return v, nil
}

// get returns a member of an object.
func (v value) get(key string) (value, bool) {
	for i, k := range v.keys {
		if k == key {
			return v.items[i], true
		}
	}
	return value{}, false
}

// str is a member of an object where it is a text.
func (v value) str(key string) string {
	m, _ := v.get(key)
	return m.text
}
