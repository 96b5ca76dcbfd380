package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// Options say how a report is written. The zero value is ready to use.
type Options struct {
	// Style is that of the format text, and Only the practices that it has rows of: none
	// means all.
	Style Style
	Only  []string
	// Checks are those that ran. SARIF describes their rules; without them it knows of
	// a rule what its findings say.
	Checks []check.Check
	// Version is the program's, such as "1.2.0" or what git describe says; empty means
	// not known.
	Version string
	// Threshold is the severity from which a finding fails the run: a failure in JUnit,
	// an error on GitHub. [check.Info] counts as [check.Low], since a note fails nothing.
	Threshold check.Severity
}

// A form is one format.
type form struct {
	name  string
	write func(io.Writer, *audit.Report, Options) error
}

func forms() []form {
	return []form{
		{"text", func(w io.Writer, r *audit.Report, o Options) error { return Text(w, r, o.Style, o.Only...) }},
		{"json", func(w io.Writer, r *audit.Report, _ Options) error { return JSON(w, r) }},
		{"sarif", func(w io.Writer, r *audit.Report, o Options) error { return SARIF(w, r, o.Checks, o.Version) }},
		{"junit", func(w io.Writer, r *audit.Report, o Options) error { return JUnit(w, r, o.Threshold) }},
		{"html", func(w io.Writer, r *audit.Report, o Options) error { return HTML(w, r, o.Version) }},
		{"github", func(w io.Writer, r *audit.Report, o Options) error { return GitHub(w, r, o.Threshold) }},
	}
}

// Formats returns the names that [Write] knows.
func Formats() []string {
	var names []string
	for _, f := range forms() {
		names = append(names, f.name)
	}
	return names
}

// Write writes the report in the format of that name. An error is the writer's, or says
// that there is no such format and which there are.
func Write(w io.Writer, format string, r *audit.Report, o Options) error {
	for _, f := range forms() {
		if f.name == format {
			return f.write(w, r, o)
		}
	}
	return fmt.Errorf("report: no format %q: choose one of %s", format, strings.Join(Formats(), ", "))
}

// fails says whether a finding fails a run with this threshold: what the baseline knows
// does not.
func fails(f *check.Finding, threshold check.Severity) bool {
	return !f.Known && f.Severity >= max(threshold, check.Low)
}
