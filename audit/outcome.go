package audit

import (
	"slices"

	"github.com/panoplysec/panoply/audit/check"
)

// An Outcome is what a script wants to know of a report. Its number is the exit code of
// panoply audit; 2, wrong usage, never reaches a report.
type Outcome int

// The outcomes.
const (
	// Clean: nothing at or above the threshold.
	Clean Outcome = 0
	// Found: at least one finding at or above the threshold that the baseline, where
	// there is one, does not know.
	Found Outcome = 1
	// Incomplete: a target about which nothing at all could be told, or a file of it that
	// could not be read to its end. What was not looked at is not clean.
	Incomplete Outcome = 3
)

// Outcome judges the report: Found when a new finding is at or above the threshold, else
// Incomplete when a target gave no answer and no finding or a check failed, else Clean. A practice that
// is not proven for another reason does not change it. Where all that was asked for is
// proved, a target that was never asked over HTTP is no gap: TLS needs no request.
func (r *Report) Outcome(threshold check.Severity) Outcome {
	told := make(map[string]bool)
	for _, f := range r.Findings {
		if f.Severity >= threshold && !f.Known {
			return Found
		}
		told[f.Target] = true
	}
	if r.Failed {
		return Incomplete
	}
	gap := slices.ContainsFunc(r.Practices, func(p Practice) bool { return len(p.Checks) > 0 && p.Status == check.Unproven })
	ran := slices.ContainsFunc(r.Practices, func(p Practice) bool { return len(p.Checks) > 0 })
	for _, t := range r.Targets {
		if t.URL != "" && !t.Answered && !told[t.URL] && (gap || !ran) {
			return Incomplete
		}
	}
	if len(r.Ignored) > 0 {
		return Clean // something was told, and somebody answers for it
	}
	for _, p := range r.Practices {
		if p.Status != check.Unproven {
			return Clean
		}
	}
	return Incomplete
}
