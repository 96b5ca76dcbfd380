package report

import (
	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// The property bags: what SARIF has no place of its own for.

// sarifRunBag holds what is about the run and no result.
type sarifRunBag struct {
	Practices []audit.Practice `json:"practices"`
	Targets   []audit.Target   `json:"targets"`
	// Gone are findings of the baseline that were not found again.
	Gone       []audit.Gone `json:"gone,omitempty"`
	DurationMS int64        `json:"durationMs"`
}

func runBag(r *audit.Report) sarifRunBag {
	bag := sarifRunBag{Practices: r.Practices, Targets: r.Targets, DurationMS: r.Duration.Milliseconds()}
	if r.Baseline != nil {
		bag.Gone = r.Baseline.Gone
	}
	return bag
}

// sarifRuleBag has the names that GitHub reads.
type sarifRuleBag struct {
	Tags             []string `json:"tags"`
	SecuritySeverity string   `json:"security-severity"`
	Precision        string   `json:"precision"`
	ASVS             []string `json:"asvs,omitempty"`
}

type sarifResultBag struct {
	Practice   string           `json:"practice"`
	Severity   check.Severity   `json:"severity"`
	Confidence check.Confidence `json:"confidence"`
	Layer      check.Layer      `json:"layer,omitempty"`
	Target     string           `json:"target"`
	Subject    string           `json:"subject,omitempty"`
	ASVS       []string         `json:"asvs,omitempty"`
	Reproduce  string           `json:"reproduce,omitempty"`
	Fix        check.Fix        `json:"fix"`
	// Fixes are lines of configuration, by server.
	Fixes map[string]string `json:"fixes,omitempty"`
}

func resultBag(f *check.Finding) sarifResultBag {
	return sarifResultBag{
		Practice: line(f.Practice), Severity: f.Severity, Confidence: f.Confidence, Layer: f.Layer, Target: line(f.Target), Subject: line(f.Subject),
		ASVS: f.ASVS, Reproduce: line(f.Reproduce), Fix: f.Fix, Fixes: f.Fixes,
	}
}
