package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// Options say how a report is written.
type Options struct {
	// Style is that of the format text.
	Style Style
	// Checks are those that ran; formats that describe rules take them from here.
	Checks []check.Check
	// Version is the program's.
	Version string
	// Threshold is the severity from which a finding fails the run.
	Threshold check.Severity
}

// Formats returns the names that Write knows.
func Formats() []string { return []string{"text", "json"} }

// Write writes the report in the format of that name.
func Write(w io.Writer, format string, r *audit.Report, o Options) error {
	switch format {
	case "text":
		return Text(w, r, o.Style)
	case "json":
		return JSON(w, r)
	}
	return fmt.Errorf("report: no format %q: %s", format, strings.Join(Formats(), ", "))
}

// HAR writes the exchanges.
func HAR(io.Writer, []*check.Exchange, string) error { return nil }
