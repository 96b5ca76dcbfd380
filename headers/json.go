package headers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// node is a JSON value that keeps the order of its keys, in which Helmet's CSP
// directives come out.
type node struct {
	kind   kind
	text   string // the string, or the number as written
	keys   []string
	values []node // of an object by its keys, or of an array
}

type kind uint8

const (
	null kind = iota
	boolFalse
	boolTrue
	number
	text
	array
	object
)

// maxDepth bounds the nesting of options; Helmet's own go four deep.
const maxDepth = 16

// parse reads one JSON document. A key given twice is an error: JavaScript would take the
// last, and one of the two is not meant.
func parse(data []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := decode(d, 0)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the options")
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the text ends too early")
	}
	if err != nil {
		line := 1 + bytes.Count(data[:min(int(d.InputOffset()), len(data))], []byte("\n"))
		return node{}, fmt.Errorf("line %d: %w", line, err)
	}
	return n, nil
}

func decode(d *json.Decoder, depth int) (node, error) {
	token, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := token.(type) {
	case nil:
		return node{kind: null}, nil
	case bool:
		if t {
			return node{kind: boolTrue}, nil
		}
		return node{kind: boolFalse}, nil
	case json.Number:
		return node{kind: number, text: t.String()}, nil
	case string:
		return node{kind: text, text: t}, nil
	}
	if depth == maxDepth {
		return node{}, fmt.Errorf("the options are nested deeper than %d", maxDepth)
	}
	n := node{kind: array}
	if token == json.Delim('{') {
		n.kind = object
	}
	for d.More() {
		if n.kind == object {
			token, err := d.Token()
			if err != nil {
				return node{}, err
			}
			key := token.(string) // the decoder allows nothing else as a key
			if _, twice := n.get(key); twice {
				return node{}, fmt.Errorf("key %q is given twice", key)
			}
			n.keys = append(n.keys, key)
		}
		value, err := decode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.values = append(n.values, value)
	}
	_, err = d.Token() // the closing bracket
	return n, err
}

// get returns the value of a key of an object. A key whose value is still being read is
// there with a null.
func (n node) get(key string) (node, bool) {
	for i, k := range n.keys {
		if k == key {
			if i < len(n.values) {
				return n.values[i], true
			}
			return node{}, true
		}
	}
	return node{}, false
}

// truthy is what JavaScript makes of the value where a boolean is asked for.
func (n node) truthy() bool {
	switch n.kind {
	case null, boolFalse:
		return false
	case number:
		value, err := strconv.ParseFloat(n.text, 64)
		return value != 0 || err != nil // too large for a float is true as well
	case text:
		return n.text != ""
	}
	return true
}

func (n node) isBool() bool { return n.kind == boolFalse || n.kind == boolTrue }

// String shows the value in a message, shortened.
func (n node) String() string {
	switch n.kind {
	case null:
		return "null"
	case boolFalse:
		return "false"
	case boolTrue:
		return "true"
	case array:
		return "an array"
	case object:
		return "an object"
	}
	if len(n.text) > 80 {
		return n.text[:80] + "…"
	}
	return n.text
}
