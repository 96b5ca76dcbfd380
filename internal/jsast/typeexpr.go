package jsast

import "github.com/tdewolff/parse/v2/js"

// angle returns the index after the > that closes the < at i, or -1 when what is
// between them cannot be types.
func (b *blanker) angle(i int) int {
	depth := 0
	for j := i; j < len(b.tokens) && j < i+96; j++ {
		t := b.at(j)
		switch t.text {
		case "<":
			depth++
		case ">":
			depth--
		case ">>":
			depth -= 2
		case ">>>":
			depth -= 3
		case "{", "(", "[":
			c, ok := b.closes[j]
			if !ok || c < j {
				return -1
			}
			j = c
		case ",", ".", "|", "&", "=>", "=", "?", ":", "typeof", "keyof", "extends", "void", "null", "this", "true", "false":
		default:
			if !js.IsIdentifier(t.kind) && t.kind != js.StringToken && t.kind != js.TemplateToken && !js.IsNumeric(t.kind) {
				return -1
			}
		}
		if depth == 0 {
			return j + 1
		}
		if depth < 0 {
			return -1
		}
	}
	return -1
}

// typeEnd returns the index after the type that begins at i.
func (b *blanker) typeEnd(i int) int {
	for b.is(i, "|", "&") {
		i++
	}
	for range 64 {
		i = b.typePart(i)
		switch {
		case b.is(i, "|", "&", "=>"), b.is(i, "is", "extends") && !b.at(i).newline:
			i++
		case b.is(i, "?") && b.conditional(i):
			i++
		default:
			return i
		}
	}
	return i
}

// conditional says that the question mark belongs to a type; expressions are not met
// where types are read, but optional members are.
func (b *blanker) conditional(i int) bool {
	for j := i - 1; j > i-32 && j >= 0; j-- {
		if b.is(j, "extends") {
			return true
		}
		if b.is(j, ";", "{", "}", "=") {
			return false
		}
	}
	return false
}

func (b *blanker) typePart(i int) int {
	for b.is(i, "typeof", "keyof", "readonly", "unique", "infer", "asserts", "new", "abstract") && !b.is(i+1, ",", ")", ";", "=", "|") {
		i++
	}
	t := b.at(i)
	switch {
	case b.is(i, "{", "(", "["):
		c, ok := b.closes[i]
		if !ok || c < i {
			return i
		}
		i = c + 1
	case b.is(i, "-") && js.IsNumeric(b.at(i+1).kind):
		i += 2
	case word(t), t.kind == js.StringToken, t.kind == js.TemplateToken, js.IsNumeric(t.kind):
		i++
		for b.is(i, ".") && word(b.at(i+1)) {
			i += 2
		}
		if b.is(i, "<") {
			if end := b.angle(i); end > 0 {
				i = end
			}
		}
	default:
		return i
	}
	for b.is(i, "[") && !b.at(i).newline {
		c, ok := b.closes[i]
		if !ok || c < i {
			return i
		}
		i = c + 1
	}
	return i
}

// declared handles a colon: after a declared variable, a parameter or a field stands a
// type; in objects, cases and conditions a value.
func (b *blanker) declared(i int) int {
	name := i - 1
	optional := b.is(name, "?", "!")
	if optional {
		name--
	}
	if name < 0 {
		return i + 1
	}
	first := name
	if b.is(name, "}", "]") {
		open, ok := b.closes[name]
		if !ok {
			return i + 1
		}
		first = open
	} else if t := b.at(name); !word(t) && t.kind != js.PrivateIdentifierToken && t.kind != js.StringToken {
		return i + 1
	}
	field := b.inClass() && (b.starts(first) || b.gone[first-1] || b.is(first-1, "static"))
	variable := b.is(first-1, "const", "let", "var") || b.is(first-1, ",") && b.listed(first-1)
	if !field && !variable && !b.parameter(first) {
		return i + 1
	}
	from := i
	if optional {
		from--
	}
	return b.blank(from, b.typeEnd(i+1))
}

// listed says that the comma at i separates variables of one declaration: with brackets
// skipped, const, let or var stands before it and no statement ends between.
func (b *blanker) listed(i int) bool {
	for j := i - 1; j >= 0 && j > i-256; j-- {
		switch {
		case b.is(j, "}", ")", "]"):
			open, ok := b.closes[j]
			if !ok {
				return false
			}
			j = open
		case b.is(j, "const", "let", "var"):
			return true
		case b.is(j, ";", "{", "(", "["):
			return false
		}
	}
	return false
}

// parameter says that the name at i is a parameter: in brackets that a body or an arrow
// follows.
func (b *blanker) parameter(i int) bool {
	if len(b.open) == 0 {
		return false
	}
	open := b.open[len(b.open)-1]
	if !b.is(open, "(") || !b.is(i-1, "(", ",", "...") && !b.gone[i-1] {
		return false
	}
	return b.parameters(open)
}

// parameters says that the brackets hold parameters.
func (b *blanker) parameters(open int) bool {
	c, ok := b.closes[open]
	if !ok || b.is(open-1, "if", "for", "while", "switch", "with") {
		return false
	}
	switch {
	case b.is(c+1, "=>"):
		return true
	case b.is(c+1, "{"):
		return b.is(open-1, "function", "catch") || word(b.at(open-1)) || b.is(open-1, "]", ">", "*")
	case b.is(c+1, ":"):
		end := b.returns(c + 2)
		// a ? (b) : c => d has the form of a return type; a parameter list is what
		// has none of its commas and names in such a place.
		return b.is(end, "{") || b.is(end, "=>") && !b.is(open-1, "?")
	}
	return false
}

// returns is typeEnd for a return type, whose arrow ends it.
func (b *blanker) returns(i int) int {
	for b.is(i, "|", "&") {
		i++
	}
	for range 64 {
		i = b.typePart(i)
		if b.is(i, "|", "&", "is") || b.is(i, "=>") && b.is(i-1, ")") {
			i++
			continue
		}
		return i
	}
	return i
}

// afterParams clears the return type behind the closing bracket at i, and the question
// marks of optional parameters without a type.
func (b *blanker) afterParams(i int) int {
	open, ok := b.closes[i]
	if !ok || !b.parameters(open) {
		return i + 1
	}
	for j := open + 1; j < i; j++ {
		if b.is(j, "{", "(", "[") && b.closes[j] > j {
			j = b.closes[j]
		} else if b.is(j, "?") && b.is(j+1, ",", ")", ":") {
			b.blank(j, j+1)
		}
	}
	if b.is(i+1, ":") {
		return b.blank(i+1, b.returns(i+2))
	}
	return i + 1
}
