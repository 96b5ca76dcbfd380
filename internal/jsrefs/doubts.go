package jsrefs

import "strings"

func (r *reader) doubt(line int, reason string) {
	if len(r.doubts) < maxDoubts {
		r.doubts = append(r.doubts, Doubt{line, reason})
	}
}

// handed looks at a require that is not called: at is the word, and i where it ends.
func (r *reader) handed(at, i int) {
	before, after := r.at(at-1), r.at(i+1)
	switch {
	case r.is(at-1, "typeof"), r.is(at-1, "const"), r.is(at-1, "let"), r.is(at-1, "var"):
		return
	case r.is(at-1, ".") && !r.is(at-2, "module"):
		return // of an object that happens to have one
	case after.kind == mark && after.text == ":" && !r.is(at-1, "?"):
		return // the key of an object
	case r.is(i+1, "=") && !r.is(i+2, "="):
		return // it is given another value
	case (r.is(i+1, "=") || r.is(i+1, "!")) && r.is(i+2, "="):
		return // compared
	case r.is(i+1, ".") && at == i && !(r.is(i+2, "call") || r.is(i+2, "apply") || r.is(i+2, "bind")):
		return // require.main, require.cache
	case before.kind == mark && before.text == "=" && r.named(at):
		return // its other name is known
	case r.is(i+1, "as"), r.parameter(at):
		return
	}
	r.doubt(r.at(at).line, "hands "+r.at(at).text+" on")
}

// maxParameters is how many words are looked at for the bracket before parameters.
const maxParameters = 24

// parameter says that a word is one of the parameters of a function.
func (r *reader) parameter(i int) bool {
	open := i - 1
	for ; open > i-maxParameters && (r.at(open).kind == word || r.is(open, ",")); open-- {
		if open < 0 {
			return false
		}
	}
	if r.is(i+1, "=") && r.is(i+2, ">") {
		return true
	}
	if !r.is(open, "(") {
		return false
	}
	if r.is(open-1, "function") || r.is(open-2, "function") || r.is(open-1, "*") {
		return true
	}
	end := r.closing(open)
	return r.is(end+1, "=") && r.is(end+2, ">") || r.is(end+1, "{")
}

// code looks at a text that may be code of a file that makes functions of texts.
func (r *reader) code(t token) {
	if r.text.Line == 0 && (strings.Contains(t.text, "require(") || strings.Contains(t.text, "import(")) {
		r.text = Doubt{t.line, "makes code of texts, and has what may be an import in one"}
	}
}

// meta looks at import.meta. What makes a require of it is known, and so is an address of
// a file that is told.
func (r *reader) meta(i int) {
	if !r.is(i+3, ".") || !(r.is(i+4, "url") || r.is(i+4, "dirname") || r.is(i+4, "filename")) {
		return
	}
	if r.is(i-1, "(") && r.makers[r.at(i-2).text] {
		return
	}
	r.doubt(r.at(i).line, "makes paths of import.meta."+r.at(i+4).text)
}

// other looks at the words that may load something by themselves.
func (r *reader) other(i int) {
	t := r.at(i)
	member := r.is(i-1, ".")
	switch t.text {
	case "eval":
		if arg := r.at(i + 2); member || r.is(i+1, "(") && arg.kind == text && r.is(i+3, ")") || r.is(i+1, ":") {
			return // of an object, or of a text that code has looked at
		}
		r.doubt(t.line, "evaluates code that is made at run time")
	case "Function", "vm", "_compile", "compileFunction", "runInThisContext":
		r.evaluates = true
	case "__dirname", "__filename":
		if !member && !r.is(i+1, ":") && !r.is(i+1, "=") && !r.declared(i) {
			r.doubt(t.line, "makes paths of "+t.text)
		}
	case "_load", "_resolveFilename", "_findPath", "runMain":
		if member {
			r.doubt(t.line, "uses Node's module."+t.text)
		}
	}
}

// declared says that a word is a parameter, or is asked for its type.
func (r *reader) declared(i int) bool { return r.is(i-1, "typeof") || r.parameter(i) }
