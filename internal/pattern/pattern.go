// Package pattern is a regular expression that is compiled when it is first used. The
// program holds dozens that most commands never touch, and compiling them all would
// double the time of panoply version.
//
//	var frame = pattern.New(`\bat .+:\d+:\d+`)
//	…
//	frame.Get().FindString(text)
package pattern

import (
	"regexp"
	"sync"
)

// A Pattern is made by New and safe for concurrent use.
type Pattern struct{ get func() *regexp.Regexp }

// New returns the pattern of an expression that is known to compile; Get panics
// otherwise, which a test that uses it finds.
func New(expression string) Pattern {
	return Pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

// Get returns the compiled expression.
func (p Pattern) Get() *regexp.Regexp { return p.get() }
