package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// Style says how Text writes.
type Style struct {
	// Width is the number of columns; 0 means DefaultWidth, less than MinWidth means
	// MinWidth.
	Width int
	// Color adds ANSI colours.
	Color bool
	// Brief leaves out the findings below the table.
	Brief bool
}

// The widths of Text.
const (
	DefaultWidth = 100
	MinWidth     = 60
)

// Text writes the report for people. Where only some practices were asked for, the others
// have no row: a line below the table says that nobody looked.
func Text(w io.Writer, r *audit.Report, style Style, only ...string) error {
	if style.Width == 0 {
		style.Width = DefaultWidth
	}
	style.Width = max(style.Width, MinWidth)
	out := &printer{style: style, only: only}
	out.targets(r)
	out.table(r)
	out.summary(r)
	out.scans(r)
	if !style.Brief {
		out.findings(r)
		out.ignored(r)
	}
	file := bufio.NewWriter(w)
	for l := range strings.Lines(out.text.String()) {
		file.WriteString(inert(l))
	}
	return file.Flush()
}

type printer struct {
	text  strings.Builder
	style Style
	only  []string
}

// asked tells whether a practice was asked for.
func (p *printer) asked(id string) bool { return len(p.only) == 0 || slices.Contains(p.only, id) }

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (p *printer) paint(color, text string) string {
	if !p.style.Color || color == "" {
		return text
	}
	return color + text + reset
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(&p.text, format, args...) }

func (p *printer) targets(r *audit.Report) {
	// A target of which nothing was asked over HTTP did not fail to answer.
	asked := slices.ContainsFunc(r.Practices, func(row audit.Practice) bool { return len(row.Checks) > 0 && row.Status == check.Unproven })
	requests := 0
	for _, t := range r.Targets {
		requests += t.Requests
		name := t.URL
		if name == "" {
			name = t.Folder
		} else if t.Folder != "" {
			name += " and " + t.Folder
		}
		if t.Upstream != "" {
			name += "  (the app behind it: " + t.Upstream + ")"
		}
		if t.URL != "" && !t.Answered && asked {
			name += "  no answer"
		}
		p.printf("%s\n", p.paint(bold, line(name)))
		if said := looked(t); said != "" {
			p.paragraph(said)
		}
		if said := leftAlone(t); said != "" {
			p.paragraph(said)
		}
	}
	p.printf("%d requests in %s\n\n", requests, r.Duration.Round(10*time.Millisecond))
}

// column widths; what was seen takes the rest.
const (
	practiceWidth = 18
	statusWidth   = 10
	severityWidth = 8
	layerWidth    = 8
	gap           = "  "
)

func (p *printer) table(r *audit.Report) {
	const before = practiceWidth + statusWidth + severityWidth + layerWidth + 4*len(gap)
	rest := p.style.Width - before
	first, under := gap, "\n"+strings.Repeat(" ", before)
	title := gap + "WHAT WAS SEEN"
	if rest < 30 {
		// On a narrow terminal the text goes below its row.
		rest, under, title = p.style.Width-4, "\n    ", ""
		first = under
	}
	p.printf("%s\n", p.paint(dim, pad("PRACTICE", practiceWidth)+gap+pad("STATUS", statusWidth)+gap+
		pad("SEVERITY", severityWidth)+gap+strings.TrimRight(pad("LAYER", layerWidth)+title, " ")))
	for _, row := range r.Practices {
		if !p.asked(row.ID) {
			continue
		}
		severity, layer := row.Severity.String(), string(row.Layer)
		if row.Status != check.Broken {
			severity = "-"
		}
		if layer == "" {
			layer = "-"
		}
		head := pad(line(row.ID), practiceWidth) + gap + p.paint(colorOf(row.Status), pad(string(row.Status), statusWidth)) + gap +
			pad(severity, severityWidth) + gap + pad(layer, layerWidth)
		if first != gap {
			head = strings.TrimRight(head, " ")
		}
		p.printf("%s", head)
		said := wrap(seen(r, row), rest)
		if row.Status == check.Broken {
			said = append(said, wrap("fix: "+fixOf(r, row), rest)...)
		}
		for i, text := range said {
			lead := first
			if i > 0 {
				lead = under
			}
			p.printf("%s", lead+text)
		}
		p.printf("\n")
	}
}

func colorOf(s check.Status) string {
	switch s {
	case check.Proved:
		return green
	case check.Broken:
		return red
	}
	return yellow
}

// seen is the row's one line: the worst finding and how many more there are.
func seen(r *audit.Report, row audit.Practice) string {
	findings, notes := weigh(r, row)
	text := line(row.Reason)
	if row.Status == check.Broken && findings > 1 {
		text += fmt.Sprintf(", and %d more", findings-1)
	}
	if row.Status != check.Broken && notes > 0 {
		text += fmt.Sprintf(", %s", plural(notes, "note"))
	}
	return text
}

// weigh counts what was found of a practice: findings that break it, and notes.
func weigh(r *audit.Report, row audit.Practice) (findings, notes int) {
	for _, f := range r.Findings {
		switch {
		case f.Practice != row.ID:
		case f.Severity == check.Info:
			notes++
		default:
			findings++
		}
	}
	return findings, notes
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fixOf is the mend of the row's worst finding: in the app, and at the door where the
// door can and is not what broke it.
func fixOf(r *audit.Report, row audit.Practice) string {
	for _, f := range r.Findings {
		if f.Practice != row.ID {
			continue
		}
		if row.Door == "yes" && row.Layer != check.Door {
			return line(f.Fix.Express) + ", or at the door: " + line(f.Fix.Door)
		}
		return line(f.Fix.Express)
	}
	return "panoply explain " + line(row.ID)
}

func (p *printer) findings(r *audit.Report) {
	for i, f := range r.Findings {
		if i == 0 {
			p.printf("\n%s\n", p.paint(bold, "FINDINGS"))
		}
		color := red
		if f.Severity == check.Info {
			color = dim
		}
		head, said := line(f.ID)+gap+f.Severity.String(), gap+line(f.Message)
		if f.Known {
			head += ", known"
		}
		if utf8.RuneCountInString(head+said) > p.style.Width {
			said = "\n  " + strings.Join(wrap(said, p.style.Width-2), "\n  ")
		}
		p.printf("\n%s%s%s\n", p.paint(color, line(f.ID)), strings.TrimPrefix(head, line(f.ID)), said)
		if f.Severity == check.Info {
			continue
		}
		if f.Confidence != check.Certain {
			p.field("sure", string(f.Confidence))
		}
		for _, e := range f.Evidence {
			if e.Sent != "" {
				p.field("sent", e.Where+"\n"+e.Sent)
				p.field("seen", e.Seen)
				continue
			}
			p.field("seen", e.Where+"\n"+e.Seen)
		}
		p.field("again", f.Reproduce)
		if lines := f.Fixes[f.Server]; lines != "" {
			p.field(f.Server, lines)
		} else {
			for _, fix := range inApp(f.Fix) {
				p.field(strings.ToLower(fix.Name), fix.Text)
			}
		}
		p.field("door", f.Fix.Door)
		if f.CWE != 0 {
			p.field("cwe", fmt.Sprintf("CWE-%d", f.CWE))
		}
		p.field("asvs", strings.Join(f.ASVS, ", "))
	}
	if i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return len(f.Fixes) > 0 && f.Severity > check.Info }); i >= 0 {
		p.printf("\n")
		p.paragraph("All lines and commands at once, for one server program: panoply audit --only tls --fix-for NAME, which is " + line(strings.Join(slices.Sorted(maps.Keys(r.Findings[i].Fixes)), ", ")))
	}
}

// field writes a labelled text. Commands and code are not wrapped: they are there to be
// copied.
func (p *printer) field(label, text string) {
	text = redact.Printable(strings.TrimSpace(text))
	if text == "" {
		return
	}
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	const most = 12
	if len(lines) > most {
		lines = append(lines[:most], "…")
	}
	for i, l := range lines {
		if i > 0 {
			label = ""
		}
		p.printf("%s\n", strings.TrimRight("  "+p.paint(dim, pad(label, 8))+" "+strings.TrimRight(l, " "), " "))
	}
}
