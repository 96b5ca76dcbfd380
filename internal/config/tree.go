package config

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxTokens and maxNesting bound the parser, whose time grows with the square of
	// both: 100,000 open brackets took it two minutes.
	maxTokens  = 20000
	maxNesting = 32
	// maxIndent bounds the nesting of blocks, each of which is indented further.
	maxIndent = 128
)

// tree parses the text to the one mapping of the file, nil for an empty file. It
// reports what stops it and returns false.
func (r *reader) tree(text []byte) (root ast.Node, ok bool) {
	if len(text) > maxFile {
		r.at(0, 0, "", fmt.Sprintf("is larger than %d bytes", maxFile), "")
		return nil, false
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !r.plainText(text) {
		return nil, false
	}
	// The parser is other people's and reads what a person typed: a panic in it must
	// not end a door that is only reloading.
	defer func() {
		if p := recover(); p != nil {
			r.at(1, 1, "", "cannot be read as YAML", "")
			root, ok = nil, false
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if !r.bounded(tokens) {
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, column, message := 1, 1, err.Error()
		if e, found := errors.AsType[yaml.Error](err); found {
			message = e.GetMessage()
			line, column = place(e.GetToken())
		}
		r.at(line, column, "", "not YAML: "+message, "")
		return nil, false
	}
	if len(file.Docs) > 1 {
		line, column := place(file.Docs[1].Start)
		r.at(line, column, "", "a second document begins here", "keep one document a file, without ---")
		return nil, false
	}
	for _, doc := range file.Docs {
		root = doc.Body
	}
	return root, true
}

// plainText refuses what no editor shows: bytes that are not UTF-8 and control
// characters.
func (r *reader) plainText(text []byte) bool {
	line, column := 1, 0
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		text = text[n:]
		column++
		switch {
		case c == utf8.RuneError && n == 1:
			r.at(line, column, "", "not UTF-8 text", "")
			return false
		case c == '\n':
			line, column = line+1, 0
		case c < ' ' && c != '\t' && c != '\r', 0x7f <= c && c < 0xa0:
			r.at(line, column, "", fmt.Sprintf("control character %U", c), "")
			return false
		}
	}
	return true
}

// bounded refuses, before the parser runs, what this file has no use for and what
// would make the parser slow.
func (r *reader) bounded(tokens token.Tokens) bool {
	open, last := 0, 0
	ok := true
	refuse := func(t *token.Token, text, hint string) {
		line, column := place(t)
		r.at(line, column, "", text, hint)
		ok = false
	}
	if len(tokens) > maxTokens {
		refuse(tokens[maxTokens], "too long to be a configuration", "")
		return false
	}
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			refuse(t, "anchors, aliases and merge keys are not read", "write the value out")
		case token.TagType:
			refuse(t, "tags are not read", "remove "+printable(t.Value))
		case token.MappingKeyType:
			refuse(t, "keys marked with ? are not read", "write key: value")
		case token.DirectiveType:
			refuse(t, "directives are not read", "")
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		}
		line, column := place(t)
		indent := open == 0 && t.Type != token.CommentType && (line != last || t.Type == token.SequenceEntryType)
		if open > maxNesting || indent && column > maxIndent {
			refuse(t, "nested too deep", "")
			return false
		}
		last = line
	}
	return ok
}

// place returns where a token stands; the first line when the parser does not say.
func place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return 1, 1
	}
	return t.Position.Line, max(t.Position.Column, 1)
}

// start returns where a node begins, which for a block mapping is its first key.
func start(n ast.Node) (line, column int) {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return place(n.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return place(n.Key.GetToken())
	}
	return place(n.GetToken())
}

// entries returns the pairs of a mapping; the parser has two nodes for it.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// A scalar is one value as written.
type scalar struct {
	text string
	// kind is "text", "a number", "true or false" or "nothing".
	kind string
	// plain: written without quotes, so that its text decides its kind.
	plain bool
}

const (
	kindText   = "text"
	kindNumber = "a number"
	kindBool   = "true or false"
	kindNull   = "nothing"
)

func scalarOf(n ast.Node) (scalar, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		quoted := n.Token != nil && (n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType)
		return scalar{text: n.Value, kind: kindText, plain: !quoted}, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return scalar{kind: kindText}, true
		}
		return scalar{text: n.Value.Value, kind: kindText}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{text: n.GetToken().Value, kind: kindNumber, plain: true}, true
	case *ast.BoolNode:
		return scalar{text: n.Token.Value, kind: kindBool, plain: true}, true
	case *ast.NullNode:
		return scalar{kind: kindNull, plain: true}, true
	}
	return scalar{}, false
}

// kindOf names a node for a person.
func kindOf(n ast.Node) string {
	if _, ok := entries(n); ok {
		return "a mapping"
	}
	if _, ok := n.(*ast.SequenceNode); ok {
		return "a list"
	}
	if s, ok := scalarOf(n); ok {
		return s.kind
	}
	return "something else"
}
