// Package check is the vocabulary of the audit: what a [Check] is, what it is given
// (a [Session]) and what it answers (a [Result] with its [Finding]s).
//
// A check is code and metadata. The smallest one looks at one answer:
//
//	var rules = check.Rules{{ID: "motto/absent", Title: "No motto is sent", Severity: check.Low}}
//
//	var Motto = check.Check{
//		ID: "motto", Practice: "headers", Title: "The motto is sent", Needs: check.Wire, Rules: rules,
//		Run: func(ctx context.Context, s *check.Session) check.Result {
//			x, err := s.Wire.Do(ctx, check.Request{Path: "/"})
//			if err != nil {
//				return check.NotProven("the page could not be read: " + err.Error())
//			}
//			if x.Header.Get("X-Motto") != "" {
//				return check.Conclude("one page", nil)
//			}
//			return check.Conclude("one page", []check.Finding{rules.Find("motto/absent", "X-Motto", x.Evidence())})
//		},
//	}
//
// A check that could not do its work answers [NotProven] with the reason; it never
// counts as passed. Checks may read what others parse, but never import the code that
// enforces: the proof is independent of the enforcer.
//
// The package protects against nothing by itself, and its [Session] limits only what
// goes through it: a check that opens its own connections is outside every budget.
package check

import "context"

// A Need is something a check cannot do without. A check whose need is not met is not
// run and reported as not proven with the need as its reason.
type Need uint8

// The needs; they can be joined with |.
const (
	// Wire: a URL that answers.
	Wire Need = 1 << iota
	// Source: a folder with the app's source.
	Source
	// Lockfile: a folder with a package manifest or lockfile.
	Lockfile
	// Active: permission to send probes that could change something.
	Active
)

var needText = []struct {
	need Need
	text string
}{
	{Wire, "a URL"}, {Source, "the app's folder"}, {Lockfile, "the app's folder with its lockfile"},
	{Active, "permission to probe actively"},
}

// String names the needs for a sentence: "a URL", "the app's folder".
func (n Need) String() string {
	text := ""
	for _, t := range needText {
		if n&t.need == 0 {
			continue
		}
		if text != "" {
			text += " and "
		}
		text += t.text
	}
	return text
}

// A Check proves or breaks one practice.
type Check struct {
	// ID is stable, lower case and unique, such as "headers".
	ID string
	// Practice is the id of the practice's row, such as "headers".
	Practice string
	// Title says in a few words what holds when the check is proved.
	Title string
	// Why is one sentence on the danger.
	Why string
	// Severity is that of the practice being broken altogether.
	Severity Severity
	// Needs is what the check cannot do without.
	Needs Need
	// Alone says that the check means something about the app alone, without what
	// stands in front of it. Where the upstream is known, the engine then runs it
	// there too, and so can tell whether the door or the code provides the practice.
	Alone bool
	// Probes says what the check sends beyond what any visitor's browser would, for the
	// plan that is shown before an active run. Empty means nothing.
	Probes string
	// Bad and Good are short examples of an app that breaks the practice and of one
	// that holds it, for panoply explain.
	Bad, Good string
	// Rules lists every finding the check can report.
	Rules Rules
	// Run does the work. It is called at most once per target and session, from its
	// own goroutine, and returns soon after the context is done.
	Run func(context.Context, *Session) Result
}

// A Rule is the metadata of one kind of finding.
type Rule struct {
	// ID is the check's id, a slash and a name: "headers/nosniff-absent". It is stable.
	ID string
	// Title is the finding in a few words, with no full stop.
	Title string
	// Severity is the finding's. [Info] is a note: it does not break the practice.
	Severity Severity
	// CWE is the number of the weakness in the Common Weakness Enumeration; 0 for none.
	CWE int
	// ASVS are the requirements of OWASP's Application Security Verification Standard
	// 5.0 that it breaks, such as "3.4.4".
	ASVS []string
	// Why is one sentence on the danger of this very rule, and Bad and Good are short
	// examples, where they differ from the check's.
	Why, Bad, Good string
	// Fix is the mend of this rule where it differs from the practice's; empty fields
	// are filled from the practice's row.
	Fix Fix
}

// Rules is the list of a check's rules.
type Rules []Rule

// Find makes a finding of the rule with this id. Subject is what in the target it is
// about, such as a header's or a cookie's name, and tells two findings of one rule
// apart. An id that is not in the list is a programmer's error, and panics.
func (rs Rules) Find(id, subject string, evidence ...Evidence) Finding {
	for _, r := range rs {
		if r.ID == id {
			return Finding{
				ID: r.ID, Title: r.Title, Message: r.Title, Severity: r.Severity, CWE: r.CWE, ASVS: r.ASVS, Fix: r.Fix,
				Subject: subject, Evidence: evidence, Confidence: Certain, Layer: Code,
			}
		}
	}
	panic("check: no rule " + id)
}
