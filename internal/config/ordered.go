package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// Ordered is a YAML or JSON mapping that keeps the order of its keys, as Helmet's
// options need: the order of CSP directives is the order of the header.
type Ordered struct {
	// JSON is the mapping as a JSON document, keys in the order written.
	JSON []byte
}

// ordered reads a mapping of any shape. What has no counterpart in JSON is refused.
func (r *reader) ordered(n ast.Node, o **Ordered, path string) {
	if s, ok := scalarOf(n); ok && s.kind == kindNull {
		return
	}
	if _, ok := entries(n); !ok {
		r.wrong(n, path, fmt.Sprintf("is %s, must be a mapping", kindOf(n)), "paste the object given to helmet() here")
		return
	}
	var b bytes.Buffer
	r.json(&b, n, path)
	*o = &Ordered{JSON: b.Bytes()}
}

// json writes a node and remembers where each part of it stands, so that a wrong
// option of Helmet is reported with its line.
func (r *reader) json(b *bytes.Buffer, n ast.Node, path string) {
	r.mark(n, path)
	if list, ok := n.(*ast.SequenceNode); ok {
		b.WriteByte('[')
		for i, item := range list.Values {
			if i > 0 {
				b.WriteByte(',')
			}
			r.json(b, item, fmt.Sprintf("%s[%d]", path, i))
		}
		b.WriteByte(']')
		return
	}
	if _, ok := entries(n); ok {
		b.WriteByte('{')
		first := true
		r.pairs(n, path, func(key string, pair *ast.MappingValueNode) {
			if !first {
				b.WriteByte(',')
			}
			first = false
			writeString(b, key)
			b.WriteByte(':')
			r.json(b, pair.Value, joinPath(path, printable(key)))
		})
		b.WriteByte('}')
		return
	}
	s, ok := scalarOf(n)
	if !ok {
		r.wrong(n, path, fmt.Sprintf("is %s, which JSON does not have", kindOf(n)), "")
		b.WriteString("null")
		return
	}
	text, expanded, ok := r.expanded(n, path, s)
	if !ok {
		b.WriteString("null")
		return
	}
	kind := s.kind
	if expanded && s.plain {
		kind = jsonKind(text)
	}
	switch kind {
	case kindText:
		writeString(b, text)
	case kindNumber:
		number, ok := jsonNumber(text)
		if !ok {
			r.wrong(n, path, fmt.Sprintf("is %s, which is no number in JSON", printable(text)), "quote it if it is text")
			number = "null"
		}
		b.WriteString(number)
	case kindBool:
		b.WriteString(strconv.FormatBool(text[0] == 't' || text[0] == 'T'))
	default:
		b.WriteString("null")
	}
}

// jsonKind is the kind of what a variable put in place of an unquoted value.
func jsonKind(text string) string {
	switch text {
	case "true", "false":
		return kindBool
	case "null":
		return kindNull
	}
	if _, ok := jsonNumber(text); ok {
		return kindNumber
	}
	return kindText
}

// jsonNumber returns a number as JSON writes it; YAML's hexadecimal and octal forms
// and plus signs become decimal.
func jsonNumber(text string) (string, bool) {
	if json.Valid([]byte(text)) && text != "" && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') {
		return text, true
	}
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		return strconv.FormatInt(i, 10), true
	}
	return "", false
}

// writeString writes a JSON string without the escapes that only HTML needs.
func writeString(b *bytes.Buffer, s string) {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		b.WriteString(`""`) // a string always encodes
		return
	}
	for _, c := range strings.TrimSuffix(plain.String(), "\n") {
		if c <= 0xffff && !unicode.IsPrint(c) {
			fmt.Fprintf(b, `\u%04x`, c) // JSON leaves those beyond ASCII, which move a terminal
			continue
		}
		b.WriteRune(c)
	}
}
