package jsast

import (
	"slices"

	"github.com/tdewolff/parse/v2/js"
)

// blankTypes replaces what is TypeScript and no JavaScript by blanks, so that lines stay
// where they are. It knows the forms of application code: annotations, interfaces,
// aliases, modifiers, assertions, type arguments, decorators. What it does not know
// stays, and the parser then refuses the file.
func blankTypes(text []byte, tokens []token) []byte {
	b := &blanker{text: slices.Clone(text), tokens: tokens}
	b.match()
	for i := 0; i < len(tokens); {
		if next := b.step(i); next > i {
			i = next
		} else {
			i++
		}
	}
	return b.text
}

type blanker struct {
	text   []byte
	tokens []token
	// closes maps an opening bracket to its closing one and back.
	closes map[int]int
	// class holds the indices of the braces that open a class.
	class map[int]bool
	// gone holds the indices of what was cleared, and open the brackets around the
	// token that is looked at.
	gone map[int]bool
	open []int
}

func (b *blanker) match() {
	b.closes, b.class, b.gone = make(map[int]int), make(map[int]bool), make(map[int]bool)
	var open []int
	for i, t := range b.tokens {
		switch t.text {
		case "{", "(", "[":
			open = append(open, i)
		case "}", ")", "]":
			if len(open) > 0 {
				b.closes[open[len(open)-1]], b.closes[i] = i, open[len(open)-1]
				open = open[:len(open)-1]
			}
		default:
			// The braces inside a template's holes are one token with its text.
		}
	}
}

func (b *blanker) at(i int) token {
	if i < 0 || i >= len(b.tokens) {
		return token{}
	}
	return b.tokens[i]
}

func (b *blanker) is(i int, texts ...string) bool { return slices.Contains(texts, b.at(i).text) }

// blank clears the tokens in [from, to) and returns to.
func (b *blanker) blank(from, to int) int {
	for i := from; i < min(to, len(b.tokens)); i++ {
		t := b.tokens[i]
		b.gone[i] = true
		for j := t.at; j < t.at+len(t.text); j++ {
			if b.text[j] != '\n' && b.text[j] != '\r' {
				b.text[j] = ' '
			}
		}
	}
	return to
}

func word(t token) bool { return js.IsIdentifierName(t.kind) }

// starts says that a statement or a member of a class begins at i.
func (b *blanker) starts(i int) bool {
	return i == 0 || b.is(i-1, ";", "{", "}", "export", "default", "declare") || b.at(i).newline && !b.is(i-1, ",", "(", "[", "=", "=>", ".", "?", ":", "&&", "||", "??")
}

func (b *blanker) inClass() bool { return len(b.open) > 0 && b.class[b.open[len(b.open)-1]] }

// step handles the token at i and returns the index at which to go on.
func (b *blanker) step(i int) int {
	t := b.at(i)
	switch t.text {
	case "{", "(", "[":
		b.open = append(b.open, i)
	case "}", ")", "]":
		if len(b.open) > 0 {
			b.open = b.open[:len(b.open)-1]
		}
		if t.text == ")" {
			return b.afterParams(i)
		}
	case "import", "export":
		return b.module(i)
	case "interface", "type", "declare", "enum", "namespace":
		if b.starts(i) {
			return b.declaration(i)
		}
	case "const":
		if b.is(i+1, "enum") {
			return b.declaration(i)
		}
	case "abstract":
		if b.is(i+1, "class") {
			return b.blank(i, i+1)
		}
	case "class":
		if word(b.at(i+1)) || b.is(i+1, "{") {
			return b.classHead(i)
		}
	case "@":
		return b.decorator(i)
	case "as", "satisfies":
		if i > 0 && (ends(b.tokens[:i]) || b.is(i-1, "!")) && !b.at(i).newline && (word(b.at(i+1)) || b.is(i+1, "{", "(", "[") || b.at(i+1).kind == js.StringToken) {
			return b.blank(i, b.typeEnd(i+1))
		}
	case "!":
		if i > 0 && !t.newline && ends(b.tokens[:i]) && !b.is(i+1, "=") {
			return b.blank(i, i+1)
		}
	case "<":
		return b.typeArguments(i)
	case ":":
		return b.declared(i)
	case "public", "private", "protected", "readonly", "override":
		if (b.inClass() || b.is(i-1, "(", ",") || b.gone[i-1]) && (word(b.at(i+1)) || b.is(i+1, "[", "#", "{") || b.at(i+1).kind == js.PrivateIdentifierToken) {
			return b.blank(i, i+1)
		}
	}
	return i + 1
}

// module handles import type, export type and import x = require().
func (b *blanker) module(i int) int {
	switch {
	case b.is(i+1, "type") && (b.is(i+2, "{", "*") || word(b.at(i+2)) && !b.is(i+2, "from") && b.at(i).text == "import"):
		end := i + 1
		for end < len(b.tokens) && b.at(end).kind != js.StringToken && !b.is(end, ";") {
			end++
			if b.at(end).newline && b.is(end-1, "}") && !b.is(end, "from") {
				return b.blank(i, end)
			}
		}
		return b.blank(i, end+1)
	case b.at(i).text == "export" && (b.is(i+1, "interface", "type", "declare", "namespace") || b.is(i+1, "abstract") && !b.is(i+2, "class")):
		b.blank(i, i+1)
		return b.declaration(i + 1)
	case b.at(i).text == "export" && (b.is(i+1, "enum") || b.is(i+1, "const") && b.is(i+2, "enum")):
		b.blank(i, i+1)
		return b.declaration(i + 1)
	case b.at(i).text == "import" && b.is(i+2, "=") && word(b.at(i+1)):
		copy(b.text[b.at(i).at:], "const ")
		return i + 3
	case b.is(i+1, "{") || b.at(i).text == "import" && b.is(i+3, "{"):
		// Names that are types: import { type Request, Router } from 'express'.
		open := i + 1
		for !b.is(open, "{") {
			open++
		}
		for j := open; j < b.closes[open]; j++ {
			if b.is(j, "type") && b.is(j-1, "{", ",") && word(b.at(j+1)) {
				for !b.is(j, ",", "}") {
					b.blank(j, j+1)
					j++
				}
				if b.is(j, ",") {
					b.blank(j, j+1)
				}
			}
		}
		return i + 1
	}
	return i + 1
}

// declaration clears an interface, alias, enum, ambient declaration or namespace.
func (b *blanker) declaration(i int) int {
	start := i
	for b.is(i, "declare", "const", "abstract", "export") {
		i++
	}
	switch {
	case b.is(i, "type"):
		if !word(b.at(i+1)) || !b.is(i+2, "=", "<") {
			return start + 1
		}
		eq := i + 2
		if b.is(eq, "<") {
			eq = b.angle(eq)
		}
		end := b.typeEnd(eq + 1)
		if b.is(end, ";") {
			end++
		}
		return b.blank(start, end)
	case b.is(i, "interface", "enum", "namespace", "module", "global", "class"):
		for j := i + 1; j < len(b.tokens) && j < i+64; j++ {
			if b.is(j, "{") {
				return b.blank(start, b.closes[j]+1)
			}
		}
	case start != i && b.is(i, "let", "var", "function", "async") || b.is(start, "declare") && word(b.at(i)):
		for j := i; j < len(b.tokens); j++ {
			if b.is(j, ";") || j > i && b.at(j).newline {
				return b.blank(start, j)
			}
		}
	}
	return start + 1
}

// classHead clears type parameters and implements, and notes the brace.
func (b *blanker) classHead(i int) int {
	for j := i + 1; j < len(b.tokens) && j < i+64; j++ {
		switch {
		case b.is(j, "<"):
			if end := b.angle(j); end > j {
				j = b.blank(j, end) - 1
			}
		case b.is(j, "implements"):
			end := j
			for end < len(b.tokens) && !b.is(end, "{") {
				end++
			}
			j = b.blank(j, end) - 1
		case b.is(j, "("):
			j = max(j, b.closes[j])
		case b.is(j, "{"):
			b.class[j] = true
			return j
		}
	}
	return i + 1
}

func (b *blanker) decorator(i int) int {
	j := i + 1
	for word(b.at(j)) || b.is(j, ".") {
		j++
	}
	if b.is(j, "(") && !b.at(j).newline {
		j = b.closes[j] + 1
	}
	return b.blank(i, max(j, i+1))
}

// typeArguments clears <…> after a name, where a call, a body or a template follows.
func (b *blanker) typeArguments(i int) int {
	end := b.angle(i)
	if end < 0 {
		return i + 1
	}
	after := b.is(end, "(") || b.at(end).kind == js.TemplateToken
	if i > 0 && (word(b.at(i-1)) && after || b.is(i-1, "=", "(", ",", "return", "async") && b.is(end, "(")) {
		return b.blank(i, end)
	}
	return i + 1
}
