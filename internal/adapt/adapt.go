// Package adapt turns the configuration of nginx, of Caddy and of Helmet into a
// panoply.yaml, and says of every line that has no counterpart what becomes of it.
//
//	r, err := adapt.Nginx("/etc/nginx/nginx.conf")
//	os.Stdout.Write(r.YAML())
//	for _, n := range r.Notes {
//		fmt.Fprintln(os.Stderr, n)
//	}
//
// The result is read and weighed by a person before anybody serves with it: what it holds
// comes from the peer's file alone, and it is deterministic. It opens the files that are
// included, as the peer would, and nothing else; no name is looked up and no address
// contacted. The bounds are those of packages nginxconf, caddyconf and jsast.
//
// It does not know what modules, plugins, Lua, njs or a request matcher do, and says so of
// each. Nothing here decides on a request.
//
// Sources: the documentation of nginx 1.22 to 1.28, of Caddy 2.11, and of Helmet 8.
package adapt

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/panoplysec/panoply/internal/draft"
)

// Became is what becomes of a directive.
type Became uint8

// The zero Became is NotCarried: somebody has to look at it.
const (
	// NotCarried says that nothing of panoply.yaml stands for it.
	NotCarried Became = iota
	// SetAs says that something near it was set.
	SetAs
	// Done says that the door does it without being told.
	Done
)

// String is the words that notes use.
func (b Became) String() string {
	switch b {
	case SetAs:
		return "set as"
	case Done:
		return "done by the door"
	}
	return "not carried over"
}

// A Note says what became of one directive.
type Note struct {
	File string
	// Line is 0 where the whole file is meant.
	Line int
	// Directive is as it was written, cut.
	Directive string
	Became    Became
	// Text says more: what was set, what the door does, or what to do instead.
	Text string
}

// String is the note on one line, fit for a terminal.
func (n Note) String() string {
	where := n.File
	if n.Line > 0 {
		where = fmt.Sprintf("%s:%d", n.File, n.Line)
	}
	s := fmt.Sprintf("%s: %s: %s", where, n.Directive, n.Became)
	if n.Text != "" {
		s += ": " + n.Text
	}
	return draft.Clean(s)
}

// A Result is what an adapter made.
type Result struct {
	Draft draft.Draft
	// Notes are in the order of files and lines.
	Notes []Note
}

// YAML is the panoply.yaml.
func (r *Result) YAML() []byte { return r.Draft.Bytes() }

// Count is how many notes say so.
func (r *Result) Count(b Became) int {
	n := 0
	for _, note := range r.Notes {
		if note.Became == b {
			n++
		}
	}
	return n
}

// sorted puts the notes into the order in which a person reads the file.
func (r *Result) sorted() *Result {
	slices.SortStableFunc(r.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	r.Notes = slices.Compact(r.Notes)
	return r
}

// place writes where something stands.
func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }
