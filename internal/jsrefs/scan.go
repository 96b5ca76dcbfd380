package jsrefs

import (
	"slices"
	"strings"
)

type kind uint8

const (
	word kind = iota
	mark
	text
	// template is the text of a template up to its first hole; open says that it has one.
	template
)

// A token is one word of a file; comments, numbers and regular expressions are none that
// matter, but for what may stand after them.
type token struct {
	kind kind
	text string
	line int
	open bool
}

// A scanner splits JavaScript, TypeScript and JSX into tokens. It is no parser: what is
// text between JSX tags is read as if it were code, and a quote that its line does not
// close is then a character like any other. Such lines are kept, so that nobody takes what
// they may hold for absent.
type scanner struct {
	in     string
	at     int
	line   int
	tokens []token
	// holes are how many braces are open in each hole of a template.
	holes []int
	// heads are the open round brackets: whether each stands behind if, for, while or with.
	// head says that the last one to be closed did, so that a statement begins behind it.
	heads []bool
	head  bool
	// loose are the lines on which a quote had no end, and unended says that a comment or
	// a template had none.
	loose   []int
	unended bool
	// lost is how often the end of an expression was not found on a line.
	lost struct{ line, times int }
}

// maxLost bounds how often the end of an expression is looked for in vain on one line, each
// time to the line's end.
const maxLost = 50

func scan(in string, room []token) *scanner {
	s := &scanner{in: strings.TrimPrefix(in, "\ufeff"), line: 1, tokens: room}
	in = s.in
	if strings.HasPrefix(in, "#!") {
		s.skipLine()
	}
	for s.at < len(s.in) {
		s.step()
	}
	return s
}

func (s *scanner) skipLine() {
	if n := strings.IndexByte(s.in[s.at:], '\n'); n >= 0 {
		s.at += n
		return
	}
	s.at = len(s.in)
}

func (s *scanner) add(k kind, text string) {
	s.tokens = append(s.tokens, token{kind: k, text: text, line: s.line})
}

func (s *scanner) step() {
	c := s.in[s.at]
	switch {
	case c == '\n':
		s.line++
		s.at++
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
	case isWord(c):
		start := s.at
		for s.at < len(s.in) && (isWord(s.in[s.at]) || s.in[s.at] >= '0' && s.in[s.at] <= '9') {
			s.at++
		}
		s.add(word, s.in[start:s.at])
	case c == '"' || c == '\'':
		s.str(c)
	case c == '`':
		s.at++
		s.template(true)
	case c == '/':
		s.slash()
	case c == '{' && len(s.holes) > 0:
		s.holes[len(s.holes)-1]++
		s.punct()
	case c == '}' && len(s.holes) > 0:
		if s.holes[len(s.holes)-1]--; s.holes[len(s.holes)-1] < 0 {
			s.holes = s.holes[:len(s.holes)-1]
			s.punct()
			s.template(false)
			return
		}
		s.punct()
	case c == '(':
		s.heads = append(s.heads, len(s.tokens) > 0 && s.tokens[len(s.tokens)-1].kind == word && slices.Contains(heads, s.tokens[len(s.tokens)-1].text))
		s.punct()
	case c == ')':
		if s.head = false; len(s.heads) > 0 {
			s.head = s.heads[len(s.heads)-1]
			s.heads = s.heads[:len(s.heads)-1]
		}
		s.punct()
	default:
		s.punct()
	}
}

// heads are the words whose brackets a statement follows.
var heads = []string{"if", "for", "while", "with"}

func (s *scanner) punct() {
	s.add(mark, s.in[s.at:s.at+1])
	s.at++
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

// str reads a quoted text that ends on its line.
func (s *scanner) str(quote byte) {
	for i := s.at + 1; i < len(s.in); i++ {
		switch s.in[i] {
		case '\\':
			i++
		case quote:
			s.add(text, unescape(s.in[s.at+1:i]))
			s.line += strings.Count(s.in[s.at:i], "\n")
			s.at = i + 1
			return
		case '\n':
			s.loose = append(s.loose, s.line)
			s.punct()
			return
		}
	}
	s.loose = append(s.loose, s.line)
	s.punct()
}

// template reads on to the next hole or the end of a template. Only its first part is a
// token.
func (s *scanner) template(first bool) {
	start, line := s.at, s.line
	for s.at < len(s.in) {
		c := s.in[s.at]
		hole := c == '$' && strings.HasPrefix(s.in[s.at:], "${")
		if c == '`' || hole {
			if first {
				s.tokens = append(s.tokens, token{kind: template, text: unescape(s.in[start:s.at]), line: line, open: hole})
			}
			s.at++
			if hole {
				s.add(mark, "{")
				s.at++
				s.holes = append(s.holes, 0)
			}
			return
		}
		if c == '\\' {
			s.at++
		}
		if s.at < len(s.in) && s.in[s.at] == '\n' {
			s.line++
		}
		s.at++
	}
	s.at = min(s.at, len(s.in))
	s.unended = true
}

// slash reads a comment, a regular expression or a division.
func (s *scanner) slash() {
	rest := s.in[s.at:]
	switch {
	case strings.HasPrefix(rest, "//") && !s.address():
		s.skipLine()
		return
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			s.unended = true
			s.at = len(s.in)
			return
		}
		s.line += strings.Count(rest[:end+2], "\n")
		s.at += end + 4
		return
	}
	if s.ends() {
		s.punct()
		return
	}
	if s.line != s.lost.line {
		s.lost.line, s.lost.times = s.line, 0
	}
	if s.lost.times >= maxLost {
		s.loose = append(s.loose, s.line)
		s.punct()
		return
	}
	class := false
	for i := 1; i < len(rest) && rest[i] != '\n'; i++ {
		switch c := rest[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			s.add(mark, "0") // an expression has ended
			s.at += i + 1
			return
		}
	}
	s.lost.times++
	s.punct()
}

// address says that two slashes are part of an address in the text between JSX tags.
func (s *scanner) address() bool {
	n := len(s.tokens)
	return n > 1 && s.in[s.at-1] == ':' && slices.Contains([]string{"http", "https"}, s.tokens[n-2].text)
}

// before are the words after which an expression begins.
var before = []string{"return", "typeof", "case", "in", "of", "new", "delete", "void", "throw", "else", "do", "await", "yield", "instanceof", "export", "default"}

// ends says that what was read can end an expression, so that a slash divides. After "<"
// it closes a JSX tag.
func (s *scanner) ends() bool {
	if len(s.tokens) == 0 {
		return false
	}
	switch t := s.tokens[len(s.tokens)-1]; t.kind {
	case word:
		return !slices.Contains(before, t.text)
	case mark:
		return strings.Contains(")]}<.0123456789", t.text) && !(t.text == ")" && s.head)
	}
	return true
}

// unescape reads the escapes that a module's name can have. Others stay.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\/`, "/", `\'`, "'", `\"`, `"`, `\\`, `\`, "\\\n", "").Replace(s)
}
