package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// fleetText writes one line a member, and below them what most of them have wrong.
type fleetText struct {
	w io.Writer
	p *printer
	o Options
}

const (
	memberWidth = 40
	// maxWorst is how many rules the text tells; the forms for programs have them all.
	maxWorst = 20
)

func newFleetText(w io.Writer, o Options) (FleetWriter, error) {
	if o.Style.Width == 0 {
		o.Style.Width = DefaultWidth
	}
	f := &fleetText{w, &printer{style: o.Style}, o}
	f.p.printf("%s\n", f.p.paint(dim, pad("OUTCOME", statusWidth)+gap+pad("SEVERITY", severityWidth)+gap+pad("TARGET", memberWidth)+gap+"WHAT WAS SEEN"))
	return f, f.flush()
}

func (f *fleetText) flush() error {
	text := f.p.text.String()
	f.p.text.Reset()
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(inert(l))
	}
	_, err := io.WriteString(f.w, b.String())
	return err
}

func (f *fleetText) Add(m *Member) error {
	outcome, severity := m.Outcome(f.o.Threshold), "-"
	if worst, ok := worstOf(m); ok {
		severity = worst.String()
	}
	color := map[audit.Outcome]string{audit.Clean: green, audit.Found: red}[outcome]
	if color == "" {
		color = yellow
	}
	said := saidOf(m, f.o.Threshold)
	f.p.printf("%s\n", strings.TrimRight(f.p.paint(color, pad(outcomes[outcome], statusWidth))+gap+pad(severity, severityWidth)+gap+pad(m.name(), memberWidth)+gap+said, " "))
	return f.flush()
}

// saidOf is a member in a few words: the worst finding and how many more, what may be
// lacking, and whether it is of an earlier run.
func saidOf(m *Member, threshold check.Severity) string {
	var parts []string
	if m.Report != nil {
		n := 0
		var worst *check.Finding
		for i := range m.Report.Findings {
			if f := &m.Report.Findings[i]; fails(f, threshold) {
				if n++; worst == nil || f.Severity > worst.Severity {
					worst = f
				}
			}
		}
		switch {
		case n == 1:
			parts = append(parts, line(worst.Message))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%s, and %d more", line(worst.Message), n-1))
		}
	}
	if gaps := m.Gaps(); len(gaps) > 0 {
		said := "not whole: " + line(gaps[0])
		if len(gaps) > 1 {
			said += fmt.Sprintf(", and %d more", len(gaps)-1)
		}
		parts = append(parts, said)
	}
	if m.Reused {
		parts = append(parts, "from the journal")
	}
	return strings.Join(parts, "; ")
}

func (f *fleetText) Close(s Summary) error {
	p := f.p
	took := time.Duration(s.Duration) * time.Millisecond
	p.printf("\n%d of %d targets in %s: %s, %s, %s\n", s.Done, s.Targets, took.Round(10*time.Millisecond), p.paint(green, fmt.Sprintf("%d clean", s.Clean)),
		p.paint(red, fmt.Sprintf("%d with findings", s.Findings)), p.paint(yellow, fmt.Sprintf("%d incomplete", s.Incomplete)))
	if s.Partial > 0 {
		p.printf("%d of those with findings may have more\n", s.Partial)
	}
	if s.Reused > 0 {
		p.printf("%d from the journal, the oldest of %s\n", s.Reused, s.Oldest.Format("2006-01-02 15:04:05Z07:00"))
	}
	if s.Stopped {
		p.printf("%s\n", p.paint(yellow, fmt.Sprintf("stopped: %d targets were not looked at", s.Targets-s.Done)))
	}
	if len(s.Worst) > 0 {
		p.printf("\n%s\n", p.paint(bold, "WORST"))
	}
	for i, b := range s.Worst {
		if i == maxWorst {
			p.printf("and %s more\n", plural(len(s.Worst)-maxWorst, "rule"))
			break
		}
		id := b.ID
		if b.Subject != "" {
			id += " " + b.Subject
		}
		first := strings.Join(b.First, ", ")
		if b.Targets > len(b.First) {
			first += ", …"
		}
		p.printf("%s%s%s%s%s: %s\n", pad(b.Severity.String(), severityWidth), gap, pad(id, memberWidth), gap, plural(b.Targets, "target"), first)
	}
	return f.flush()
}
