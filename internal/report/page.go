package report

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// A page is what the template shows, in words and numbers that need no more thought.
type page struct {
	Title, Version, Verdict, Duration string
	Requests, Answers, As             string
	Counts                            []pageCount
	Strip                             pageStrip
	// Before is the strip of the baseline; nil without one.
	Before     *pageStrip
	Severities []pageBar
	Baseline   *audit.Comparison
	Door       string
	Rows       []pageRow
	Groups     []pageGroup
	Grades     []check.Grade
	Scans      []scanned
	Ignored    []audit.Ignored
	Targets    []pageTarget
	Sent       []audit.Sent
	// SentTotal and SentActive count the requests in Sent.
	SentTotal  string
	SentActive int
}

type pageCount struct {
	Name, Class string
	N           int
}

type pageRow struct {
	ID, Title, Class, Status, Severity, Layer string
	// Reason, More and Says are what was seen, what else, and who provides it.
	Reason, More, Says string
	// Linked says that there is a group of findings.
	Linked bool
	Before *pageStatus
}

type pageStatus struct{ Class, Status string }

type pageTarget struct {
	Name, About, Skipped string
	Silent               bool
	Pages                []pageBar
}

func newPage(r *audit.Report, version string) page {
	p := page{
		Title: title(r), Version: version, Verdict: verdict(r), Duration: r.Duration.Round(10 * time.Millisecond).String(),
		Strip: strip("Now", r.Practices), Severities: severities(r), Baseline: r.Baseline, Door: door(r),
		Ignored: r.Ignored, Sent: r.Sent, Scans: scansOf(r),
	}
	count := tally(r)
	for _, s := range []check.Status{check.Proved, check.Broken, check.Unproven} {
		p.Counts = append(p.Counts, pageCount{string(s), class(s), count[s]})
	}
	before := make(map[string]check.Status)
	if r.Baseline != nil {
		rows := slices.Clone(r.Practices)
		for _, b := range r.Baseline.Before {
			before[b.ID] = b.Status
		}
		for i := range rows {
			rows[i].Status = before[rows[i].ID]
		}
		s := strip("Before", rows)
		p.Before = &s
	}
	p.Groups = groups(r)
	for _, row := range r.Practices {
		p.Rows = append(p.Rows, newRow(r, row, before))
		p.Grades = append(p.Grades, row.Grades...)
	}
	requests, answers, user := 0, 0, false
	for _, t := range r.Targets {
		requests += t.Requests
		user = user || t.LoggedIn
		for _, c := range t.Pages {
			answers += c.Count
		}
		p.Targets = append(p.Targets, newTarget(t))
	}
	p.Requests, p.Answers, p.As = fmt.Sprint(requests), fmt.Sprint(answers), "visitor"
	if user {
		p.As = "visitor and user"
	}
	total := 0
	for _, s := range r.Sent {
		total += s.Times
		if s.Active {
			p.SentActive += s.Times
		}
	}
	p.SentTotal = plural(total, "request")
	return p
}

// title names the targets: by their host, or by their folder.
func title(r *audit.Report) string {
	var names []string
	for _, t := range r.Targets {
		name := t.Folder
		if u, err := url.Parse(t.URL); t.URL != "" {
			name = t.URL
			if err == nil && u.Host != "" {
				name = strings.TrimSuffix(u.Host+u.Path, "/")
			}
		}
		if name != "" {
			names = append(names, line(name))
		}
	}
	return cmp.Or(strings.Join(names, ", "), "nothing")
}

func verdict(r *audit.Report) string {
	count := tally(r)
	switch broken, open := count[check.Broken], count[check.Unproven]; {
	case broken > 0:
		worst := check.Info
		for _, f := range r.Findings {
			worst = max(worst, f.Severity)
		}
		for _, row := range r.Practices {
			if row.Status == check.Broken {
				worst = max(worst, row.Severity)
			}
		}
		return fmt.Sprintf("%d of %s %s broken; the worst finding is %s.", broken, plural(len(r.Practices), "practice"), are(broken), worst)
	case open > 0:
		return fmt.Sprintf("No practice is broken; %d of %d %s not proven.", open, len(r.Practices), are(open))
	}
	return fmt.Sprintf("All %s are proved.", plural(len(r.Practices), "practice"))
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// door says what the door provides.
func door(r *audit.Report) string {
	said := providedByDoor(r)
	if said == "" {
		return ""
	}
	return strings.ToUpper(said[:1]) + said[1:] + "."
}

// class is the status as a name of the style sheet; a status that is none of the three
// counts as not proven.
func class(s check.Status) string {
	switch s {
	case check.Proved, check.Broken:
		return string(s)
	}
	return "unproven"
}

// status is the status in words.
func status(s check.Status) string {
	if class(s) == "unproven" {
		return string(check.Unproven)
	}
	return string(s)
}

func newRow(r *audit.Report, row audit.Practice, before map[string]check.Status) pageRow {
	p := pageRow{
		ID: line(row.ID), Title: line(row.Title), Class: class(row.Status), Status: status(row.Status), Layer: string(row.Layer),
		Reason: line(row.Reason), Says: layerSays(row),
		Linked: slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.Practice == row.ID }),
	}
	if row.Status == check.Broken {
		p.Severity = row.Severity.String()
	}
	findings, notes := weigh(r, row)
	switch {
	case row.Status == check.Broken && findings > 1:
		p.More = fmt.Sprintf("And %d more.", findings-1)
	case row.Status != check.Broken && notes > 0:
		p.More = plural(notes, "note") + "."
	}
	if p.Reason != "" {
		p.Reason = sentence(p.Reason)
	}
	if was, ok := before[row.ID]; ok {
		p.Before = &pageStatus{class(was), status(was)}
	}
	return p
}

// sentence ends with a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// layerSays is who provides a proved practice, or where a broken one is broken.
func layerSays(row audit.Practice) string {
	switch {
	case row.Status == check.Proved && row.Layer == check.Door:
		return "The door provides it, not your code."
	case row.Status == check.Proved && row.Layer == check.Code:
		return "Your code provides it."
	case row.Status == check.Broken && row.Layer == check.Door:
		return "What stands in front of the app breaks it, not your code."
	}
	return ""
}

func newTarget(t audit.Target) pageTarget {
	p := pageTarget{Name: line(cmp.Or(t.URL, t.Folder)), Silent: t.URL != "" && !t.Answered, Skipped: leftAlone(t)}
	var about []string
	if t.URL != "" && t.Folder != "" {
		about = append(about, "source in "+line(t.Folder))
	}
	if t.Upstream != "" {
		about = append(about, "the app behind it: "+line(t.Upstream))
	}
	about = append(about, plural(t.Requests, "request"))
	switch {
	case t.LoggedIn:
		about = append(about, "looked at as a visitor and logged in")
	case len(t.Pages) > 0:
		about = append(about, "looked at as a visitor only")
	}
	p.About = strings.Join(about, "; ")
	most := 0
	for _, c := range t.Pages {
		most = max(most, c.Count)
	}
	for _, c := range t.Pages {
		p.Pages = append(p.Pages, pageBar{Name: line(c.Name), N: c.Count, Width: share(c.Count, most)})
	}
	return p
}
