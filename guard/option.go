package guard

import (
	"errors"
	"fmt"
	"strings"
)

// An OptionError names one wrong field of a guard's Options: which, what was given,
// and what is allowed. New returns all of them at once, joined; find them one by
// one with [OptionErrors].
type OptionError struct {
	// Package is the package whose Options are wrong, such as "headers".
	Package string
	// Field is the path of the field as the user wrote it, such as
	// "ReferrerPolicy[1]".
	Field string
	// Value is what was given, as text. Secrets are given as their length.
	Value string
	// Allowed says what may stand there.
	Allowed string
	// Hint is the mend, when there is a likely one ("did you mean …"). It may be
	// empty.
	Hint string
	// Err is the cause, when another package reported one.
	Err error
}

// Error reads "headers: ReferrerPolicy is "x": must be one of …; hint".
func (e *OptionError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Package, e.Field)
	if e.Value != "" {
		fmt.Fprintf(&b, " is %q", e.Value)
	}
	if e.Allowed != "" {
		b.WriteString(": must be " + e.Allowed)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *OptionError) Unwrap() error { return e.Err }

// Problems collects the problems of one New, so that all are reported at once. The
// zero value is ready to use.
type Problems struct {
	// Package is put into each error that Add makes.
	Package string

	errs []error
}

// Add notes one wrong field.
func (p *Problems) Add(field, value, allowed, hint string) {
	p.errs = append(p.errs, &OptionError{Package: p.Package, Field: field, Value: value, Allowed: allowed, Hint: hint})
}

// Note adds an error that another package made; nil is ignored.
func (p *Problems) Note(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// Err returns nil when nothing was noted, else all problems joined.
func (p *Problems) Err() error { return errors.Join(p.errs...) }

// OptionErrors returns every OptionError within err, in the order noted.
func OptionErrors(err error) []*OptionError {
	var all []*OptionError
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case nil:
		case *OptionError:
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
