package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Origin is where a value came from. The zero Origin is a default.
type Origin struct {
	// File, Line and Column are set for a value read from a file. Lines and columns
	// count from 1; a problem of a whole file has none.
	File         string
	Line, Column int
	// Flag is set for a value given on the command line, such as "--listen".
	Flag string
	// Env is the variable that it was taken from, or that names the file it is in, such as
	// "PANOPLY_LISTEN".
	Env string
	// Found is the file of what the door found out by itself.
	Found string

	// secret: the value is from a file of its own, and is not shown in problems.
	secret bool
}

// String returns "default", "panoply.yaml:3", "env PANOPLY_LISTEN" or "--listen".
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return o.Flag
	case o.Env != "":
		return "env " + o.Env
	case o.Found != "":
		return "found, " + o.Found
	case o.File == "":
		return "default"
	case o.Line == 0:
		return o.File
	}
	return o.File + ":" + strconv.Itoa(o.Line)
}

// A Problem is one thing wrong with a configuration.
type Problem struct {
	// Origin is where the wrong value came from. A problem of a value that is missing
	// has the file, or nothing where no file was read.
	Origin Origin
	// Path is the place in the configuration, such as "tls.certificates[0].key".
	Path string
	// Text says what is wrong and what is allowed.
	Text string
	// Hint is the mend, when there is a likely one.
	Hint string
	// Err is the cause, when the system or another package reported one.
	Err error
}

// Error reads "panoply.yaml:12:3: headers.helmt: unknown key; did you mean helmet?".
func (p *Problem) Error() string {
	var b strings.Builder
	switch o := p.Origin; {
	case o.Flag != "":
		b.WriteString(o.Flag + ": ")
	case o.Env != "":
		b.WriteString(o.Env + ": ")
	case o.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", o.File, o.Line, o.Column)
	case o.File != "":
		b.WriteString(o.File + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Problems returns every Problem within err, in the order found.
func Problems(err error) []*Problem {
	var all []*Problem
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case nil:
		case *Problem:
			all = append(all, e)
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	return all
}

// joined returns nil for no problems, else all as one error.
func joined(problems []*Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// quoted shows a value within a message: on one line, without terminal escapes, and
// not the whole of a long one.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
