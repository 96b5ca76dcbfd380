package nginxconf

import (
	"bytes"
	"fmt"
	"strings"
)

// A parser reads one file. It never panics, and reads each byte a bounded number of times.
type parser struct {
	name string
	text []byte
	at   int
	line int
	left int
}

func (p *parser) wrong(format string, args ...any) error {
	return &Error{File: p.name, Line: p.line, Text: fmt.Sprintf(format, args...)}
}

// block reads directives up to the end of the file, or of the block.
func (p *parser) block(depth int) ([]*Directive, error) {
	if depth > MaxDepth {
		return nil, p.wrong("blocks nest deeper than %d", MaxDepth)
	}
	var all []*Directive
	for {
		words, line, end, err := p.directive()
		if err != nil {
			return nil, err
		}
		switch {
		case len(words) == 0 && end == 0 && depth == 0, len(words) == 0 && end == '}' && depth > 0:
			return all, nil
		case end == 0 && depth > 0:
			return nil, p.wrong("unexpected end of file, a } is missing")
		case end == 0:
			return nil, p.wrong("unexpected end of file, a ; or } is missing")
		case end == '}':
			return nil, p.wrong("unexpected }")
		case len(words) == 0:
			return nil, p.wrong("unexpected %q", string(end))
		}
		if p.left--; p.left < 0 {
			return nil, p.wrong("there are more than %d directives", MaxDirectives)
		}
		d := &Directive{Name: words[0], Args: words[1:], File: p.name, Line: line}
		if end == '{' {
			d.HasBlock = true
			if strings.HasSuffix(d.Name, "_by_lua_block") {
				err = p.lua()
			} else {
				d.Block, err = p.block(depth + 1)
			}
			if err != nil {
				return nil, err
			}
		}
		all = append(all, d)
	}
}

// directive reads the words up to ; { } or the end of the file, which is 0.
func (p *parser) directive() (words []string, line int, end byte, err error) {
	for {
		p.space()
		if p.at == len(p.text) {
			return words, line, 0, nil
		}
		switch c := p.text[p.at]; c {
		case ';', '{', '}':
			p.at++
			if c == '}' && len(words) > 0 {
				return nil, 0, 0, p.wrong("unexpected }")
			}
			return words, line, c, nil
		}
		if len(words) == 0 {
			line = p.line
		}
		word, err := p.word()
		if err != nil {
			return nil, 0, 0, err
		}
		words = append(words, word)
	}
}

// space passes over blanks and comments.
func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		case '#':
			end := bytes.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				p.at = len(p.text)
				return
			}
			p.at += end
			continue
		default:
			return
		}
		p.at++
	}
}

// word reads one word: quoted, or up to a blank, a ; or a {, of which that of a variable's
// name is a part.
func (p *parser) word() (string, error) {
	quote := p.text[p.at]
	if quote != '"' && quote != '\'' {
		quote = 0
	} else {
		p.at++
	}
	var b strings.Builder
	for ; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case c == '\n':
			if quote == 0 {
				return b.String(), nil
			}
			p.line++
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			switch e := p.text[p.at]; e {
			case '"', '\'', '\\':
				b.WriteByte(e)
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			default:
				if e == '\n' {
					p.line++
				}
				b.WriteByte('\\')
				b.WriteByte(e)
			}
			continue
		case quote != 0 && c == quote:
			p.at++
			if p.at < len(p.text) && !strings.ContainsRune(" \t\r\n;{)", rune(p.text[p.at])) {
				return "", p.wrong("unexpected %q after a quoted word", p.text[p.at])
			}
			return b.String(), nil
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r' || c == ';'):
			return b.String(), nil
		case quote == 0 && c == '{':
			if p.text[p.at-1] != '$' {
				return b.String(), nil
			}
		}
		b.WriteByte(c)
	}
	if quote != 0 {
		return "", p.wrong("unexpected end of file in a quoted word")
	}
	return b.String(), nil
}

// lua passes over code up to the brace that ends it.
func (p *parser) lua() error {
	depth := 1
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch c {
		case '\n':
			p.line++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return nil
			}
		case '\'', '"':
			p.luaText(c)
		case '[':
			p.luaLong()
		case '-':
			if p.at < len(p.text) && p.text[p.at] == '-' {
				p.at++
				if p.at < len(p.text) && p.text[p.at] == '[' {
					p.at++
					if p.luaLong() {
						continue
					}
				}
				end := bytes.IndexByte(p.text[p.at:], '\n')
				if end < 0 {
					end = len(p.text) - p.at
				}
				p.at += end
			}
		}
	}
	return p.wrong("unexpected end of file in a block of Lua")
}

// luaText passes over the rest of a quoted text, which ends with its line.
func (p *parser) luaText(quote byte) {
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c == '\n' {
			return
		}
		p.at++
		switch {
		case c == quote:
			return
		case c == '\\' && p.at < len(p.text):
			if p.text[p.at] == '\n' {
				p.line++
			}
			p.at++
		}
	}
}

// luaLong passes over the rest of a text in long brackets, if there is one behind a [.
func (p *parser) luaLong() bool {
	n := p.at
	for n < len(p.text) && p.text[n] == '=' {
		n++
	}
	if n == len(p.text) || p.text[n] != '[' {
		return false
	}
	closing := "]" + strings.Repeat("=", n-p.at) + "]"
	rest := p.text[n+1:]
	end := bytes.Index(rest, []byte(closing))
	if end < 0 {
		end = len(rest)
	} else {
		end += len(closing)
	}
	p.line += bytes.Count(rest[:end], []byte("\n"))
	p.at = n + 1 + end
	return true
}
