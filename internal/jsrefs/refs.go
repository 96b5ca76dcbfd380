// Package jsrefs tells which modules a file of JavaScript names, and what it does that
// could load others.
//
//	var room jsrefs.Room
//	s := room.Read("const a = require('express')", nil)
//	fmt.Println(s.Refs[0].Name, s.Refs[0].Line) // express 1
//
// It splits the file into words and parses nothing, so that TypeScript, JSX and whatever
// comes next are read as well. It understands import, export from, import(), require,
// require.resolve, import.meta.resolve, createRequire and other names for require, and
// import = of TypeScript; what is imported as a type alone is left out. Where a word may
// load what nobody can tell from the file, that is one of [Source.Doubts].
//
// It does not protect against a file that hides what it loads on purpose. Files are
// foreign bytes: none makes it fail, and the time is in proportion to the length.
//
// Sources: ECMA-262; Node's documentation of modules; TypeScript's of modules.
package jsrefs

import (
	"slices"
	"strings"
)

// How says by which syntax a file names a module.
type How uint8

// The syntaxes. Node resolves the first by one algorithm and the others by another.
const (
	// Require: require, require.resolve, and what createRequire makes.
	Require How = iota
	// Import: import and export declarations, which TypeScript and bundlers may make a
	// require of.
	Import
	// Dynamic: import() and import.meta.resolve().
	Dynamic
)

// A Ref is a module that a file names.
type Ref struct {
	Name string
	Line int
	How  How
	// Prefix says that Name is only what the name begins with; the rest is made at run
	// time. An empty one can be anything.
	Prefix bool
	// Local says that what is made at run time is a path below the file's folder.
	Local bool
}

// A Source is what a file says of modules.
type Source struct {
	Refs []Ref
	// Texts are its quoted texts that were to be kept, and where each stands first.
	Texts map[string]int
	// Odd are lines that could not be split into words.
	Odd []Odd
	// Unended says that the end of the file is inside of a comment or a template.
	Unended bool
	// Doubts are what else may load modules.
	Doubts []Doubt
}

// An Odd is a line with a quote that has no end.
type Odd struct {
	Line int
	Text string
}

// A Doubt is a place where a file may load what cannot be told from it. Reason is for a
// sentence about the place: "hands require on".
type Doubt struct {
	Line   int
	Reason string
}

// Bounds of what is kept of a file.
const (
	maxOdd    = 200
	maxText   = 256
	maxDoubts = 20
)

// A Room is where the words of a file are kept while it is read; the zero value is ready.
// It is for one file after the other.
type Room struct{ tokens []token }

// Read finds the modules that a file names. Of its quoted texts those are kept that keep
// tells to; with nil all of less than 256 bytes.
func (room *Room) Read(in string, keep func(string) bool) *Source {
	s := scan(in, room.tokens[:0])
	room.tokens = s.tokens
	r := &reader{
		tokens: s.tokens, requires: map[string]bool{"require": true, "__non_webpack_require__": true, "__require": true},
		makers: map[string]bool{"createRequire": true}, consts: map[string]token{}, erased: map[int]bool{},
	}
	out := &Source{Texts: map[string]int{}, Unended: s.unended}
	for i := range r.tokens {
		r.declare(i)
	}
	for i := range r.tokens {
		r.token(i)
	}
	for i, t := range r.tokens {
		if (t.kind == text || t.kind == template && !t.open) && !r.erased[i] {
			if _, seen := out.Texts[t.text]; !seen && len(t.text) < maxText && (keep == nil || keep(t.text)) {
				out.Texts[strings.Clone(t.text)] = t.line // else the whole file stays in memory
			}
		}
	}
	for i := range r.refs {
		r.refs[i].Name = strings.Clone(r.refs[i].Name)
	}
	if r.evaluates && r.text.Line > 0 {
		r.doubts = append(r.doubts, r.text)
	}
	out.Refs, out.Doubts = r.refs, r.doubts
	if len(s.loose) > 0 {
		lines := strings.Split(in, "\n")
		for _, n := range slices.Compact(s.loose) {
			if len(out.Odd) < maxOdd {
				out.Odd = append(out.Odd, Odd{n, strings.Clone(lines[n-1])})
			}
		}
	}
	return out
}

type reader struct {
	tokens []token
	refs   []Ref
	doubts []Doubt
	// requires are the names under which the file calls require, and makers those that
	// make such functions.
	requires, makers map[string]bool
	// consts are texts that have a name; those with several are none.
	consts map[string]token
	// erased are the modules of which types alone are imported.
	erased map[int]bool
	// text is about the first text that may be code, which counts where the file evaluates
	// some.
	text      Doubt
	evaluates bool
}

func (r *reader) at(i int) token {
	if i < 0 || i >= len(r.tokens) {
		return token{kind: mark}
	}
	return r.tokens[i]
}

func (r *reader) is(i int, text string) bool {
	t := r.at(i)
	return t.text == text && (t.kind == word || t.kind == mark)
}

// declare notes names of texts and of other requires.
func (r *reader) declare(i int) {
	if r.tokens[i].kind != word {
		return
	}
	maker := r.makers[r.tokens[i].text]
	switch {
	case maker && (r.is(i+1, "as") || r.is(i+1, ":")) && r.at(i+2).kind == word:
		r.makers[r.at(i+2).text] = true
	case (r.is(i, "const") || r.is(i, "let") || r.is(i, "var")) && r.at(i+1).kind == word && r.is(i+2, "="):
		name, v := r.at(i+1).text, r.at(i+3)
		switch {
		case r.is(i, "const") && (v.kind == text || v.kind == template && !v.open) && !r.is(i+4, "+") && !r.is(i+4, "."):
			if _, twice := r.consts[name]; twice {
				v = token{}
			}
			r.consts[name] = v
		case r.named(i + 3):
			r.requires[name] = true
		}
	}
	if maker && r.is(i+1, "(") {
		// const require = module.createRequire(import.meta.url)
		from := i
		for n := 0; r.is(from-1, ".") && n < maxMembers; n++ {
			from = r.opening(from - 2)
		}
		switch called := r.is(r.closing(i+1)+1, "("); {
		case called, r.is(i-1, "function"):
		case r.is(from-1, "=") && r.at(from-2).kind == word:
			r.requires[r.at(from-2).text] = true
		default:
			r.doubt(r.at(i).line, "makes a require without a name")
		}
	}
}

// named says that a declaration gives require another name.
func (r *reader) named(i int) bool {
	return r.is(i, "require") && (r.is(i+1, ";") || r.is(i+1, ",") || r.at(i+1).line > r.at(i).line)
}

// maxArguments is how many words between two brackets are looked at.
const maxArguments = 500

// maxMembers is how many members before createRequire are looked at.
const maxMembers = 4

// closing is the bracket that closes the one at i, or where the search for it ends.
func (r *reader) closing(i int) int {
	depth := 0
	for end := min(len(r.tokens), i+maxArguments); i < end; i++ {
		if r.tokens[i].kind != mark {
			continue
		}
		switch r.tokens[i].text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// opening is the beginning of the operand that ends at i: the word, or what is called or
// bracketed there, as in require("module") and (await import("module")).
func (r *reader) opening(i int) int {
	depth := 0
	for end := max(0, i-maxArguments); i > end; i-- {
		switch t := r.tokens[i]; {
		case t.kind == mark && (t.text == ")" || t.text == "]"):
			depth++
		case t.kind == mark && (t.text == "(" || t.text == "["):
			if depth--; depth == 0 && r.at(i-1).kind != word {
				return i
			}
		case depth == 0:
			return i
		}
	}
	return i
}

func (r *reader) token(i int) {
	t := r.at(i)
	if t.kind != word {
		if t.kind != mark {
			r.code(t)
		}
		return
	}
	switch {
	case t.text == "import" && !r.is(i-1, "."):
		r.imports(i)
	case t.text == "export" && !r.is(i-1, "."):
		r.exports(i)
	case r.requires[t.text]:
		r.require(i)
	case r.makers[t.text] && r.is(i+1, "("):
		if end := r.closing(i + 1); r.is(end+1, "(") {
			r.argument(end+1, Require)
		}
	default:
		r.other(i)
	}
}

func (r *reader) imports(i int) {
	switch {
	case r.is(i+1, "("):
		r.argument(i+1, Dynamic)
		return
	case r.is(i+1, ".") && (r.is(i+2, "defer") || r.is(i+2, "source")) && r.is(i+3, "("):
		r.argument(i+3, Dynamic)
		return
	case r.is(i+1, ".") && r.is(i+2, "meta"):
		if r.is(i+3, ".") && (r.is(i+4, "resolve") || r.is(i+4, "glob")) && r.is(i+5, "(") {
			r.argument(i+5, Dynamic)
			return
		}
		r.meta(i)
		return
	case r.at(i+1).kind == text:
		r.note(r.at(i+1), Import)
		return
	}
	// import type X from "x" is gone when the file runs; import type from "x" is not.
	if r.is(i+1, "type") && !r.is(i+2, ",") && (!r.is(i+2, "from") || r.is(i+3, "from")) && !r.is(i+2, "=") {
		r.erased[r.from(i+2)] = true
		return
	}
	if at := r.from(i + 1); at > 0 {
		r.note(r.at(at), Import)
	}
}

func (r *reader) exports(i int) {
	switch {
	case r.is(i+1, "*"), r.is(i+1, "{"):
		if at := r.from(i + 1); at > 0 {
			r.note(r.at(at), Import)
		}
	case r.is(i+1, "type") && (r.is(i+2, "*") || r.is(i+2, "{")):
		r.erased[r.from(i+2)] = true
	}
}

// from goes over the names of an import to the module; 0 for none.
func (r *reader) from(i int) int {
	for ; i < len(r.tokens); i++ {
		t := r.tokens[i]
		if t.text == "from" && t.kind == word && r.at(i+1).kind == text {
			return i + 1
		}
		if t.kind == mark && !strings.Contains("{},*", t.text) || t.kind == template || t.kind == word && i > 0 && (t.text == "import" || t.text == "export") {
			return 0
		}
	}
	return 0
}

func (r *reader) note(t token, how How) {
	r.refs = append(r.refs, Ref{Name: t.text, Line: t.line, How: how})
}

// require reads require("x") and what hangs on require: require.resolve("x"),
// require.main.require("x"), require?.("x").
func (r *reader) require(i int) {
	if r.is(i-1, "function") || r.is(i-1, "#") {
		return
	}
	at := i
	for r.is(i+1, "?") && r.is(i+2, ".") {
		i += 2
	}
	if r.is(i+1, ".") && (r.is(i+2, "resolve") || r.is(i+2, "context")) {
		i += 2
	}
	if !r.is(i+1, "(") {
		r.handed(at, i)
		return
	}
	if end := r.closing(i + 1); r.is(end+1, "{") && !r.is(at-1, "=") && r.at(i+2).kind == word {
		return // a method of that name is being written
	}
	r.argument(i+1, Require)
}

// argument reads the first argument behind the bracket at i.
func (r *reader) argument(i int, how How) {
	first := r.at(i + 1)
	after := i + 2
	if first.kind == template && first.open {
		after = i + 1 // what follows is its hole
	}
	alone := r.is(after, ")") || r.is(after, ",")
	if first.kind == word && alone {
		if named, ok := r.consts[first.text]; ok && named.kind != word {
			r.refs = append(r.refs, Ref{Name: named.text, Line: first.line, How: how})
			return
		}
	}
	switch {
	case (first.kind == text || first.kind == template && !first.open) && alone:
		r.note(first, how)
		return
	case first.kind == mark && first.text == ")":
		return
	}
	made := Ref{Prefix: true, Line: r.at(i).line, How: how}
	if first.kind == text || first.kind == template {
		made.Name = first.text
	}
	for j, end := i+1, r.closing(i); j < end; j++ {
		switch r.at(j).text {
		case "__dirname", "__filename", "cwd", "dirname":
			made.Local = true
		}
	}
	made.Local = made.Local || strings.HasPrefix(made.Name, ".") || strings.HasPrefix(made.Name, "/")
	r.refs = append(r.refs, made)
}
