package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// cover makes notes of what the source lacks and the wire has all the same: then what
// stands in front of the code provides it, and visitors miss nothing.
func (j *job) cover(jobs []*job) {
	if j.alone || j.check.Needs&check.Source == 0 || j.result.Status != check.Broken {
		return
	}
	left := false
	for i := range j.result.Findings {
		f := &j.result.Findings[i]
		if f.Severity == check.Info {
			continue
		}
		wire := j.without(f.ID, jobs)
		if wire == nil {
			left = true
			continue
		}
		wire.covers = true
		f.Severity = check.Info
		if slices.Contains(wire.result.Unjudged, f.ID) {
			f.Message += "; on the wire it is not asked of this address"
			continue
		}
		f.Message += "; on the wire it holds, so what stands in front provides it, not your code"
	}
	if !left {
		j.result.Status = check.Proved
		j.result.Reason = "the code does not do it, and what stands in front of it does"
	}
}

// without is the check of the same target that looked for the rule on the wire, saw all
// that it had to, and did not find it broken.
func (j *job) without(id string, jobs []*job) *job {
	for _, other := range jobs {
		if other.session != j.session || other.alone || other.check.Needs&check.Wire == 0 || other.result.Partial || other.result.Status == check.Unproven {
			continue
		}
		knows := slices.ContainsFunc(other.check.Rules, func(r check.Rule) bool { return r.ID == id })
		found := slices.ContainsFunc(other.result.Findings, func(f check.Finding) bool { return f.ID == id })
		if knows && !found {
			return other
		}
	}
	return nil
}

// join collects the findings of all jobs and makes one of those that are the same
// problem, seen in several ways: equal rule and subject on one target.
func join(jobs []*job) []check.Finding {
	type problem struct {
		session     *session
		id, subject string
	}
	var all []check.Finding
	at := make(map[problem]int)
	for _, j := range jobs {
		if j.alone {
			continue
		}
		for _, f := range j.result.Findings {
			k := problem{j.session, f.ID, f.Subject}
			i, again := at[k]
			if !again {
				at[k] = len(all)
				all = append(all, f)
				continue
			}
			all[i] = merge(all[i], f)
			all[i].Fingerprint = fingerprint(f.ID, j.session.place(all[i]), f.Subject)
		}
	}
	return all
}

// merge adds what b shows to a. The one found first keeps its words, and the code's
// place is added to them.
func merge(a, b check.Finding) check.Finding {
	a.Severity = max(a.Severity, b.Severity)
	if b.Confidence == check.Certain {
		a.Confidence = check.Certain
	}
	if a.Layer == "" || b.Layer == check.Code {
		a.Layer = b.Layer
	}
	if places := lines(b.Evidence); places != "" && lines(a.Evidence) == "" {
		a.Message += "; in the code: " + places
	}
	a.Evidence = slices.Concat(a.Evidence, b.Evidence)
	if a.Reproduce == "" {
		a.Reproduce = b.Reproduce
	}
	return a
}

// lines names the places in the source, three at most.
func lines(all []check.Evidence) string {
	var places []string
	for _, e := range all {
		if e.Kind == check.Line && len(places) < 3 {
			places = append(places, fmt.Sprintf("%s:%d", e.File, e.Line))
		}
	}
	return strings.Join(places, ", ")
}
