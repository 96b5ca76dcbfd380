package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
)

// A pageGroup is a practice with its findings.
type pageGroup struct {
	ID, Title, Class, Status, Why, Says, DoorCan string
	Findings                                     []pageFinding
}

type pageFinding struct {
	ID, Message, Severity, State string
	// About are the confidence, the layer and the target.
	About      []string
	References []pageReference
	Evidence   []check.Evidence
	Reproduce  string
	Fixes      []pageFix
}

// A pageReference has a link when its number gives one: never from a target's text.
type pageReference struct{ Name, Link string }

type pageFix struct{ Name, Text string }

// groups are the practices that have findings, in the page's order.
func groups(r *audit.Report) []pageGroup {
	var all []pageGroup
	for _, row := range r.Practices {
		known, _ := practice.ByID(row.ID)
		g := pageGroup{
			ID: line(row.ID), Title: line(row.Title), Class: class(row.Status), Status: status(row.Status), Why: known.Why,
			Says: layerSays(row),
		}
		if row.Status != check.Proved {
			g.DoorCan = doorCan(row.Door, known.DoorNote)
		}
		for i := range r.Findings {
			if r.Findings[i].Practice == row.ID {
				g.Findings = append(g.Findings, newFinding(r, &r.Findings[i]))
			}
		}
		if len(g.Findings) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// doorCan says what the door can do without a change in the app.
func doorCan(door, note string) string {
	switch {
	case door == string(practice.Yes) && note == "":
		return "The door can hold it without a change in the app."
	case door == string(practice.Yes):
		return "The door can hold it: " + sentence(note)
	case door == string(practice.Partly):
		return "The door shields some of it: " + sentence(cmp.Or(note, "the rest is the app's"))
	case door == string(practice.Cannot):
		return "The door cannot hold it: " + sentence(cmp.Or(note, "only the app can"))
	}
	return ""
}

func newFinding(r *audit.Report, f *check.Finding) pageFinding {
	p := pageFinding{
		ID: line(f.ID), Message: line(f.Message), Severity: min(f.Severity, check.Critical).String(), Reproduce: line(f.Reproduce),
		About: []string{"confidence: " + string(cmp.Or(f.Confidence, check.Certain))},
	}
	switch {
	case f.Known:
		p.State = "known"
	case r.Baseline != nil && f.Severity > check.Info:
		p.State = "new"
	}
	if f.Layer != "" {
		p.About = append(p.About, "in the "+string(f.Layer))
	}
	if len(r.Targets) > 1 {
		p.About = append(p.About, line(f.Target))
	}
	if f.CWE > 0 {
		p.References = append(p.References, pageReference{fmt.Sprintf("CWE-%d", f.CWE), fmt.Sprintf("https://cwe.mitre.org/data/definitions/%d.html", f.CWE)})
	}
	if len(f.ASVS) > 0 {
		p.References = append(p.References, pageReference{Name: "ASVS 5.0: " + line(strings.Join(f.ASVS, ", "))})
	}
	for _, e := range f.Evidence {
		if isLine(e) {
			e.Where = fmt.Sprintf("%s:%d", sourcePath(r, e.File), e.Line)
		}
		p.Evidence = append(p.Evidence, e)
	}
	if f.Severity == check.Info {
		return p // a note needs no mend
	}
	fixes := append([]pageFix{{line(f.Server), f.Fixes[f.Server]}}, inApp(f.Fix)...)
	for _, fix := range append(fixes, pageFix{"At the door", f.Fix.Door}) {
		if strings.TrimSpace(fix.Text) != "" {
			p.Fixes = append(p.Fixes, fix)
		}
	}
	return p
}

// inApp are the ways to mend the app, by whom they are for: one, where they are the same.
func inApp(f check.Fix) []pageFix {
	if f.Express == f.Go {
		return []pageFix{{"the app", f.Express}}
	}
	return []pageFix{{"Express", f.Express}, {"Go", f.Go}}
}
