package adapt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/jsast"
)

// A node is a value of Helmet's options: what JSON can say, with where it stands.
type node struct {
	kind    nodeKind
	json    string // of a scalar
	yaml    draft.Value
	items   []node
	members []member
	at      jsast.Pos
}

type nodeKind uint8

const (
	noNode nodeKind = iota
	scalarNode
	arrayNode
	objectNode
)

type member struct {
	name string
	node
}

func textNode(s string, at jsast.Pos) node {
	return node{kind: scalarNode, json: quote(s), yaml: draft.Text(s), at: at}
}

func quote(s string) string {
	b, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd"))
	if err != nil {
		return `""` // a string always encodes
	}
	return string(b)
}

func (n *node) set(name string, v node) {
	for i := range n.members {
		if n.members[i].name == name {
			n.members[i].node = v
			return
		}
	}
	n.members = append(n.members, member{name, v})
}

// text is the node as JSON.
func (n *node) text() string {
	var parts []string
	switch n.kind {
	case arrayNode:
		for i := range n.items {
			parts = append(parts, n.items[i].text())
		}
		return "[" + strings.Join(parts, ",") + "]"
	case objectNode:
		for i := range n.members {
			parts = append(parts, quote(n.members[i].name)+":"+n.members[i].text())
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return n.json
}

// value is the node for the file.
func (n *node) value() draft.Value {
	from := ""
	if n.at.Line > 0 {
		from = place(n.at.File, n.at.Line)
	}
	switch n.kind {
	case arrayNode:
		v := draft.Value{List: []draft.Value{}, From: from}
		for i := range n.items {
			item := n.items[i].value()
			item.From = ""
			v.List = append(v.List, item)
		}
		return v
	case objectNode:
		v := draft.Value{Map: []draft.Field{}, From: from}
		for i := range n.members {
			v.Map = append(v.Map, draft.Field{Name: n.members[i].name, Value: n.members[i].value()})
		}
		return v
	}
	return n.yaml.By(from)
}

// remove takes out what a path of Helmet's options names, or the nearest thing around it:
// "contentSecurityPolicy.directives.imgSrc[1]".
func (n *node) remove(path string) (at jsast.Pos, removed string, ok bool) {
	for i := range n.members {
		name := n.members[i].name
		rest, found := strings.CutPrefix(path, name)
		if !found || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if inner := strings.TrimPrefix(rest, "."); inner != rest && n.members[i].kind == objectNode {
			if at, removed, ok := n.members[i].remove(inner); ok {
				return at, name + "." + removed, true
			}
		}
		at = n.members[i].at
		n.members = append(n.members[:i:i], n.members[i+1:]...)
		return at, name, true
	}
	return at, "", false
}

// maxNesting bounds JSON; Helmet's options nest three deep.
const maxNesting = 50

// jsonNode reads a JSON object, with lines.
func jsonNode(name string, text []byte) (node, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	r := jsonReader{name: name, text: text, d: json.NewDecoder(bytes.NewReader(text))}
	r.d.UseNumber()
	n, err := r.next(0)
	if err == nil {
		if _, more := r.d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more follows the object")
		}
	}
	if err != nil {
		return node{}, fmt.Errorf("%s:%d: no JSON: %w", name, r.line(), err)
	}
	return n, nil
}

type jsonReader struct {
	name string
	text []byte
	d    *json.Decoder
}

func (r *jsonReader) line() int { return 1 + bytes.Count(r.text[:r.d.InputOffset()], []byte("\n")) }

func (r *jsonReader) next(depth int) (node, error) {
	t, err := r.d.Token()
	if err != nil {
		return node{}, err
	}
	at := jsast.Pos{File: r.name, Line: r.line()}
	switch t := t.(type) {
	case string:
		return textNode(t, at), nil
	case json.Number:
		// YAML and JSON write large numbers in two ways; both know this one.
		n, err := t.Float64()
		if err != nil {
			return node{}, err
		}
		text := strconv.FormatFloat(n, 'f', -1, 64)
		return node{kind: scalarNode, json: text, yaml: draft.Plain(text), at: at}, nil
	case bool, nil:
		text := fmt.Sprint(t)
		if t == nil {
			text = "null"
		}
		return node{kind: scalarNode, json: text, yaml: draft.Plain(text), at: at}, nil
	}
	if depth == maxNesting {
		return node{}, fmt.Errorf("it nests deeper than %d", maxNesting)
	}
	n := node{kind: arrayNode, at: at}
	if t == json.Delim('{') {
		n.kind = objectNode
	}
	for r.d.More() {
		key := ""
		if n.kind == objectNode {
			t, err := r.d.Token()
			if err != nil {
				return node{}, err
			}
			key = fmt.Sprint(t)
		}
		one, err := r.next(depth + 1)
		if err != nil {
			return node{}, err
		}
		if n.kind == objectNode {
			n.set(key, one)
		} else {
			n.items = append(n.items, one)
		}
	}
	_, err = r.d.Token()
	return n, err
}
