package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// newReport makes the report of what the jobs told.
func newReport(sessions []*session, jobs []*job, o Options) *Report {
	r := &Report{Schema: Schema, Findings: []check.Finding{}}
	var secrets []string
	for _, s := range sessions {
		secrets = append(secrets, s.secrets()...)
	}
	masks := newMasker(secrets)
	for _, s := range sessions {
		r.Targets = append(r.Targets, s.told())
	}
	for _, j := range jobs {
		for i := range j.result.Findings {
			j.result.Findings[i] = j.complete(j.result.Findings[i], jobs, masks)
		}
	}
	for _, j := range jobs {
		j.cover(jobs)
		r.Failed = r.Failed || j.result.Failed
	}
	for _, p := range practice.All() {
		r.Practices = append(r.Practices, row(p, jobs))
	}
	r.Findings = append(r.Findings, join(jobs)...)
	if o.Baseline != nil {
		r.raise(o.Baseline)
	}
	r.ignore(entries(sessions, r, o), o, time.Now(), func(id string) bool { return whole(id, jobs) })
	r.shield(o.Shields, time.Now(), whole("dependencies", jobs))
	if o.Baseline != nil {
		r.compare(o.Baseline)
	}
	r.sort()
	if o.ListSent || o.Active {
		for _, s := range sessions {
			r.Sent = append(r.Sent, s.list()...)
		}
	}
	if o.Record != nil {
		for _, s := range sessions {
			for _, x := range s.exchanges() {
				o.Record(masks.exchange(x))
			}
		}
	}
	masks.report(r)
	return r
}

// entries are the ignores of the caller and of the folders' comments. Comments that
// cannot be obeyed go into the report.
func entries(sessions []*session, r *Report, o Options) []*Ignore {
	var all []*Ignore
	for i := range o.Ignores {
		all = append(all, &o.Ignores[i])
	}
	for _, s := range sessions {
		if s.folder == nil {
			continue
		}
		more, bad := comments(s.folder.FS())
		all = append(all, more...)
		for _, f := range bad {
			f.Practice, f.Check, f.Target = practiceIDs[0], "audit", s.name()
			f.Fingerprint = fingerprint(f.ID, "source", f.Subject)
			r.Findings = append(r.Findings, f)
		}
	}
	return all
}

// whole says whether each check of an id ran and saw all it had to, so that an absent
// finding is an absent problem.
func whole(id string, jobs []*job) bool {
	ran := false
	for _, j := range jobs {
		has := j.check.Practice == id || slices.ContainsFunc(j.check.Rules, func(r check.Rule) bool { return r.ID == id })
		if !has || j.alone {
			continue
		}
		if j.missing() != 0 || j.result.Partial {
			return false
		}
		ran = true
	}
	return ran
}

func (r *Report) sort() {
	order := make(map[string]int)
	for i, id := range practiceIDs {
		order[id] = i
	}
	less := func(a, b check.Finding) int {
		return cmp.Or(cmp.Compare(order[a.Practice], order[b.Practice]), cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Subject, b.Subject))
	}
	slices.SortStableFunc(r.Findings, less)
	slices.SortStableFunc(r.Ignored, func(a, b Ignored) int { return less(a.Finding, b.Finding) })
}

// told is what the report says of the target.
func (s *session) told() Target {
	t := Target{URL: redact.Line(s.target.URL), Upstream: redact.Line(s.target.Upstream), Folder: redact.Line(s.target.Folder)}
	t.Requests, t.Answered = int(s.sent.Load()), s.reached.Load()
	if s.behind != nil {
		t.Requests += int(s.behind.sent.Load())
	}
	if !s.walked.Load() {
		return t
	}
	site, _ := s.site()
	classes := make(map[check.Class]int)
	for _, p := range site.Pages {
		classes[p.Class]++
		t.LoggedIn = t.LoggedIn || p.Request.As == check.User
	}
	for _, class := range check.Classes() {
		if n := classes[class]; n > 0 {
			t.Pages = append(t.Pages, Count{string(class), n})
		}
	}
	for _, why := range slices.Sorted(maps.Keys(site.Skipped)) {
		t.Skipped = append(t.Skipped, Count{redact.Line(why), site.Skipped[why]})
	}
	return t
}

// provider tells which layer a proof comes from, by what the app alone answers.
func (j *job) provider(jobs []*job) check.Layer {
	twin := j.twin(jobs)
	switch {
	case j.check.Needs&check.Source != 0:
		return check.Code
	case j.check.Needs&check.Lockfile != 0:
		return check.Locked
	case twin == nil:
		return ""
	case twin.result.Status == check.Broken:
		return check.Door
	case twin.result.Status == check.Proved:
		return check.Code
	}
	return ""
}

// twin is the same check on the upstream alone.
func (j *job) twin(jobs []*job) *job {
	for _, other := range jobs {
		if other.alone && other.check == j.check && other.session == j.session.behind {
			return other
		}
	}
	return nil
}

// complete fills what the engine knows about a finding, and redacts what the target
// said.
func (j *job) complete(f check.Finding, jobs []*job, masks masker) check.Finding {
	f.Practice, f.Check = j.check.Practice, j.check.ID
	f.Target = j.session.name()
	p, _ := practice.ByID(f.Practice)
	for _, fix := range []struct{ own, row *string }{{&f.Fix.Express, &p.FixExpress}, {&f.Fix.Go, &p.FixGo}, {&f.Fix.Door, &p.FixDoor}} {
		if *fix.own == "" {
			*fix.own = *fix.row
		}
	}
	if t := j.twin(jobs); t != nil && t.session.reached.Load() && f.Layer == check.Code && !t.has(f) {
		// The app alone answered and does not do it: whatever stands in front of it does.
		f.Layer = check.Door
	}
	// Masked before it is shortened, and before the fingerprint is made of it.
	f.Message, f.Subject = redact.Line(masks.Replace(f.Message)), redact.Line(masks.Replace(f.Subject))
	seen := make([]check.Evidence, len(f.Evidence))
	for i, e := range f.Evidence {
		if f.Reproduce == "" {
			f.Reproduce = e.Command
		}
		seen[i] = check.Evidence{
			Kind: cmp.Or(e.Kind, check.Answer), Where: redact.Line(e.Where), File: redact.Line(e.File), Line: e.Line,
			Sent: redact.Text(masks.Replace(e.Sent)), Seen: redact.Text(masks.Replace(e.Seen)),
		}
	}
	f.Evidence = seen
	f.Dependency = dependency(f.Dependency, masks)
	f.Reproduce = redact.Line(masks.Replace(f.Reproduce))
	f.Fingerprint = fingerprint(f.ID, j.session.place(f), f.Subject)
	return f
}

// dependency is a copy that may stand in a report.
func dependency(d *check.Dependency, masks masker) *check.Dependency {
	if d == nil {
		return nil
	}
	out := *d
	line := func(s string) string { return redact.Line(masks.Replace(s)) }
	for _, s := range []*string{&out.Ecosystem, &out.Name, &out.Version, &out.Advisory, &out.URL, &out.CVSS} {
		*s = line(*s)
	}
	for _, list := range []*[]string{&out.Aliases, &out.Fixed, &out.Paths} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i] = line((*list)[i])
		}
	}
	if d.Reachability != nil {
		r := *d.Reachability
		r.Reason = line(r.Reason)
		for _, list := range []*[]string{&r.At, &r.Calls} {
			*list = slices.Clone(*list)
			for i := range *list {
				(*list)[i] = line((*list)[i])
			}
		}
		out.Reachability = &r
	}
	return &out
}

// has says whether the job found the same. Two banners are two things, while a cookie
// stays the same under another name.
func (j *job) has(f check.Finding) bool {
	return slices.ContainsFunc(j.result.Findings, func(g check.Finding) bool {
		return g.ID == f.ID && (g.Subject == f.Subject || j.check.ID == "cookies")
	})
}

// place is where a finding is, for its fingerprint: the source, which has no name of
// its own, or the host. The port is left out: a test server has another one every time.
func (s *session) place(f check.Finding) string {
	if slices.ContainsFunc(f.Evidence, func(e check.Evidence) bool { return e.Kind == check.Line }) {
		return "source"
	}
	if u, err := url.Parse(s.target.URL); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return "source"
}

func fingerprint(id, place, subject string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", id, place, subject))
	return hex.EncodeToString(sum[:12])
}

func redacted(g check.Grade) check.Grade {
	g.Of = redact.Line(g.Of)
	return g
}
