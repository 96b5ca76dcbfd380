package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// fleetLine is the form of one member in JSON.
type fleetLine struct {
	Schema  string          `json:"schema"`
	Line    int             `json:"line"`
	Target  string          `json:"target"`
	Name    string          `json:"name,omitempty"`
	Outcome string          `json:"outcome"`
	Worst   *check.Severity `json:"worst,omitempty"`
	Gaps    []string        `json:"gaps,omitempty"`
	Reused  bool            `json:"reused,omitempty"`
	Report  json.RawMessage `json:"report,omitempty"`
}

var outcomes = map[audit.Outcome]string{audit.Clean: "clean", audit.Found: "findings", audit.Incomplete: "incomplete"}

func lineOf(m *Member, o Options) ([]byte, error) {
	if _, err := m.Encode(); err != nil {
		return nil, err
	}
	l := fleetLine{
		Schema: FleetSchema, Line: m.Line, Target: line(m.Address), Name: line(m.Name), Outcome: outcomes[m.Outcome(o.Threshold)], Reused: m.Reused, Report: m.text,
	}
	for _, g := range m.Gaps() {
		l.Gaps = append(l.Gaps, line(g))
	}
	if worst, ok := worstOf(m); ok {
		l.Worst = &worst
	}
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("report: writing JSON: %w", err)
	}
	return inertJSON(text), nil
}

// worstOf is the severity of the worst finding that is more than a note.
func worstOf(m *Member) (worst check.Severity, ok bool) {
	if m.Report != nil {
		for i := range m.Report.Findings {
			worst = max(worst, m.Report.Findings[i].Severity)
		}
	}
	return worst, worst > check.Info
}

// fleetLines writes one JSON object a line, and the summary as the last.
type fleetLines struct {
	w io.Writer
	o Options
}

func newFleetLines(w io.Writer, o Options) (FleetWriter, error) { return &fleetLines{w, o}, nil }

func (f *fleetLines) Add(m *Member) error {
	text, err := lineOf(m, f.o)
	if err == nil {
		_, err = f.w.Write(append(text, '\n'))
	}
	return err
}

func (f *fleetLines) Close(s Summary) error {
	text, err := json.Marshal(struct {
		Schema  string  `json:"schema"`
		Summary Summary `json:"summary"`
	}{FleetSchema, s})
	if err == nil {
		_, err = f.w.Write(append(inertJSON(text), '\n'))
	}
	return err
}

// fleetJSON writes one JSON object that holds the same lines.
type fleetJSON struct {
	w    io.Writer
	o    Options
	some bool
}

func newFleetJSON(w io.Writer, o Options) (FleetWriter, error) {
	_, err := fmt.Fprintf(w, "{\"schema\":%q,\n\"targets\":[", FleetSchema)
	return &fleetJSON{w: w, o: o}, err
}

func (f *fleetJSON) Add(m *Member) error {
	text, err := lineOf(m, f.o)
	if err != nil {
		return err
	}
	_, err = f.w.Write(append([]byte(separator(&f.some)), text...))
	return err
}

// separator begins the next element of a list.
func separator(some *bool) string {
	if !*some {
		*some = true
		return "\n"
	}
	return ",\n"
}

func (f *fleetJSON) Close(s Summary) error {
	text, err := json.Marshal(s)
	if err == nil {
		_, err = fmt.Fprintf(f.w, "\n],\n\"summary\":%s}\n", inertJSON(text))
	}
	return err
}
