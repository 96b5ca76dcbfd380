package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// Schema names the version of the report's form. Fields may be added under the same
// name; a field that goes or changes its meaning makes a new one.
const Schema = "panoply.audit/1"

var practiceIDs = practice.IDs()

// A Report is what a run told. Its text has passed the redactor: values of cookies and
// queries, credentials and control characters are gone.
type Report struct {
	// Schema is [Schema].
	Schema string
	// Targets are in the order given.
	Targets []Target
	// Practices holds all practices, in the order of the Express page.
	Practices []Practice
	// Findings are ordered by practice, then the worst first, then by id, subject and
	// target: the same input gives the same order.
	Findings []check.Finding
	// Ignored are the findings that an entry in panoply.yaml or a comment in the source
	// leaves out, in the order of Findings.
	Ignored []Ignored
	// Baseline compares with an earlier report; nil when none was given.
	Baseline *Comparison
	// Sent lists every request of the run, in an order that does not depend on time. It
	// is empty unless Options.ListSent or Options.Active asks for it.
	Sent []Sent
	// Duration is how long the run took.
	Duration time.Duration
}

// An Ignored is a finding that was left out, and by whose word.
type Ignored struct {
	Finding check.Finding `json:"finding"`
	// By is the place of the entry: "panoply.yaml:12" or "routes/login.js:17".
	By     string `json:"by"`
	Reason string `json:"reason"`
	// Until is the last day on which the entry holds, as 2026-12-31.
	Until string `json:"until"`
}

// A Comparison is what changed since a baseline.
type Comparison struct {
	// Before holds the status of each practice in the baseline.
	Before []Before `json:"before"`
	// New and Known count the findings above info that the baseline has not and has.
	New   int `json:"new"`
	Known int `json:"known"`
	// Gone are findings of the baseline that were not found again.
	Gone []Gone `json:"gone"`
}

// A Before is one practice of a baseline.
type Before struct {
	ID     string       `json:"id"`
	Status check.Status `json:"status"`
}

// A Gone is a finding that was mended, or not looked for again.
type Gone struct {
	ID          string         `json:"id"`
	Fingerprint string         `json:"fingerprint"`
	Practice    string         `json:"practice"`
	Message     string         `json:"message"`
	Severity    check.Severity `json:"severity"`
}

// A Sent is one request that was sent, and what came of it.
type Sent struct {
	Method  string `json:"method"`
	URL     string `json:"url"`
	Headers string `json:"headers,omitempty"`
	Body    string `json:"body,omitempty"`
	// As is "visitor" or "user".
	As string `json:"as"`
	// Times is how many equal requests were sent.
	Times int `json:"times"`
	// Status is the answer's, of the first of them; 0 for none.
	Status int `json:"status,omitempty"`
	// Active says that the request could have changed something.
	Active bool `json:"active,omitempty"`
}

// A Target is what was audited.
type Target struct {
	URL      string `json:"url,omitempty"`
	Upstream string `json:"upstream,omitempty"`
	Folder   string `json:"folder,omitempty"`
	// Requests is how many were sent, to the upstream too.
	Requests int `json:"requests"`
	// Answered says whether the address gave any HTTP answer.
	Answered bool `json:"answered"`
	// LoggedIn says that pages were looked at as a user too.
	LoggedIn bool `json:"logged_in,omitempty"`
	// Pages counts the answers of the crawl by class, in the order of check.Classes.
	Pages []Count `json:"pages,omitempty"`
	// Skipped counts what the crawl left alone, by the reason.
	Skipped []Count `json:"skipped,omitempty"`
}

// A Count is a number of things of one name.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// A Practice is one row of the report.
type Practice struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Status check.Status `json:"status"`
	// Reason says why it is not proven, or on what a proof rests.
	Reason string `json:"reason,omitempty"`
	// Severity is the worst finding's, or that of the practice being absent.
	Severity check.Severity `json:"severity"`
	// Layer provides the practice, or breaks it; empty when that cannot be told from
	// outside.
	Layer check.Layer `json:"layer,omitempty"`
	// Door is what the door can do about it: "yes", "partly" or "cannot".
	Door string `json:"door"`
	// Checks are the ids of the checks that ran.
	Checks []string `json:"checks"`
	// Grades are marks by other people's scales; they decide nothing.
	Grades []check.Grade `json:"grades,omitempty"`
}

// Practice returns the row with this id.
func (r *Report) Practice(id string) (Practice, bool) {
	for _, p := range r.Practices {
		if p.ID == id {
			return p, true
		}
	}
	return Practice{}, false
}

func newReport(sessions []*session, checks []check.Check, jobs []*job, took time.Duration) *Report {
	r := &Report{Schema: Schema, Duration: took, Findings: []check.Finding{}}
	for _, s := range sessions {
		t := Target{URL: redact.Line(s.target.URL), Upstream: redact.Line(s.target.Upstream), Folder: redact.Line(s.target.Folder)}
		t.Requests, t.Answered = int(s.sent.Load()), s.reached.Load()
		if s.behind != nil {
			t.Requests += int(s.behind.sent.Load())
		}
		r.Targets = append(r.Targets, t)
	}
	for _, p := range practice.All() {
		r.Practices = append(r.Practices, row(p, checks, jobs))
	}
	for _, j := range jobs {
		if !j.alone {
			for _, f := range j.result.Findings {
				r.Findings = append(r.Findings, j.complete(f, jobs))
			}
		}
	}
	order := make(map[string]int)
	for i, id := range practiceIDs {
		order[id] = i
	}
	slices.SortStableFunc(r.Findings, func(a, b check.Finding) int {
		return cmp.Or(cmp.Compare(order[a.Practice], order[b.Practice]), cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Subject, b.Subject))
	})
	return r
}

// row judges one practice over all its checks and targets: one break breaks it, and one
// check that could not tell leaves it not proven.
func row(p practice.Practice, checks []check.Check, jobs []*job) Practice {
	out := Practice{ID: p.ID, Title: p.Title, Status: check.Unproven, Reason: p.Pending, Door: string(p.Door), Checks: []string{}}
	_ = out.Severity.UnmarshalText([]byte(p.Severity)) // the table's severities are ours by name
	var proof, doubt, skipped *job
	var broken []*job
	for _, j := range jobs {
		if j.check.Practice != p.ID || j.alone {
			continue
		}
		// Of a folder nobody expects that it answers.
		if j.missing(true) != 0 {
			skipped = cmp.Or(skipped, j)
			continue
		}
		if !slices.Contains(out.Checks, j.check.ID) {
			out.Checks = append(out.Checks, j.check.ID)
		}
		switch j.result.Status {
		case check.Broken:
			broken = append(broken, j)
		case check.Proved:
			proof = cmp.Or(proof, j)
		default:
			doubt = cmp.Or(doubt, j)
		}
	}
	switch {
	case len(broken) > 0:
		worst(&out, broken, jobs)
	case doubt != nil:
		out.Reason = doubt.result.Reason
	case proof != nil && p.Pending == "":
		out.Status, out.Reason, out.Layer = check.Proved, proof.result.Reason, proof.provider(jobs)
	case proof == nil && skipped != nil:
		out.Reason = skipped.result.Reason
	case out.Reason == "":
		out.Reason = "no check of this practice was asked for"
	}
	out.Reason = redact.Line(out.Reason)
	return out
}

// worst fills a broken row from the worst finding of its jobs.
func worst(out *Practice, broken []*job, jobs []*job) {
	out.Status, out.Severity, out.Reason = check.Broken, check.Info, broken[0].result.Reason
	for _, j := range broken {
		for _, f := range j.result.Findings {
			if f.Severity > out.Severity {
				out.Severity, out.Layer, out.Reason = f.Severity, j.complete(f, jobs).Layer, f.Message
			}
		}
	}
}

// provider tells which layer a proof comes from, by what the app alone answers.
func (j *job) provider(jobs []*job) check.Layer {
	twin := j.twin(jobs)
	switch {
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
func (j *job) complete(f check.Finding, jobs []*job) check.Finding {
	f.Practice, f.Check = j.check.Practice, j.check.ID
	f.Target = redact.Line(j.session.target.URL)
	if f.Target == "" {
		f.Target = redact.Line(j.session.target.Folder)
	}
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
	f.Message, f.Subject = redact.Line(f.Message), redact.Line(f.Subject)
	seen := make([]check.Evidence, len(f.Evidence))
	for i, e := range f.Evidence {
		if f.Reproduce == "" {
			f.Reproduce = e.Command
		}
		seen[i] = check.Evidence{
			Kind: cmp.Or(e.Kind, check.Answer), Where: redact.Line(e.Where), File: redact.Line(e.File), Line: e.Line,
			Sent: redact.Text(e.Sent), Seen: redact.Text(e.Seen),
		}
	}
	f.Evidence = seen
	f.Reproduce = redact.Line(f.Reproduce)
	f.Fingerprint = fingerprint(j.session, f)
	return f
}

// has says whether the job found the same. Two banners are two things, while a cookie
// stays the same under another name.
func (j *job) has(f check.Finding) bool {
	return slices.ContainsFunc(j.result.Findings, func(g check.Finding) bool {
		return g.ID == f.ID && (g.Subject == f.Subject || j.check.ID == "cookies")
	})
}

// fingerprint leaves the port out: a test server has another one every time.
func fingerprint(s *session, f check.Finding) string {
	place := s.target.Folder
	if u, err := url.Parse(s.target.URL); err == nil && u.Host != "" {
		place = u.Hostname()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", f.ID, place, f.Subject))
	return hex.EncodeToString(sum[:12])
}
