package shield

import (
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// A pattern is the names of a field from the outside in.
type pattern struct {
	names  []glob
	rooted bool   // the first is an outermost one
	needle string // a plain text that every match has in it; empty for none
}

// newPattern reads "a.b", "a[b]" or ".a".
func newPattern(text string) (*pattern, bool) {
	p := &pattern{rooted: strings.HasPrefix(text, ".")}
	for _, name := range names(nil, strings.TrimPrefix(text, ".")) {
		g := newGlob(name)
		p.names = append(p.names, g)
		if n := g.needle(); len(n) > len(p.needle) {
			p.needle = n
		}
	}
	return p, len(p.names) > 0
}

// match tells whether the pattern ends at one of the names from fresh on.
func (p *pattern) match(path []string, fresh int) bool {
	n := len(p.names)
	for end := max(fresh+1, n); end <= len(path); end++ {
		begin := end - n
		if p.rooted && begin > 0 {
			return false
		}
		i := n - 1
		for i >= 0 && p.names[i].match(path[begin+i]) {
			i--
		}
		if i < 0 {
			return true
		}
	}
	return false
}

// A glob is a text with * for any text.
type glob []string

func newGlob(text string) glob { return strings.Split(text, "*") }

func (g glob) match(s string) bool {
	if len(g) <= 1 {
		return len(g) == 1 && g[0] == s
	}
	last := len(g) - 1
	if !strings.HasPrefix(s, g[0]) {
		return false
	}
	s = s[len(g[0]):]
	for _, part := range g[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, g[last])
}

// needle is the longest run of bytes of g that no client has to escape.
func (g glob) needle() string {
	best := ""
	for _, part := range g {
		begin := 0
		for i := 0; i <= len(part); i++ {
			if i < len(part) && (part[i] == '_' || part[i] == '-' || isAlphanumeric(part[i])) {
				continue
			}
			if i-begin > len(best) {
				best = part[begin:i]
			}
			begin = i + 1
		}
	}
	return best
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// names takes a flat name apart at each bracket and dot, and appends what it holds to dst.
// Numbers after the first name are places in arrays and left out.
func names(dst []string, name string) []string {
	first := len(dst)
	for begin, i := 0, 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '[' && name[i] != ']' && name[i] != '.' {
			continue
		}
		if one := unquoted(name[begin:i]); one != "" && !(len(dst) > first && isNumber(one)) {
			dst = append(dst, one)
		}
		begin = i + 1
	}
	return dst
}

// unquoted is what a name in quotes says, as in a["b"], which lodash reads.
func unquoted(name string) string {
	if n := len(name) - 1; n > 0 && (name[0] == '"' || name[0] == '\'') && name[n] == name[0] {
		return strings.ReplaceAll(name[1:n], `\`, "")
	}
	return name
}

// odd tells of a name that has brackets and is not of the form a[b][c], so that qs may leave
// out some of what names finds.
func odd(name string) bool {
	if !strings.ContainsAny(name, "[]") {
		return false
	}
	open := false
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '[':
			if open {
				return true
			}
			open = true
		case ']':
			if !open || i+1 < len(name) && name[i+1] != '[' {
				return true
			}
			open = false
		case '.':
			return true
		}
	}
	return open
}

// qsNames is names without what qs leaves out: text between groups of brackets, and a
// bracket that is not closed.
func qsNames(dst []string, name string) []string {
	for first := true; ; first = false {
		begin, end := 0, -1
		for i := 0; i < len(name) && end < 0; i++ {
			switch {
			case name[i] == '[':
				begin = i + 1
			case name[i] == ']' && begin > 0:
				end = i
			case name[i] == ']':
				begin = 0
			}
		}
		if end < 0 {
			if first {
				dst = names(dst, name)
			}
			return dst
		}
		if first {
			dst = names(dst, name[:begin-1])
		}
		if one := names(dst, name[begin:end]); len(one) > len(dst) && !isNumber(name[begin:end]) {
			dst = one
		}
		name = name[end+1:]
	}
}

// undotted writes dots as brackets, as qs does with allowDots.
func undotted(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		n := 0
		if name[i] == '.' {
			if n = strings.IndexAny(name[i+1:], ".["); n < 0 {
				n = len(name) - i - 1
			}
		}
		if n == 0 {
			b.WriteByte(name[i])
			continue
		}
		b.WriteString("[" + name[i+1:i+1+n] + "]")
		i += n
	}
	return b.String()
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// levels is how deep a flat name nests.
func levels(name string) int { return 1 + strings.Count(name, "[") + strings.Count(name, ".") }

// again undoes the escapes that are left in a text that was unescaped, twice at most; each
// reading differs from the one before. ok is false where there is no other.
func again(text string) (next string, ok bool) {
	next = body.Unescape(text, false)
	return next, next != text
}

// rereadings is how many times escapes are undone again.
const rereadings = 2
