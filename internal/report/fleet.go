package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// FleetSchema names the version of the form of a fleet's report, as [audit.Schema] does
// for one.
const FleetSchema = "panoply.fleet/1"

// A Member is what became of one target of a fleet.
type Member struct {
	// Line is its line in the list; Address and Name are what stands there.
	Line          int
	Address, Name string
	// Report is nil when there is none; then Problem says why.
	Report  *audit.Report
	Problem string
	// Reused says that an earlier run made the report, at At.
	Reused bool
	At     time.Time

	text []byte
}

// Encode makes the member's JSON, so that writers share it, and returns its size.
func (m *Member) Encode() (int, error) {
	if m.Report == nil || m.text != nil {
		return len(m.text), nil
	}
	var err error
	m.text, err = Compact(m.Report)
	return len(m.text), err
}

// Text is the report as [Compact] writes it, after Encode.
func (m *Member) Text() []byte { return m.text }

// Outcome is that of the report, and Incomplete without one.
func (m *Member) Outcome(threshold check.Severity) audit.Outcome {
	if m.Report == nil {
		return audit.Incomplete
	}
	return m.Report.Outcome(threshold)
}

// Gaps are why the member's answer may lack something, at most eight.
func (m *Member) Gaps() []string {
	if m.Report == nil {
		return []string{m.Problem}
	}
	var gaps []string
	for _, row := range m.Report.Practices {
		for _, scan := range row.Scans {
			var s struct {
				Incomplete []string `json:"incomplete"`
			}
			if json.Unmarshal(scan, &s) == nil {
				gaps = append(gaps, s.Incomplete...)
			}
		}
	}
	if len(gaps) == 0 && m.Report.Outcome(check.Critical+1) == audit.Incomplete {
		for _, row := range m.Report.Practices {
			if len(row.Checks) > 0 && row.Status == check.Unproven {
				gaps = append(gaps, row.ID+": "+row.Reason)
			}
		}
		if len(gaps) == 0 {
			gaps = []string{"no check told anything"}
		}
	}
	return gaps[:min(len(gaps), 8)]
}

// name is what people call the member.
func (m *Member) name() string {
	if m.Name == "" {
		return line(m.Address)
	}
	return line(m.Address + " " + m.Name)
}

// A Summary counts a fleet.
type Summary struct {
	// Targets is how many the list has, Done how many were told of.
	Targets int `json:"targets"`
	Done    int `json:"done"`
	// Clean, Findings and Incomplete add up to Done: what has findings is counted there
	// alone, and in Partial as well when it may have more.
	Clean      int `json:"clean"`
	Findings   int `json:"findings"`
	Incomplete int `json:"incomplete"`
	Partial    int `json:"partial"`
	// Reused are answers of an earlier run, and Oldest is the time of the first of them.
	Reused int        `json:"reused"`
	Oldest *time.Time `json:"oldest,omitempty"`
	// Stopped says that the run ended before its last target.
	Stopped bool `json:"stopped,omitempty"`
	// Worst are the rules that most targets break, the most severe first.
	Worst    []Broken `json:"worst"`
	Duration int64    `json:"duration_ms"`
}

// A Broken is a rule with the targets that break it.
type Broken struct {
	ID string `json:"id"`
	// Subject is there for rules that stand for several faults.
	Subject  string         `json:"subject,omitempty"`
	Severity check.Severity `json:"severity"`
	Targets  int            `json:"targets"`
	// First are some of them, in the order of the list.
	First []string `json:"first"`
}

// The bounds of a summary.
const (
	maxRules = 1000 // what is beyond is not grouped, only counted by target
	maxFirst = 3
)

// A Tally makes the summary of members as they come. It keeps no member.
type Tally struct {
	threshold check.Severity
	sum       Summary
	rules     map[[2]string]*Broken
	start     time.Time
}

// NewTally begins a tally of so many targets.
func NewTally(targets int, threshold check.Severity) *Tally {
	return &Tally{threshold: threshold, sum: Summary{Targets: targets}, rules: make(map[[2]string]*Broken), start: time.Now()}
}

// Add counts a member.
func (t *Tally) Add(m *Member) {
	t.sum.Done++
	switch m.Outcome(t.threshold) {
	case audit.Clean:
		t.sum.Clean++
	case audit.Found:
		t.sum.Findings++
		if len(m.Gaps()) > 0 {
			t.sum.Partial++
		}
	default:
		t.sum.Incomplete++
	}
	if m.Reused {
		t.sum.Reused++
		if at := m.At.UTC().Truncate(time.Second); t.sum.Oldest == nil || at.Before(*t.sum.Oldest) {
			t.sum.Oldest = &at
		}
	}
	if m.Report == nil {
		return
	}
	counted := make(map[*Broken]bool)
	for i := range m.Report.Findings {
		f := &m.Report.Findings[i]
		if !fails(f, t.threshold) {
			continue
		}
		key := [2]string{f.ID, ""}
		if f.ID == scanFault {
			key[1] = f.Subject
		}
		b := t.rules[key]
		if b == nil {
			if len(t.rules) >= maxRules {
				continue
			}
			b = &Broken{ID: line(f.ID), Subject: line(key[1]), First: []string{}}
			t.rules[key] = b
		}
		b.Severity = max(b.Severity, f.Severity)
		if counted[b] {
			continue
		}
		counted[b] = true
		if b.Targets++; len(b.First) < maxFirst {
			b.First = append(b.First, m.name())
		}
	}
}

// scanFault is the rule that stands for all that a scan of TLS finds, by subject.
const scanFault = "tls/scan-fault"

// Summary is what was counted so far.
func (t *Tally) Summary() Summary {
	s := t.sum
	s.Stopped = s.Done < s.Targets
	s.Duration = time.Since(t.start).Milliseconds()
	s.Worst = []Broken{}
	for _, b := range slices.SortedFunc(maps.Values(t.rules), func(a, b *Broken) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Targets, a.Targets), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Subject, b.Subject))
	}) {
		s.Worst = append(s.Worst, *b)
	}
	return s
}

// Outcome is that of the fleet: as of one report, findings come before gaps.
func (s Summary) Outcome() audit.Outcome {
	switch {
	case s.Findings > 0:
		return audit.Found
	case s.Incomplete > 0 || s.Stopped:
		return audit.Incomplete
	}
	return audit.Clean
}

// A FleetWriter writes the members of a fleet as they come, and keeps none.
type FleetWriter interface {
	Add(*Member) error
	// Close writes the end. The writer below is not closed.
	Close(Summary) error
}

// fleetForms are the formats of a fleet; the others are of one report.
var fleetForms = map[string]func(io.Writer, Options) (FleetWriter, error){
	"text": newFleetText, "json": newFleetJSON, "jsonl": newFleetLines, "sarif": newFleetSARIF, "junit": newFleetJUnit,
}

// FleetFormats returns the names that [NewFleet] knows.
func FleetFormats() []string { return []string{"text", "json", "jsonl", "sarif", "junit"} }

// NewFleet begins the report of a fleet in the format of that name.
func NewFleet(w io.Writer, format string, o Options) (FleetWriter, error) {
	begin, ok := fleetForms[format]
	if !ok {
		return nil, fmt.Errorf("report: no format %q for many targets: choose one of %s", format, strings.Join(FleetFormats(), ", "))
	}
	return begin(w, o)
}
