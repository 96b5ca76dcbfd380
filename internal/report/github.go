package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// GitHub writes the report as workflow commands, which GitHub Actions shows beside the
// lines of a change: an error for what fails the run, a warning for what lies below the
// threshold, a notice for notes and for what the baseline knows, and one notice for all
// practices that are not proven. The worst comes first, since ten of a kind are shown
// for a step. The last line is no command and counts the practices.
//
// Every line begins with a command of its own, and what is in it is escaped, so that no
// text of a target begins another.
//
// Source: docs.github.com, "Workflow commands for GitHub Actions".
func GitHub(w io.Writer, r *audit.Report, threshold check.Severity) error {
	r = clean(r)
	out := bufio.NewWriter(w)
	order := make([]*check.Finding, len(r.Findings))
	for i := range r.Findings {
		order[i] = &r.Findings[i]
	}
	rank := func(f *check.Finding) int { return slices.Index(kinds[:], kindOf(f, threshold)) }
	slices.SortStableFunc(order, func(a, b *check.Finding) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(b.Severity, a.Severity)) })
	for _, f := range order {
		title := f.ID + " (" + f.Severity.String() + ")"
		text := f.Message
		if f.Known {
			text += " (known by the baseline)"
		}
		// Markup is not read here, so the fix is told in words.
		if f.Fix.Express != "" && f.Severity > check.Info {
			text += "\nfix: " + line(f.Fix.Express)
		}
		var file, number string
		if e, ok := sourceLine(f); ok {
			file, number = sourcePath(r, e.File), strconv.Itoa(e.Line)
		} else {
			text += "\nat " + line(f.Target)
		}
		command(out, kindOf(f, threshold), file, number, title, text)
	}
	count := tally(r)
	var open []string
	for _, row := range r.Practices {
		if row.Status == check.Unproven {
			open = append(open, line(row.ID+": "+row.Reason))
		}
	}
	if len(open) > 0 {
		command(out, "notice", "", "", plural(len(open), "practice")+" not proven", strings.Join(open, "\n"))
	}
	fmt.Fprintf(out, "%d proved, %d broken, %d not proven\n", count[check.Proved], count[check.Broken], count[check.Unproven])
	return out.Flush()
}

// kinds are the commands, worst first.
var kinds = [...]string{"error", "warning", "notice"}

func kindOf(f *check.Finding, threshold check.Severity) string {
	switch {
	case fails(f, threshold):
		return "error"
	case f.Known || f.Severity == check.Info:
		return "notice"
	}
	return "warning"
}

// command writes one workflow command. The text may have several lines; every other
// part is one.
func command(w io.Writer, kind, file, number, title, text string) {
	var properties []string
	for _, p := range []struct{ name, value string }{{"file", file}, {"line", number}, {"title", title}} {
		if p.value != "" {
			properties = append(properties, p.name+"="+property.Replace(line(p.value)))
		}
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = data.Replace(line(l))
	}
	fmt.Fprintf(w, "::%s %s::%s\n", kind, strings.Join(properties, ","), strings.Join(lines, "%0A"))
}

var (
	data     = strings.NewReplacer("##[", "## [", "%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("##[", "## [", "%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
