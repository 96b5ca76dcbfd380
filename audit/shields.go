package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// A Shield stands before a hole at the door, as its configuration says. The finding that
// it is about stays a finding: it is marked, and never left out.
type Shield struct {
	// ID is the name of the advisory, or one of the door's own, which marks nothing.
	ID string
	// Reason says why the hole is not mended, and Until is the day by which it is to be.
	// A shield whose day has passed is a finding itself, and marks all the same.
	Reason, Until string
	// Mode is "enforce" or "observe".
	Mode string
	// By is the place of the entry, such as "panoply.yaml:12".
	By string
}

// Covers says whether the shield is about the finding.
func (s *Shield) Covers(f *check.Finding) bool {
	d := f.Dependency
	return d != nil && (s.ID == d.Advisory || slices.Contains(d.Aliases, s.ID))
}

var aboutShields = check.Fix{
	Express: "mend the hole: panoply fix; the shield can then be taken out of shields in panoply.yaml",
	Go:      "mend the hole: panoply fix; the shield can then be taken out of shields in panoply.yaml",
	Door:    "mend the hole, or give the shield of panoply.yaml a new until with its reason",
}

// shield marks the findings that shields cover, and adds what is to be said of the shields.
// looked says whether the dependencies were seen whole.
func (r *Report) shield(all []Shield, now time.Time, looked bool) {
	told := map[string]bool{}
	for i := range all {
		s := &all[i]
		used := false
		for j := range r.Findings {
			used = marked(&r.Findings[j], s, now) || used
		}
		for j := range r.Ignored {
			used = s.Covers(&r.Ignored[j].Finding) || used
		}
		about := Ignore{ID: s.ID, Scope: "*", By: s.By, Reason: s.Reason, Until: s.Until}
		if told[s.ID] {
			continue // of the same file, read by two names
		}
		told[s.ID] = true
		switch {
		case about.expired(now):
			r.about(&about, "audit/shield-expired", "the shield of %s at %s was to be there until %s: it stays in force, and the hole is not mended", redact.Line(s.ID), redact.Line(s.By), redact.Line(s.Until))
		case !used && looked && advisory.Get().MatchString(s.ID):
			r.about(&about, "audit/shield-unmatched", "the shield of %s at %s stands before no finding: if the hole is mended, it can go", redact.Line(s.ID), redact.Line(s.By))
		default:
			continue
		}
		last := &r.Findings[len(r.Findings)-1]
		last.Practice, last.Subject = "dependencies", redact.Line("shield "+s.ID)
		last.Fingerprint = fingerprint(last.ID, "shield", last.Subject)
	}
}

// marked says on a finding that a shield is about it. That the door runs with the shield, and
// that the shield holds, no audit of a file has tested.
func marked(f *check.Finding, s *Shield, now time.Time) bool {
	if !s.Covers(f) {
		return false
	}
	expired := (&Ignore{Until: s.Until}).expired(now)
	d := *f.Dependency
	d.Shield = &check.Shielded{By: redact.Line(s.By), Mode: s.Mode, Reason: redact.Line(s.Reason), Until: redact.Line(s.Until), Expired: expired}
	f.Dependency = &d
	verb := "shielded at the door"
	if s.Mode == "observe" {
		verb = "watched at the door, not shielded,"
	}
	f.Message += fmt.Sprintf("; %s by %s, as it says: not tested here", verb, d.Shield.By)
	return true
}
