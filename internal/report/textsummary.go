package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// summary is what stands below the table: the counts, who provides what is proved,
// other people's grades, and what changed.
func (p *printer) summary(r *audit.Report) {
	var looked, others []string
	for _, row := range r.Practices {
		if p.asked(row.ID) {
			looked = append(looked, row.ID)
		} else {
			others = append(others, row.ID)
		}
	}
	count := tally(r, looked...)
	p.printf("\n%s, %s, %s\n", p.paint(green, fmt.Sprintf("%d proved", count[check.Proved])),
		p.paint(red, fmt.Sprintf("%d broken", count[check.Broken])), p.paint(yellow, fmt.Sprintf("%d not proven", count[check.Unproven])))
	if len(others) > 0 {
		p.paragraph("not asked for, and so not proven: " + line(strings.Join(others, ", ")))
	}
	if said := providedByDoor(r); said != "" {
		p.paragraph(said)
	}
	for _, row := range r.Practices {
		for _, g := range row.Grades {
			p.paragraph(graded(g))
		}
	}
	if said := changed(r); said != "" {
		p.paragraph(said)
	}
	if n := len(r.Ignored); n > 0 {
		p.paragraph(plural(n, "finding") + " ignored")
	}
}

// paragraph writes wrapped text.
func (p *printer) paragraph(text string) {
	for _, l := range wrap(text, p.style.Width) {
		p.printf("%s\n", l)
	}
}

// ignored lists what was left out, by whose word and why.
func (p *printer) ignored(r *audit.Report) {
	if len(r.Ignored) == 0 {
		return
	}
	p.printf("\n%s\n", p.paint(bold, "IGNORED"))
	for _, i := range r.Ignored {
		p.printf("\n%s%s%s\n", p.paint(dim, line(i.Finding.ID)), gap+i.Finding.Severity.String()+gap, line(i.Finding.Message))
		p.field("by", line(i.By)+" until "+line(i.Until))
		p.field("reason", i.Reason)
	}
}

// tally counts practices by their status: those with these ids, or all.
func tally(r *audit.Report, ids ...string) map[check.Status]int {
	count := make(map[check.Status]int)
	for _, row := range r.Practices {
		if len(ids) == 0 || slices.Contains(ids, row.ID) {
			count[row.Status]++
		}
	}
	return count
}

// looked says what the crawl of a target saw; empty when there was none.
func looked(t audit.Target) string {
	all := 0
	var parts []string
	for _, c := range t.Pages {
		all += c.Count
		name := line(c.Name)
		if c.Count != 1 && name != string(check.API) && name != string(check.Other) {
			name += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", c.Count, name))
	}
	if len(parts) == 0 {
		return ""
	}
	said := "looked at " + plural(all, "answer") + ": " + strings.Join(parts, ", ")
	if t.LoggedIn {
		return said + "; logged in"
	}
	return said + "; as a visitor only"
}

// leftAlone says what the crawl of a target did not ask for.
func leftAlone(t audit.Target) string {
	var parts []string
	for _, c := range t.Skipped {
		parts = append(parts, fmt.Sprintf("%d (%s)", c.Count, line(c.Name)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "left alone: " + strings.Join(parts, ", ")
}

// providedByDoor names the proved practices that the app does not hold by itself.
func providedByDoor(r *audit.Report) string {
	var ids []string
	for _, row := range r.Practices {
		if row.Status == check.Proved && row.Layer == check.Door {
			ids = append(ids, line(row.ID))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return "the door provides " + strings.Join(ids, ", ") + ", not your code"
}

// graded is a grade in one line, with the tests that took points.
func graded(g check.Grade) string {
	said := fmt.Sprintf("%s: %s, score %d, for %s", line(g.Scale), line(g.Grade), g.Score, line(g.Of))
	var lost []string
	for _, l := range g.Lines {
		if l.Modifier < 0 {
			lost = append(lost, fmt.Sprintf("%s %d", line(l.Test), l.Modifier))
		}
	}
	if len(lost) > 0 {
		said += " (" + strings.Join(lost, ", ") + ")"
	}
	return said
}

// changed says what differs from the baseline; empty without one.
func changed(r *audit.Report) string {
	if r.Baseline == nil {
		return ""
	}
	return fmt.Sprintf("since the baseline: %d new, %d known, %d gone", r.Baseline.New, r.Baseline.Known, len(r.Baseline.Gone))
}
