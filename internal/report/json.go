package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"

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
	r = clean(r)
	text, err := json.MarshalIndent(document{
		r.Schema, r.Targets, r.Practices, r.Findings, append([]audit.Ignored{}, r.Ignored...), r.Baseline, r.Sent, r.Duration.Milliseconds(),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("report: writing JSON: %w", err)
	}
	_, err = w.Write(append(inertJSON(text), '\n'))
	return err
}
