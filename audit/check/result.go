package check

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Status is what became of a practice.
type Status string

// The three answers. There is no "passed": what was not shown is not proven.
const (
	Proved   Status = "proved"
	Broken   Status = "broken"
	Unproven Status = "not proven"
)

// Severity orders findings. The zero value is Info.
type Severity uint8

// The severities, least first.
const (
	// Info is a note: worth knowing, and the practice holds all the same.
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{Info: "info", Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// String returns the severity in lower case.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name as String writes it.
func (s *Severity) UnmarshalText(text []byte) error {
	got, err := ParseSeverity(string(text))
	if err == nil {
		*s = got
	}
	return err
}

// ParseSeverity reads "info", "low", "medium", "high" or "critical".
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if name == n {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("severity %q: must be one of %s", name, strings.Join(severityNames[:], ", "))
}

// Confidence is how sure a check is of a finding.
type Confidence string

// The confidences.
const (
	// Certain: the answer itself shows it.
	Certain Confidence = "certain"
	// Firm: it follows from what was seen, unless the app is unusual.
	Firm Confidence = "firm"
	// Tentative: a person should look.
	Tentative Confidence = "tentative"
)

// A Layer is where a practice is provided or broken. The empty Layer is not known:
// from outside, an app and a proxy in front of it look alike.
type Layer string

// The layers.
const (
	Code    Layer = "code"
	Locked  Layer = "lockfile"
	Door    Layer = "door"
	Network Layer = "network"
)

// A Fix is the mend in each of the places where one can be made.
type Fix struct {
	Express string `json:"express,omitempty"`
	Go      string `json:"go,omitempty"`
	Door    string `json:"door,omitempty"`
}

// A Kind says what a piece of evidence is.
type Kind string

// The kinds.
const (
	// Answer: an exchange over HTTP. It is the kind of the zero value.
	Answer Kind = "answer"
	// Line: a line of a file in the audited folder.
	Line Kind = "line"
	// Packet: something below HTTP, such as a TLS handshake or a connection.
	Packet Kind = "packet"
)

// Evidence is what was seen. Everything in it was said by the target or sent to it,
// and has passed the redactor once it stands in a report.
type Evidence struct {
	// Kind is Answer when empty.
	Kind Kind `json:"kind"`
	// Where is the address, such as "GET https://shop.example/cart", or for a line the
	// file and the line's number, "routes/login.js:17".
	Where string `json:"where"`
	// File is the path below the audited folder, with slashes, and Line the number of
	// its line, from 1; of kind Line only.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Sent is the part of the request that matters, one header a line; it may be empty.
	Sent string `json:"sent,omitempty"`
	// Seen is the part of the answer that matters.
	Seen string `json:"seen,omitempty"`
	// Command repeats the request; it may be empty.
	Command string `json:"-"`
}

// A Finding is one thing that breaks a practice, or, with severity Info, a note.
type Finding struct {
	// ID is the rule's, such as "headers/nosniff-absent".
	ID string `json:"id"`
	// Fingerprint is equal between two runs for the same problem in the same place,
	// whatever the port and the time. The engine sets it.
	Fingerprint string `json:"fingerprint"`
	// Practice and Check are set by the engine.
	Practice string `json:"practice"`
	Check    string `json:"check"`
	// Title is the rule's.
	Title string `json:"title"`
	// Message is one line on this very finding.
	Message string `json:"message"`
	// Subject is what it is about: a header's name, a cookie's name, a path.
	Subject string `json:"subject,omitempty"`
	// Target is the audited address. The engine sets it.
	Target     string     `json:"target"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	// Layer is where it is broken.
	Layer    Layer      `json:"layer,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Reproduce is a command line that shows the problem; taken from the first
	// evidence that has one when empty.
	Reproduce string `json:"reproduce,omitempty"`
	Fix       Fix    `json:"fix"`
	// Fixes are the lines of configuration that mend it, by the program that may be what
	// answers: "nginx", "apache", "caddy", "haproxy", "node", "go". Nil where none does.
	Fixes map[string]string `json:"fixes,omitempty"`
	// Server is the one of them that the target says it is; empty for not told.
	Server string `json:"server,omitempty"`
	// CWE is the weakness's number, or 0.
	CWE int `json:"cwe,omitempty"`
	// ASVS are the requirements of OWASP's ASVS 5.0 that it breaks.
	ASVS []string `json:"asvs,omitempty"`
	// Dependency is the package that it is about, and nil of anything else.
	Dependency *Dependency `json:"dependency,omitempty"`
	// Known says that the baseline has the finding. The engine sets it.
	Known bool `json:"known,omitempty"`
	// IfNew is the severity that the finding has beside a baseline that does not have it,
	// where that is higher: a note about what is there is a finding about what came.
	IfNew Severity `json:"-"`
}

// A Dependency is a locked package under an advisory.
type Dependency struct {
	// Ecosystem is "npm" or "Go", as OSV spells it.
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	// Advisory is its id, and Aliases are its other names.
	Advisory string   `json:"advisory"`
	Aliases  []string `json:"aliases,omitempty"`
	// URL is the address of the advisory; it may be empty.
	URL string `json:"url,omitempty"`
	// CVSS is the base score, "7.5"; empty when the advisory has no vector.
	CVSS string `json:"cvss,omitempty"`
	// Fixed are the versions that mend it, lowest first; empty when none is known.
	Fixed []string `json:"fixed,omitempty"`
	// Paths are ways from the app to the package, "express@4.17.1 > qs@6.7.0", the
	// shortest first. There may be more than are told.
	Paths []string `json:"paths,omitempty"`
	// Dev says that only development needs it, Optional that nothing fails without it.
	Dev      bool `json:"dev,omitempty"`
	Optional bool `json:"optional,omitempty"`
	// Reachability says whether the app's own code leads to it; nil where nobody looked.
	// It labels: no severity and no verdict depends on it.
	Reachability *Reachability `json:"reachability,omitempty"`
	// Shield is what the project's configuration says to put before the hole at the door;
	// nil for nothing. It marks, and decides nothing.
	Shield *Shielded `json:"shield,omitempty"`
	// Ways are those of Paths and more, for rules that ignore some of them. Cut says that
	// there are still more.
	Ways []string `json:"-"`
	Cut  bool     `json:"-"`
}

// A Shielded is a shield of the door as its configuration says.
type Shielded struct {
	// By is the place of the entry, "panoply.yaml:12".
	By string `json:"by"`
	// Mode is "enforce" or "observe".
	Mode   string `json:"mode"`
	Reason string `json:"reason"`
	Until  string `json:"until"`
	// Expired says that the day has passed. The shield stays in force.
	Expired bool `json:"expired,omitempty"`
}

// A Reach is how the app's code comes to a package.
type Reach string

// The labels. Those of Go are computed with the symbols of the advisory, those of
// JavaScript with what files import.
const (
	// Called: the call graph leads from the app to a symbol of the advisory.
	Called Reach = "called"
	// NotCalled: the package is linked into the app, and no call leads to the symbols.
	NotCalled Reach = "imported, not called"
	// NotImported: no package of the advisory is linked into the app.
	NotImported Reach = "not imported"
	// Imported: a file that an entry point of the app leads to imports it.
	Imported Reach = "imported"
	// Transitive: only packages that the app imports load it, where the installed ones could
	// be followed, and need it elsewhere.
	Transitive Reach = "only transitively"
	// TestsOnly: only tests import it, or what they import needs it.
	TestsOnly Reach = "only by tests"
	// Never: nothing that an entry point leads to loads it, where the installed packages
	// could be followed; elsewhere nothing imports it, nor what needs it.
	Never Reach = "never"
	// NotKnown: something could not be read or told; Reason says what.
	NotKnown Reach = "not known"
)

// A Reachability is a label with what it rests on.
type Reachability struct {
	Label Reach `json:"label"`
	// Reason is a half sentence; why it is not known, or under which conditions it holds.
	Reason string `json:"reason,omitempty"`
	// At are places where it is imported, "routes/cart.js:3". There may be more.
	At []string `json:"at,omitempty"`
	// Files are a shortest way by which it is loaded, where the packages that are installed
	// could be followed: first a file of the app, last one of the package, each with the
	// line that loads the next: "server.js:3", "node_modules/express/index.js:11".
	Files []string `json:"files,omitempty"`
	// Calls is a way of calls from an entry point to a symbol of the advisory, one function
	// each with its place: "shop.test/app.main (main.go:12)".
	Calls []string `json:"calls,omitempty"`
}

// Saying returns the finding with its message made from the format.
func (f Finding) Saying(format string, args ...any) Finding {
	f.Message = fmt.Sprintf(format, args...)
	return f
}

// In returns the finding in another layer than [Code].
func (f Finding) In(layer Layer) Finding {
	f.Layer = layer
	return f
}

// With returns the finding with another confidence than [Certain].
func (f Finding) With(c Confidence) Finding {
	f.Confidence = c
	return f
}

// A Result is a check's answer about one target.
type Result struct {
	Status Status
	// Reason says why nothing could be told, or on what a proof rests.
	Reason   string
	Findings []Finding
	// Partial says that the check could not see all it had to, so that what it did not
	// find may be there all the same. [NotProven] sets it.
	Partial bool
	// Failed says that something which the check was given could not be read, so that the
	// run as a whole is not complete: a lockfile cut short, advisories that are none.
	Failed bool
	// Unjudged are ids of rules that do not apply to this target, such as those of a
	// header that a local name must not have.
	Unjudged []string
	// Grades are marks by other people's scales, for whoever compares. They decide
	// nothing.
	Grades []Grade
	// Scan is what a whole scan of the server saw, as a JSON object; nil for none. What of
	// it is a fault is among Findings.
	Scan json.RawMessage
}

// A Grade is a mark by somebody else's scale, such as MDN's HTTP Observatory.
type Grade struct {
	// Scale names it with its version: "MDN HTTP Observatory v6".
	Scale string `json:"scale"`
	// Of is what was graded: an address.
	Of    string `json:"of"`
	Grade string `json:"grade"`
	Score int    `json:"score"`
	// Lines are what the score is made of.
	Lines []GradeLine `json:"lines,omitempty"`
}

// A GradeLine is one test of a scale.
type GradeLine struct {
	Test     string `json:"test"`
	Result   string `json:"result"`
	Pass     bool   `json:"pass"`
	Modifier int    `json:"modifier"`
}

// Conclude is the answer of a check that saw all it had to: Broken when a finding is
// above [Info], Proved otherwise. The reason says on what it rests.
func Conclude(reason string, findings []Finding) Result {
	for _, f := range findings {
		if f.Severity > Info {
			return Result{Status: Broken, Reason: reason, Findings: findings}
		}
	}
	return Result{Status: Proved, Reason: reason, Findings: findings}
}

// NotProven is the answer of a check that could not see all it had to. A finding above
// [Info] still breaks the practice: what was seen was seen.
func NotProven(reason string, findings ...Finding) Result {
	r := Conclude(reason, findings)
	r.Partial = true
	if r.Status == Proved {
		r.Status = Unproven
	}
	return r
}
