package ignorefile

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// A table is one of TOML's. Its values are string, bool, *table, []*table, and other for
// whatever else: numbers, dates as string, lists.
type table struct {
	line   int
	values map[string]any
}

type other struct{}

func newTable(line int) *table { return &table{line: line, values: map[string]any{}} }

func (t *table) text(key string) string { s, _ := t.values[key].(string); return s }
func (t *table) is(key string) bool     { b, _ := t.values[key].(bool); return b }

func (t *table) table(key string) *table {
	if sub, ok := t.values[key].(*table); ok {
		return sub
	}
	return newTable(t.line)
}

func (t *table) tables(key string) []*table { all, _ := t.values[key].([]*table); return all }

const maxDepth = 32

// readTOML reads the parts of TOML that configuration is made of. A key that stands twice,
// and what it does not understand, is an error with its line.
func readTOML(file, text string) (*table, error) {
	r := &tomlReader{file: file, text: strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), line: 1}
	switch {
	case len(text) > MaxFile:
		return nil, r.fail("has more than 1 MiB")
	case !utf8.ValidString(text):
		return nil, r.fail("is no text in UTF-8")
	}
	root := newTable(1)
	into := root
	for {
		r.blank(true)
		if r.at == len(r.text) {
			return root, nil
		}
		var err error
		if r.text[r.at] == '[' {
			into, err = r.header(root)
		} else {
			err = r.pair(into, 0)
		}
		if err == nil {
			r.blank(false)
			if r.at < len(r.text) && r.text[r.at] != '\n' {
				err = r.fail("has %s after a value", r.near())
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

type tomlReader struct {
	file, text string
	at, line   int
}

func (r *tomlReader) fail(format string, args ...any) error {
	return &lockfile.Error{File: r.file, Line: r.line, Problem: fmt.Sprintf(format, args...)}
}

func (r *tomlReader) near() string {
	rest := r.text[r.at:]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	return fmt.Sprintf("%.20q", rest)
}

// blank goes over white space and comments, and over lines where those are let pass.
func (r *tomlReader) blank(lines bool) {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '\n' && lines:
			r.line++
		case c == '#':
			for r.at < len(r.text) && r.text[r.at] != '\n' {
				r.at++
			}
			continue
		case c != ' ' && c != '\t':
			return
		}
		r.at++
	}
}

func (r *tomlReader) take(s string) bool {
	if !strings.HasPrefix(r.text[r.at:], s) {
		return false
	}
	r.at += len(s)
	return true
}

// header reads [a.b] or [[a.b]].
func (r *tomlReader) header(root *table) (*table, error) {
	closing := "]"
	if r.at++; r.take("[") {
		closing = "]]"
	}
	keys, err := r.keys()
	if err != nil {
		return nil, err
	}
	if !r.take(closing) {
		return nil, r.fail("has a header without its %s", closing)
	}
	into, err := r.walk(root, keys[:len(keys)-1])
	if err != nil {
		return nil, err
	}
	last := keys[len(keys)-1]
	fresh := newTable(r.line)
	old := into.values[last]
	switch {
	case closing == "]]":
		list, ok := old.([]*table)
		if old != nil && !ok {
			return nil, r.fail("has the key %.40q as a list and as something else", last)
		}
		into.values[last] = append(list, fresh)
	case old != nil:
		return nil, r.fail("has the table %.40q twice", last)
	default:
		into.values[last] = fresh
	}
	return fresh, nil
}

// walk goes into tables, and makes those that are not there.
func (r *tomlReader) walk(t *table, keys []string) (*table, error) {
	for _, k := range keys {
		switch sub := t.values[k].(type) {
		case nil:
			fresh := newTable(r.line)
			t.values[k] = fresh
			t = fresh
		case *table:
			t = sub
		case []*table:
			t = sub[len(sub)-1]
		default:
			return nil, r.fail("has the key %.40q as a table and as something else", k)
		}
	}
	return t, nil
}

// keys reads a.b."c d".
func (r *tomlReader) keys() ([]string, error) {
	var all []string
	for {
		r.blank(false)
		start := r.at
		if r.at < len(r.text) && (r.text[r.at] == '"' || r.text[r.at] == '\'') {
			k, err := r.str()
			if err != nil {
				return nil, err
			}
			all = append(all, k)
		} else {
			for r.at < len(r.text) && (r.text[r.at] == '_' || r.text[r.at] == '-' || alphanumeric(r.text[r.at])) {
				r.at++
			}
			if r.at == start {
				return nil, r.fail("has %s where a key belongs", r.near())
			}
			all = append(all, r.text[start:r.at])
		}
		if r.blank(false); !r.take(".") {
			return all, nil
		}
		if len(all) == maxDepth {
			return nil, r.fail("is nested more than %d deep", maxDepth)
		}
	}
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (r *tomlReader) pair(into *table, depth int) error {
	keys, err := r.keys()
	if err != nil {
		return err
	}
	if !r.take("=") {
		return r.fail("has no = after the key %.40q", keys[len(keys)-1])
	}
	into, err = r.walk(into, keys[:len(keys)-1])
	if err != nil {
		return err
	}
	last := keys[len(keys)-1]
	if _, twice := into.values[last]; twice {
		return r.fail("the key %.40q stands twice", last)
	}
	into.values[last], err = r.value(depth)
	return err
}

func (r *tomlReader) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, r.fail("is nested more than %d deep", maxDepth)
	}
	r.blank(false)
	if r.at == len(r.text) {
		return nil, r.fail("ends in the middle: it was cut short")
	}
	switch r.text[r.at] {
	case '"', '\'':
		return r.str()
	case '[':
		r.at++
		return other{}, r.list("]", true, func() error { _, err := r.value(depth + 1); return err })
	case '{':
		r.at++
		t := newTable(r.line)
		return t, r.list("}", false, func() error { return r.pair(t, depth+1) })
	}
	start := r.at
	for r.at < len(r.text) && (alphanumeric(r.text[r.at]) || strings.IndexByte("+-.:_", r.text[r.at]) >= 0 || r.text[r.at] == ' ' && r.date(start)) {
		r.at++
	}
	switch word := r.text[start:r.at]; {
	case word == "true":
		return true, nil
	case word == "false":
		return false, nil
	case word == "", word[0] != '+' && word[0] != '-' && (word[0] < '0' || word[0] > '9') && word != "inf" && word != "nan":
		r.at = start
		return nil, r.fail("has %s where a value belongs", r.near())
	default:
		return word, nil // a date is taken as it is written, and a number is of no use
	}
}

// date says that a blank stands between the day and the time of a date.
func (r *tomlReader) date(start int) bool {
	return r.at-start == len("2026-12-31") && r.at+1 < len(r.text) && r.text[r.at+1] >= '0' && r.text[r.at+1] <= '9' && strings.Count(r.text[start:r.at], "-") == 2
}

// list reads items up to a closing bracket.
func (r *tomlReader) list(closing string, lines bool, item func() error) error {
	for first := true; ; first = false {
		r.blank(lines)
		if r.take(closing) {
			return nil
		}
		if r.at == len(r.text) {
			return r.fail("ends in the middle: it was cut short")
		}
		if !first {
			if !r.take(",") {
				return r.fail("has %s where a comma or %s belongs", r.near(), closing)
			}
			r.blank(lines)
			if r.take(closing) {
				return nil
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
}

// str reads a text in quotes, in three of them over lines too.
func (r *tomlReader) str() (string, error) {
	quote := r.text[r.at : r.at+1]
	long := strings.HasPrefix(r.text[r.at:], strings.Repeat(quote, 3))
	if long {
		quote = strings.Repeat(quote, 3)
	}
	begun := r.line
	r.at += len(quote)
	if long && r.take("\n") {
		r.line++
	}
	var b strings.Builder
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case r.take(quote):
			return b.String(), nil
		case c == '\n' && !long:
			return "", r.fail("has a quote without an end")
		case c == '\\' && quote[0] == '"':
			if err := r.escape(&b, long); err != nil {
				return "", err
			}
			continue
		case c < ' ' && c != '\t' && c != '\n' || c == 0x7f:
			return "", r.fail("has a text with a control character in it")
		default:
			if c == '\n' {
				r.line++
			}
			b.WriteByte(c)
			r.at++
		}
	}
	r.line = begun
	return "", r.fail("has a quote without an end: it was cut short")
}

var escapes = map[byte]string{'b': "\b", 't': "\t", 'n': "\n", 'f': "\f", 'r': "\r", '"': `"`, '\\': `\`}

func (r *tomlReader) escape(b *strings.Builder, long bool) error {
	if r.at++; r.at == len(r.text) {
		return nil // the end is told by the caller
	}
	c := r.text[r.at]
	if s, ok := escapes[c]; ok {
		b.WriteString(s)
		r.at++
		return nil
	}
	if digits := map[byte]int{'u': 4, 'U': 8}[c]; digits > 0 && r.at+digits < len(r.text) {
		n, err := strconv.ParseUint(r.text[r.at+1:r.at+1+digits], 16, 32)
		if err == nil && utf8.ValidRune(rune(n)) {
			b.WriteRune(rune(n))
			r.at += 1 + digits
			return nil
		}
	}
	if long && strings.IndexByte(" \t\n", c) >= 0 {
		for r.at < len(r.text) && strings.IndexByte(" \t\n", r.text[r.at]) >= 0 {
			if r.text[r.at] == '\n' {
				r.line++
			}
			r.at++
		}
		return nil
	}
	return r.fail("has an escape that is none: %s", r.near())
}
