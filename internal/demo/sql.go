package demo

import (
	"fmt"
	"strings"
	"unicode"
)

// maxQuery bounds a statement, and with it the evaluator's work and depth.
const maxQuery = 2000

// evaluate runs a SELECT on the toy database. It knows as much SQL as an injection
// needs to be seen:
//
//	SELECT (* | item, …) FROM table [WHERE condition] [UNION [ALL] SELECT …] [;] [-- …]
//
// with OR, AND, NOT, parentheses, =, <>, LIKE, text, numbers and column names. It only
// reads embedded data.
func evaluate(query string) ([][]string, error) {
	if len(query) > maxQuery {
		return nil, fmt.Errorf("statement too long")
	}
	words, err := lex(query)
	if err != nil {
		return nil, err
	}
	p := &sql{words: words}
	rows, err := p.selection()
	if err != nil {
		return nil, err
	}
	for p.accept("union") {
		p.accept("all")
		more, err := p.selection()
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 && len(more) > 0 && len(rows[0]) != len(more[0]) {
			return nil, fmt.Errorf("SELECTs to the left and right of UNION do not have the same number of result columns")
		}
		rows = append(rows, more...)
	}
	if p.peek() != "" && p.peek() != ";" {
		return nil, fmt.Errorf("near %q: syntax error", p.peek())
	}
	return rows, nil
}

// lex splits a statement; text keeps its opening quote as a mark. A comment ends it.
func lex(query string) ([]string, error) {
	var words []string
	for i := 0; i < len(query); {
		c := query[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.HasPrefix(query[i:], "--") || c == '#':
			return words, nil
		case c == '\'':
			var text strings.Builder
			for i++; ; i++ {
				if i >= len(query) {
					return nil, fmt.Errorf("unrecognized token: %q", "'"+text.String())
				}
				if query[i] == '\'' {
					if i++; i >= len(query) || query[i] != '\'' {
						break
					}
				}
				text.WriteByte(query[i])
			}
			words = append(words, "'"+text.String())
		case strings.HasPrefix(query[i:], "<>"), strings.HasPrefix(query[i:], "!="):
			words, i = append(words, "<>"), i+2
		case isWord(rune(c)):
			j := i
			for j < len(query) && isWord(rune(query[j])) {
				j++
			}
			words, i = append(words, strings.ToLower(query[i:j])), j
		default:
			words, i = append(words, string(c)), i+1
		}
	}
	return words, nil
}

func isWord(r rune) bool {
	return r == '_' || r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// sql parses and evaluates at once; a condition is a function of the row.
type sql struct {
	words   []string
	at      int
	columns []string
}

type condition func(row []string) bool
type operand func(row []string) string

func (p *sql) peek() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

func (p *sql) next() string {
	w := p.peek()
	p.at++
	return w
}

func (p *sql) accept(word string) bool {
	if p.peek() == word {
		p.at++
		return true
	}
	return false
}

func (p *sql) selection() ([][]string, error) {
	if !p.accept("select") {
		return nil, fmt.Errorf("near %q: syntax error", p.peek())
	}
	from := p.at
	for p.peek() != "from" && p.peek() != "" {
		p.at++
	}
	to := p.at
	p.accept("from")
	name := p.next()
	columns, rows, ok := table(name)
	if !ok {
		return nil, fmt.Errorf("no such table: %s", name)
	}
	p.columns = columns
	list := &sql{words: p.words[from:to], columns: columns}
	var items []operand
	for list.peek() != "" {
		if list.accept("*") {
			for i := range columns {
				items = append(items, func(row []string) string { return row[i] })
			}
		} else {
			item, err := list.operand()
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		if !list.accept(",") && list.peek() != "" {
			return nil, fmt.Errorf("near %q: syntax error", list.peek())
		}
	}
	holds := condition(func([]string) bool { return true })
	if p.accept("where") {
		var err error
		if holds, err = p.either(); err != nil {
			return nil, err
		}
	}
	var found [][]string
	for _, row := range rows {
		if holds(row) {
			out := make([]string, len(items))
			for i, item := range items {
				out[i] = item(row)
			}
			found = append(found, out)
		}
	}
	return found, nil
}

func (p *sql) either() (condition, error) {
	left, err := p.both()
	for err == nil && p.accept("or") {
		var right condition
		one := left
		right, err = p.both()
		left = func(row []string) bool { return one(row) || right(row) }
	}
	return left, err
}

func (p *sql) both() (condition, error) {
	left, err := p.comparison()
	for err == nil && p.accept("and") {
		var right condition
		one := left
		right, err = p.comparison()
		left = func(row []string) bool { return one(row) && right(row) }
	}
	return left, err
}

func (p *sql) comparison() (condition, error) {
	if p.accept("not") {
		inner, err := p.comparison()
		return func(row []string) bool { return !inner(row) }, err
	}
	if p.accept("(") {
		inner, err := p.either()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("near %q: syntax error", p.peek())
		}
		return inner, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	operator := p.peek()
	if operator != "=" && operator != "<>" && operator != "like" {
		return func(row []string) bool { v := left(row); return v != "" && v != "0" }, nil
	}
	p.at++
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return func(row []string) bool {
		a, b := left(row), right(row)
		switch operator {
		case "=":
			return a == b
		case "<>":
			return a != b
		}
		return like(strings.ToLower(a), strings.ToLower(b))
	}, nil
}

// like knows % at either end only.
func like(text, pattern string) bool {
	rest, open := strings.CutPrefix(pattern, "%")
	rest, end := strings.CutSuffix(rest, "%")
	switch {
	case open && end:
		return strings.Contains(text, rest)
	case open:
		return strings.HasSuffix(text, rest)
	case end:
		return strings.HasPrefix(text, rest)
	}
	return text == pattern
}

func (p *sql) operand() (operand, error) {
	word := p.next()
	if text, ok := strings.CutPrefix(word, "'"); ok {
		return func([]string) string { return text }, nil
	}
	if word != "" && strings.Trim(word, "0123456789") == "" {
		return func([]string) string { return word }, nil
	}
	if word == "null" {
		return func([]string) string { return "" }, nil
	}
	for i, c := range p.columns {
		if c == word {
			return func(row []string) string { return row[i] }, nil
		}
	}
	if word == "" {
		return nil, fmt.Errorf("incomplete input")
	}
	return nil, fmt.Errorf("no such column: %s", word)
}
