package audit

import (
	"cmp"
	"slices"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// row judges one practice over all its checks and targets: one break breaks it, and one
// check that could not tell leaves it not proven, unless it read the source of what is
// proved on the wire.
func row(p practice.Practice, jobs []*job) Practice {
	out := Practice{ID: p.ID, Title: p.Title, Status: check.Unproven, Reason: p.Pending, Door: string(p.Door), Checks: []string{}}
	_ = out.Severity.UnmarshalText([]byte(p.Severity)) // the table's severities are ours by name
	var proof, doubt, skipped *job
	var broken []*job
	covered := false
	for _, j := range jobs {
		if j.check.Practice != p.ID || j.alone {
			continue
		}
		// Of a folder nobody expects that it answers, and of a visitor's look no attack.
		if j.missing() != 0 {
			if skipped == nil || skipped.check.Needs&check.Wire == 0 {
				skipped = j
			}
			continue
		}
		if !slices.Contains(out.Checks, j.check.ID) {
			out.Checks = append(out.Checks, j.check.ID)
		}
		for _, g := range j.result.Grades {
			out.Grades = append(out.Grades, redacted(g))
		}
		if j.result.Scan != nil {
			out.Scans = append(out.Scans, harmless(j.result.Scan))
		}
		switch j.result.Status {
		case check.Broken:
			broken = append(broken, j)
		case check.Proved:
			proof = cmp.Or(proof, j)
			covered = covered || j.covers
		default:
			// A doubt about what visitors get weighs more than one about the source.
			if doubt == nil || doubt.check.Needs&check.Wire == 0 {
				doubt = j
			}
		}
	}
	if doubt != nil && doubt.check.Needs&check.Wire == 0 && proof != nil && proof.check.Needs&check.Wire != 0 {
		doubt = nil // what visitors get is the truth; the source only says where it comes from
	}
	switch {
	case len(broken) > 0:
		worst(&out, broken)
	case doubt != nil:
		out.Reason = doubt.result.Reason
	case proof != nil && p.Pending == "":
		out.Status, out.Reason, out.Layer = check.Proved, proof.result.Reason, proof.provider(jobs)
		if covered && out.Layer == "" {
			out.Layer = check.Network
		}
	case proof == nil && skipped != nil:
		out.Reason = skipped.result.Reason
	case out.Reason == "":
		out.Reason = "no check of this practice was asked for"
	}
	out.Reason = redact.Line(out.Reason)
	return out
}

// worst fills a broken row from the worst finding of its jobs.
func worst(out *Practice, broken []*job) {
	out.Status, out.Severity, out.Reason = check.Broken, check.Info, broken[0].result.Reason
	for _, j := range broken {
		for _, f := range j.result.Findings {
			if f.Severity > out.Severity {
				out.Severity, out.Layer, out.Reason = f.Severity, f.Layer, f.Message
			}
		}
	}
}
