package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of what [JSON] writes. The caller may
// change the result.
func Schema() []byte { return append([]byte(nil), schema...) }

// document is the form of the JSON report, in the order of its members.
type document struct {
	Schema    string            `json:"schema"`
	Targets   []audit.Target    `json:"targets"`
	Practices []audit.Practice  `json:"practices"`
	Findings  []check.Finding   `json:"findings"`
	Ignored   []audit.Ignored   `json:"ignored"`
	Baseline  *audit.Comparison `json:"baseline,omitempty"`
	Sent      []audit.Sent      `json:"sent,omitempty"`
	Duration  int64             `json:"duration_ms"`
}

// JSON writes the report as one indented JSON object with a line feed. Equal reports
// give equal bytes; two runs over the same answers differ in duration_ms only.
func JSON(w io.Writer, r *audit.Report) error {
	text, err := json.MarshalIndent(documentOf(r), "", "  ")
	if err != nil {
		return fmt.Errorf("report: writing JSON: %w", err)
	}
	_, err = w.Write(append(inertJSON(text), '\n'))
	return err
}

func documentOf(r *audit.Report) document {
	r = clean(r)
	return document{
		r.Schema, r.Targets, r.Practices, r.Findings, append([]audit.Ignored{}, r.Ignored...), r.Baseline, r.Sent, r.Duration.Milliseconds(),
	}
}

// Compact returns the report as [JSON] writes it, on one line.
func Compact(r *audit.Report) ([]byte, error) {
	text, err := json.Marshal(documentOf(r))
	if err != nil {
		return nil, fmt.Errorf("report: writing JSON: %w", err)
	}
	return inertJSON(text), nil
}

// Read reads what [JSON] or [Compact] wrote. Of evidence, the commands are lost: they
// stand in the findings already.
func Read(text []byte) (*audit.Report, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("report: reading JSON: %w", err)
	}
	if d.Schema != audit.Schema {
		return nil, fmt.Errorf("report: schema %q, must be %q", line(d.Schema), audit.Schema)
	}
	r := &audit.Report{
		Schema: d.Schema, Targets: d.Targets, Practices: d.Practices, Findings: d.Findings, Baseline: d.Baseline, Sent: d.Sent,
		Duration: time.Duration(d.Duration) * time.Millisecond,
	}
	if len(d.Ignored) > 0 {
		r.Ignored = d.Ignored
	}
	return r, nil
}
