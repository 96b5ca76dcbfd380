package jsast

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	reader "github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// A parsed file is its tree and where its nodes stand.
type parsed struct {
	tree   *js.AST
	tokens []token
	// at holds offsets into the text that was parsed, whose lines are the file's.
	at    map[any]int
	lines []int
	path  string
}

// parse makes the tree of a file. The error is for a Skip's reason.
func parse(name string, text []byte) (p *parsed, err error) {
	// The parser is somebody else's and the text hostile; its nesting is bounded below,
	// so that a stack, which nobody can recover, does not run out.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, errors.New("makes the parser fail")
		}
	}()
	text = bytes.Clone(text)
	// A start line for a shell is no JavaScript to the lexer.
	if bytes.HasPrefix(text, []byte("#!")) {
		copy(text, "//")
	}
	tokens, deep := scan(text)
	if deep {
		return nil, errors.New("nests brackets too deep to be parsed")
	}
	typed := slices.Contains([]string{".ts", ".mts", ".cts"}, path.Ext(name))
	if typed {
		text = blankTypes(text, tokens)
		tokens, _ = scan(text)
	}
	tree, err := js.Parse(reader.NewInputBytes(bytes.Clone(text)), js.Options{})
	if err != nil {
		// A CommonJS module is the body of a function, and may return.
		if inner, again := js.Parse(reader.NewInputBytes(bytes.Clone(text)), js.Options{Inline: true}); again == nil {
			tree, err = inner, nil
		}
	}
	if err != nil {
		line := strings.SplitN(err.Error(), "\n", 2)[0]
		if typed {
			return nil, fmt.Errorf("is TypeScript that could not be read: %s", line)
		}
		return nil, fmt.Errorf("could not be parsed: %s", line)
	}
	p = &parsed{tree: tree, tokens: tokens, path: name, lines: lineStarts(text)}
	p.at = locate(tree, tokens)
	return p, nil
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// pos is where the node stands; the zero place when that is not known.
func (p *parsed) pos(node any) Pos {
	at, ok := p.at[node]
	if !ok {
		return Pos{File: p.path}
	}
	line := sort.SearchInts(p.lines, at+1)
	return Pos{File: p.path, Line: line, Column: at - p.lines[line-1] + 1}
}

// imports are the modules that the file names in import, export from and require.
func (p *parsed) imports() []string {
	var names []string
	for i, t := range p.tokens {
		if t.kind != js.StringToken || i == 0 {
			continue
		}
		before := p.tokens[i-1].text
		if before == "from" || before == "import" || before == "(" && i > 1 && (p.tokens[i-2].text == "require" || p.tokens[i-2].text == "import") {
			names = append(names, unquote(t.text))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
