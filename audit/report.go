package audit

import (
	"encoding/json"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
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
	// Failed says that a check could not read what it was given, such as a lockfile that
	// was cut short: what the report does not tell is not known to be absent.
	Failed bool
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

// name is what findings call the target.
func (t Target) name() string {
	if t.URL != "" {
		return t.URL
	}
	return t.Folder
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
	// Scans are what whole scans of servers saw, one a target that was scanned.
	Scans []json.RawMessage `json:"scans,omitempty"`
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
