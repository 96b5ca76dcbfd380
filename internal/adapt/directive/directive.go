// Package directive holds what the configurations of nginx and Caddy are made of: lines of
// words with blocks in braces, and where they stand.
package directive

import (
	"fmt"
	"strings"
)

// A Directive is a name, its words, and perhaps a block.
type Directive struct {
	Name string
	Args []string
	// Block are the directives in braces; HasBlock tells an empty block from none.
	Block    []*Directive
	HasBlock bool
	File     string
	Line     int
}

// String writes the directive on one line, without what is in its block.
func (d *Directive) String() string {
	s := strings.Join(append([]string{d.Name}, d.Args...), " ")
	if d.HasBlock {
		s += " {…}"
	}
	return s
}

// An Error is what is wrong with a file; Line is 0 where it is the whole file.
type Error struct {
	File string
	Line int
	Text string
}

// Error reads "nginx.conf:12: unexpected }".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}
