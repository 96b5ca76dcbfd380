package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// maxBaseline is how many bytes of a baseline are read.
const maxBaseline = 64 << 20

// A Baseline is an earlier report to compare with.
type Baseline struct {
	before  []Before
	found   map[string]Gone
	order   []string
	ignored map[string]bool
}

// ReadBaseline reads a report as panoply audit --format json writes it. It takes what
// identifies findings and nothing else, so a report of a later version is read as far
// as this one understands it; another schema is an error.
func ReadBaseline(r io.Reader) (*Baseline, error) {
	var doc struct {
		Schema    string   `json:"schema"`
		Practices []Before `json:"practices"`
		Findings  []Gone   `json:"findings"`
		Ignored   []struct {
			Finding Gone `json:"finding"`
		} `json:"ignored"`
	}
	limited := &io.LimitedReader{R: r, N: maxBaseline + 1}
	err := json.NewDecoder(limited).Decode(&doc)
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("baseline: larger than %d bytes", maxBaseline)
	case err != nil:
		return nil, fmt.Errorf("baseline: no report in JSON: %s", redact.Line(err.Error()))
	case doc.Schema != Schema:
		return nil, fmt.Errorf("baseline: schema %q, must be %q; write it anew with panoply audit --format json", redact.Line(doc.Schema), Schema)
	}
	b := &Baseline{found: make(map[string]Gone), ignored: make(map[string]bool)}
	for _, p := range doc.Practices {
		if slices.Contains(practiceIDs, p.ID) && (p.Status == check.Proved || p.Status == check.Broken || p.Status == check.Unproven) {
			b.before = append(b.before, p)
		}
	}
	for _, f := range doc.Findings {
		f = Gone{
			ID: redact.Line(f.ID), Fingerprint: redact.Line(f.Fingerprint), Practice: redact.Line(f.Practice),
			Message: redact.Line(f.Message), Severity: f.Severity,
		}
		if _, twice := b.found[f.Fingerprint]; !twice {
			b.order = append(b.order, f.Fingerprint)
		}
		b.found[f.Fingerprint] = f
	}
	for _, i := range doc.Ignored {
		b.ignored[i.Finding.Fingerprint] = true
	}
	return b, nil
}

// raise makes findings of notes that are worth more where the baseline lacks them.
func (r *Report) raise(b *Baseline) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if _, known := b.found[f.Fingerprint]; known || b.ignored[f.Fingerprint] || f.IfNew <= f.Severity {
			continue
		}
		f.Severity = f.IfNew
		f.Message += ", and is new since the baseline"
		for j := range r.Practices {
			p := &r.Practices[j]
			if p.ID != f.Practice || p.Status == check.Broken && p.Severity >= f.Severity {
				continue
			}
			p.Status, p.Severity, p.Layer, p.Reason = check.Broken, f.Severity, f.Layer, f.Message
		}
	}
}

// compare marks what the baseline knows. A finding that is worse than it was is new.
func (r *Report) compare(b *Baseline) {
	c := &Comparison{Before: b.before, Gone: []Gone{}}
	if c.Before == nil {
		c.Before = []Before{}
	}
	again := make(map[string]bool)
	for i := range r.Findings {
		f := &r.Findings[i]
		again[f.Fingerprint] = true
		old, ok := b.found[f.Fingerprint]
		f.Known = ok && f.Severity <= old.Severity
		switch {
		case f.Severity == check.Info:
		case f.Known:
			c.Known++
		default:
			c.New++
		}
	}
	for _, i := range r.Ignored {
		again[i.Finding.Fingerprint] = true
	}
	for _, fp := range b.order {
		if f := b.found[fp]; !again[fp] && f.Severity > check.Info {
			c.Gone = append(c.Gone, f)
		}
	}
	r.Baseline = c
}
