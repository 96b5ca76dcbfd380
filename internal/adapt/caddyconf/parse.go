package caddyconf

import (
	"bytes"
	"fmt"
	"strings"
)

// A token is one word.
type token struct {
	text string
	// line is where it begins, end where it ends.
	line, end int
	quoted    bool
}

// lex takes a text apart.
func lex(name string, text []byte) ([]token, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var all []token
	line := 1
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
			// The line goes on: what follows counts to it.
			i += 2
			if len(all) > 0 {
				all[len(all)-1].end++
			}
			line++
		case c == '#':
			end := bytes.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			i += end
		default:
			t, n, err := word(name, text[i:], line)
			if err != nil {
				return nil, err
			}
			all = append(all, t)
			line = t.end
			i += n
		}
		if len(all) > MaxWords {
			return nil, &Error{File: name, Line: line, Text: fmt.Sprintf("there are more than %d words", MaxWords)}
		}
	}
	return all, nil
}

// word reads one word, and how many bytes it has.
func word(name string, text []byte, line int) (token, int, error) {
	t := token{line: line, end: line}
	switch {
	case text[0] == '`':
		end := bytes.IndexByte(text[1:], '`')
		if end < 0 {
			return t, 0, &Error{File: name, Line: line, Text: "unexpected end of file in a quoted word"}
		}
		t.text, t.quoted = string(text[1:1+end]), true
		t.end += strings.Count(t.text, "\n")
		return t, end + 2, nil
	case text[0] == '"':
		var b strings.Builder
		for i := 1; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\' && i+1 < len(text) && text[i+1] == '"':
				i++
				b.WriteByte('"')
				continue
			case c == '"':
				t.text, t.quoted = b.String(), true
				return t, i + 1, nil
			case c == '\n':
				t.end++
				b.WriteByte(c)
			default:
				b.WriteByte(c)
			}
		}
		return t, 0, &Error{File: name, Line: line, Text: "unexpected end of file in a quoted word"}
	case bytes.HasPrefix(text, []byte("<<")):
		if h, n, ok, err := heredoc(name, text, line); ok || err != nil {
			return h, n, err
		}
	}
	end := bytes.IndexAny(text, " \t\r\n")
	if end < 0 {
		end = len(text)
	}
	t.text = strings.TrimPrefix(string(text[:end]), `\<<`)
	if len(t.text) < end {
		t.text = "<<" + t.text
	}
	return t, end, nil
}

// heredoc reads <<MARK, lines, and MARK on a line of its own, whose indentation is taken
// from all of them.
func heredoc(name string, text []byte, line int) (t token, n int, ok bool, err error) {
	first := bytes.IndexByte(text, '\n')
	if first < 0 {
		return t, 0, false, nil
	}
	mark := strings.TrimRight(string(text[2:first]), "\r")
	if mark == "" || strings.Trim(mark, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return t, 0, false, nil
	}
	var lines []string
	at := first + 1
	for at < len(text) {
		end := bytes.IndexByte(text[at:], '\n')
		next := at + end + 1
		if end < 0 {
			end, next = len(text)-at, len(text)
		}
		one := strings.TrimRight(string(text[at:at+end]), "\r")
		bare := strings.TrimLeft(one, " \t")
		rest, found := strings.CutPrefix(bare, mark)
		if found && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
			indent := one[:len(one)-len(bare)]
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], indent)
			}
			t = token{text: strings.Join(lines, "\n"), line: line, end: line + len(lines) + 1, quoted: true}
			return t, at + len(indent) + len(mark), true, nil
		}
		lines = append(lines, one)
		at = next
	}
	return t, 0, false, &Error{File: name, Line: line, Text: "unexpected end of file before " + mark}
}

// A parser makes directives of words.
type parser struct {
	name   string
	tokens []token
	at     int
	left   int
}

func parse(name string, text []byte) ([]*Directive, error) {
	tokens, err := lex(name, text)
	if err != nil {
		return nil, err
	}
	p := parser{name: name, tokens: tokens, left: MaxDirectives}
	return p.block(0)
}

func (p *parser) wrong(line int, format string, args ...any) error {
	return &Error{File: p.name, Line: line, Text: fmt.Sprintf(format, args...)}
}

// block reads lines up to the end of the file, or of the block.
func (p *parser) block(depth int) ([]*Directive, error) {
	last := 1
	if depth > MaxDepth {
		return nil, p.wrong(p.tokens[p.at-1].line, "blocks nest deeper than %d", MaxDepth)
	}
	var all []*Directive
	for p.at < len(p.tokens) {
		t := p.tokens[p.at]
		last = t.line
		if t.text == "}" && !t.quoted {
			if depth == 0 {
				return nil, p.wrong(t.line, "unexpected }")
			}
			p.at++
			if p.at < len(p.tokens) && p.tokens[p.at].line == t.line {
				return nil, p.wrong(t.line, "unexpected %q after }", cut(p.tokens[p.at].text))
			}
			return all, nil
		}
		d, err := p.directive(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if depth > 0 {
		return nil, p.wrong(last, "unexpected end of file, a } is missing")
	}
	return all, nil
}

// directive reads one line, and the block that begins at its end.
func (p *parser) directive(depth int) (*Directive, error) {
	first := p.tokens[p.at]
	if p.left--; p.left < 0 {
		return nil, p.wrong(first.line, "there are more than %d directives", MaxDirectives)
	}
	var words []token
	open := false
	for p.at < len(p.tokens) {
		t := p.tokens[p.at]
		if n := len(words); n > 0 && t.line != words[n-1].end && (depth > 0 || !strings.HasSuffix(words[n-1].text, ",")) {
			break
		}
		p.at++
		if t.text == "{" && !t.quoted {
			if p.at < len(p.tokens) && p.tokens[p.at].line == t.line {
				return nil, p.wrong(t.line, "unexpected %q after {", cut(p.tokens[p.at].text))
			}
			open = true
			break
		}
		words = append(words, t)
	}
	d := &Directive{File: p.name, Line: first.line, HasBlock: open}
	for i, w := range words {
		if i == 0 {
			d.Name = w.text
		} else {
			d.Args = append(d.Args, w.text)
		}
	}
	if !open {
		return d, nil
	}
	block, err := p.block(depth + 1)
	d.Block = block
	return d, err
}

func cut(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
