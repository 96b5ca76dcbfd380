package jsimports

import (
	"slices"
	"strings"
)

// A ref is a module that a file names.
type ref struct {
	name string
	line int
	// prefix says that name is only what the name begins with; the rest is made at run
	// time. An empty one can be anything.
	prefix bool
	// local says that what is made at run time is a path below the file's folder.
	local bool
}

// A source is what a file says of modules.
type source struct {
	refs []ref
	// texts are all its quoted texts, and where each stands first.
	texts map[string]int
	// odd are lines that could not be split into words.
	odd []oddLine
	// unended says that the end of the file is inside of a comment or a template.
	unended bool
}

type oddLine struct {
	line int
	text string
}

// maxOdd bounds what is kept of lines that could not be read.
const maxOdd = 200

// read finds the modules that a file names. The scratch is used again for the next one.
func read(in string, scratch *[]token) *source {
	s := scan(in, (*scratch)[:0])
	*scratch = s.tokens
	r := &refReader{tokens: s.tokens, requires: map[string]bool{"require": true}, makers: map[string]bool{"createRequire": true}, consts: map[string]token{}, erased: map[int]bool{}}
	out := &source{texts: map[string]int{}, unended: s.unended}
	for i := range r.tokens {
		r.declare(i)
	}
	for i := range r.tokens {
		r.token(i)
	}
	for i, t := range r.tokens {
		if (t.kind == text || t.kind == template && !t.open) && !r.erased[i] {
			if _, seen := out.texts[t.text]; !seen && len(t.text) < 256 {
				out.texts[strings.Clone(t.text)] = t.line // else the whole file stays in memory
			}
		}
	}
	for i := range r.refs {
		r.refs[i].name = strings.Clone(r.refs[i].name)
	}
	out.refs = r.refs
	if len(s.loose) > 0 {
		lines := strings.Split(in, "\n")
		for _, n := range slices.Compact(s.loose) {
			if len(out.odd) < maxOdd {
				out.odd = append(out.odd, oddLine{n, strings.Clone(lines[n-1])})
			}
		}
	}
	return out
}

type refReader struct {
	tokens []token
	refs   []ref
	// requires are the names under which the file calls require, and makers those that
	// make such functions.
	requires, makers map[string]bool
	// consts are texts that have a name; those with several are none.
	consts map[string]token
	// erased are the modules of which types alone are imported.
	erased map[int]bool
}

func (r *refReader) at(i int) token {
	if i < 0 || i >= len(r.tokens) {
		return token{kind: mark}
	}
	return r.tokens[i]
}

func (r *refReader) is(i int, text string) bool {
	t := r.at(i)
	return t.text == text && (t.kind == word || t.kind == mark)
}

// declare notes names of texts and of other requires.
func (r *refReader) declare(i int) {
	if r.tokens[i].kind != word {
		return
	}
	maker := r.makers[r.tokens[i].text]
	switch {
	case maker && (r.is(i+1, "as") || r.is(i+1, ":")) && r.at(i+2).kind == word:
		r.makers[r.at(i+2).text] = true
	case r.is(i, "const") && r.at(i+1).kind == word && r.is(i+2, "="):
		name, v := r.at(i+1).text, r.at(i+3)
		switch {
		case (v.kind == text || v.kind == template && !v.open) && !r.is(i+4, "+") && !r.is(i+4, "."):
			if _, twice := r.consts[name]; twice {
				v = token{}
			}
			r.consts[name] = v
		case v.text == "require" && !r.is(i+4, "(") && !r.is(i+4, "."):
			r.requires[name] = true
		}
	}
	if maker && r.is(i+1, "(") {
		// const require = module.createRequire(import.meta.url)
		from := i
		for r.is(from-1, ".") {
			from -= 2
		}
		if r.is(from-1, "=") && r.at(from-2).kind == word && !r.is(r.closing(i+1)+1, "(") {
			r.requires[r.at(from-2).text] = true
		}
	}
}

// maxArguments is how many words between two brackets are looked at.
const maxArguments = 500

// closing is the bracket that closes the one at i, or where the search for it ends.
func (r *refReader) closing(i int) int {
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

func (r *refReader) token(i int) {
	t := r.at(i)
	if t.kind != word {
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
			r.argument(end + 1)
		}
	}
}

func (r *refReader) imports(i int) {
	switch {
	case r.is(i+1, "("):
		r.argument(i + 1)
		return
	case r.is(i+1, ".") && r.is(i+2, "meta"):
		if r.is(i+3, ".") && (r.is(i+4, "resolve") || r.is(i+4, "glob")) && r.is(i+5, "(") {
			r.argument(i + 5)
		}
		return
	case r.at(i+1).kind == text:
		r.note(r.at(i + 1))
		return
	}
	// import type X from "x" is gone when the file runs; import type from "x" is not.
	if r.is(i+1, "type") && !r.is(i+2, ",") && (!r.is(i+2, "from") || r.is(i+3, "from")) && !r.is(i+2, "=") {
		r.erased[r.from(i+2)] = true
		return
	}
	if at := r.from(i + 1); at > 0 {
		r.note(r.at(at))
	}
}

func (r *refReader) exports(i int) {
	switch {
	case r.is(i+1, "*"), r.is(i+1, "{"):
		if at := r.from(i + 1); at > 0 {
			r.note(r.at(at))
		}
	case r.is(i+1, "type") && (r.is(i+2, "*") || r.is(i+2, "{")):
		r.erased[r.from(i+2)] = true
	}
}

// from goes over the names of an import to the module; 0 for none.
func (r *refReader) from(i int) int {
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

func (r *refReader) note(t token) { r.refs = append(r.refs, ref{name: t.text, line: t.line}) }

// require reads require("x") and what hangs on require: require.resolve("x"),
// require.main.require("x"), require?.("x").
func (r *refReader) require(i int) {
	if r.is(i-1, "function") || r.is(i-1, "#") {
		return
	}
	for r.is(i+1, "?") && r.is(i+2, ".") {
		i += 2
	}
	if r.is(i+1, ".") && (r.is(i+2, "resolve") || r.is(i+2, "context")) {
		i += 2
	}
	if !r.is(i+1, "(") {
		return
	}
	if end := r.closing(i + 1); r.is(end+1, "{") && !r.is(i-1, "=") && r.at(i+2).kind == word {
		return // a method of that name is being written
	}
	r.argument(i + 1)
}

// argument reads the first argument behind the bracket at i.
func (r *refReader) argument(i int) {
	first := r.at(i + 1)
	after := i + 2
	if first.kind == template && first.open {
		after = i + 1 // what follows is its hole
	}
	alone := r.is(after, ")") || r.is(after, ",")
	if first.kind == word && alone {
		if named, ok := r.consts[first.text]; ok && named.kind != word {
			r.refs = append(r.refs, ref{name: named.text, line: first.line})
			return
		}
	}
	switch {
	case (first.kind == text || first.kind == template && !first.open) && alone:
		r.note(first)
		return
	case first.kind == mark && first.text == ")":
		return
	}
	made := ref{prefix: true, line: r.at(i).line}
	if first.kind == text || first.kind == template {
		made.name = first.text
	}
	for j, end := i+1, r.closing(i); j < end; j++ {
		switch r.at(j).text {
		case "__dirname", "__filename", "cwd", "dirname":
			made.local = true
		}
	}
	made.local = made.local || strings.HasPrefix(made.name, ".") || strings.HasPrefix(made.name, "/")
	r.refs = append(r.refs, made)
}
