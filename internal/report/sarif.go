package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// sarifSchema names the schema of the standard with its first errata.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// sourceRoot stands for the folder in which the audit was started.
const sourceRoot = "%SRCROOT%"

// SARIF writes the report as a SARIF 2.1.0 log of one run: the rules of the checks, and
// a result for each finding. Ignored findings are results with a suppression. Plain
// structs do; a library for it is larger than all of this.
//
// Every result has a physical location with a relative address, since GitHub's code
// scanning refuses a file in which one has not ("expected a physical location"), and one
// with an https address as well ("SARIF URI scheme did not match the checkout URI
// scheme"). A line of source is such a place. What was seen over the wire has none, so
// its host and path stand there without the scheme, below no uriBaseId and at line 1,
// and the true address is the logical location beside it.
//
// What a baseline had and this run did not find again is in the run's properties and not
// among the results, as it might be with baselineState absent: code scanning does not
// read that state, and would open an alert for what was just mended.
func SARIF(w io.Writer, r *audit.Report, checks []check.Check, version string) error {
	r = clean(r)
	book := newRulebook(r, checks)
	run := sarifRun{
		Tool:              sarifTool{book.driver(version)},
		AutomationDetails: sarifAutomation{automationID(r)},
		Invocations:       []sarifInvocation{invocation(r)},
		Results:           []sarifResult{},
		Taxonomies:        book.taxonomies(),
		ColumnKind:        "utf16CodeUnits",
		RedactionTokens:   []string{redact.Mask},
		Properties:        runBag(r),
	}
	for i := range r.Findings {
		run.Results = append(run.Results, sarifResultOf(r, book, &r.Findings[i]))
	}
	for i := range r.Ignored {
		x := sarifResultOf(r, book, &r.Ignored[i].Finding)
		x.Suppressions = []sarifSuppression{suppression(&r.Ignored[i])}
		run.Results = append(run.Results, x)
	}
	if slices.ContainsFunc(run.Results, func(x sarifResult) bool { return x.Locations[0].Physical.Artifact.Base != "" }) {
		run.OriginalBases = map[string]any{sourceRoot: map[string]any{"description": sarifText{Text: "the folder in which the audit was started"}}}
	}
	text, err := json.MarshalIndent(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}}, "", "  ")
	if err != nil {
		return fmt.Errorf("report: writing SARIF: %w", err)
	}
	_, err = w.Write(append(inertJSON(text), '\n'))
	return err
}

// automationID tells runs against different targets apart, by host and not by port. The
// slash at its end says that there is no id of the single run.
func automationID(r *audit.Report) string {
	var names []string
	for _, t := range r.Targets {
		name := "source"
		if u, err := url.Parse(t.URL); err == nil && u.Host != "" {
			name = u.Hostname()
		}
		if !slices.Contains(names, name) {
			names = append(names, line(name))
		}
	}
	return "panoply-audit/" + strings.Join(names, "+") + "/"
}

// invocation says whether the run told anything, and which practices are not proven.
func invocation(r *audit.Report) sarifInvocation {
	in := sarifInvocation{Successful: r.Outcome(check.Critical+1) != audit.Incomplete}
	for _, row := range r.Practices {
		if row.Status == check.Unproven {
			in.Notifications = append(in.Notifications, sarifNotification{"note", message(row.ID + " is not proven: " + row.Reason)})
		}
	}
	return in
}

func sarifResultOf(r *audit.Report, book *rulebook, f *check.Finding) sarifResult {
	x := sarifResult{
		RuleID: line(f.ID), RuleIndex: book.index[f.ID], Kind: "fail", Level: level(f.Severity), Message: message(f.Message),
		Fingerprints: map[string]string{"panoply/v1": line(f.Fingerprint)}, Properties: resultBag(f),
	}
	if r.Baseline != nil {
		x.Baseline = "new"
		if f.Known {
			x.Baseline = "unchanged"
		}
	}
	first, ok := sourceLine(f)
	if !ok {
		// Code scanning tells alerts apart by this one; for a file that exists it makes
		// its own.
		x.Fingerprints["primaryLocationLineHash"] = line(f.Fingerprint) + ":1"
		if len(f.Evidence) > 0 {
			first = f.Evidence[0]
		}
	}
	x.Locations = []sarifLocation{location(r, f, first)}
	for _, e := range f.Evidence {
		if e != first {
			l := location(r, f, e)
			said := message(e.Where)
			l.Message = &said
			x.Related = append(x.Related, l)
		}
	}
	if i := slices.IndexFunc(f.Evidence, func(e check.Evidence) bool { _, _, ok := address(e); return ok && e.Seen != "" }); i >= 0 {
		x.Request, x.Response = exchange(f.Evidence[i])
	}
	return x
}

// message is one line that holds no link: viewers make one of [text](address).
func message(text string) sarifText {
	return sarifText{Text: strings.ReplaceAll(line(text), "](", "] (")}
}

// level is the severity in SARIF's three steps.
func level(s check.Severity) string {
	switch {
	case s >= check.High:
		return "error"
	case s >= check.Low:
		return "warning"
	}
	return "note"
}

func location(r *audit.Report, f *check.Finding, e check.Evidence) sarifLocation {
	if e.File != "" {
		l := sarifLocation{Physical: sarifPhysical{sarifArtifact{relative(sourcePath(r, e.File)), sourceRoot}, sarifRegion{StartLine: max(e.Line, 1)}}}
		if e.Seen != "" {
			l.Physical.Region.Snippet = &sarifText{Text: redact.Printable(e.Seen)}
		}
		return l
	}
	u := site(f, e)
	if u == nil {
		// A finding on the folder as a whole.
		return sarifLocation{Physical: sarifPhysical{sarifArtifact{relative(sourcePath(r, ".")) + "/", sourceRoot}, sarifRegion{StartLine: 1}}}
	}
	at := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return sarifLocation{
		Physical: sarifPhysical{sarifArtifact{URI: relative(path.Join(u.Hostname(), path.Clean("/"+u.Path)))}, sarifRegion{StartLine: 1}},
		Logical:  []sarifLogical{{line(at.String()), "resource"}},
	}
}

// relative is the path as a relative address; a colon in its first segment would make
// that a scheme.
func relative(p string) string {
	u := url.URL{Path: redact.Printable(p)}
	text := strings.ReplaceAll(strings.TrimPrefix(u.EscapedPath(), "/"), ":", "%3A")
	if text == "" {
		return "."
	}
	return text
}

// suppression says by whose word a finding is left out: a comment beside the line that
// it is about, or an entry elsewhere.
func suppression(i *audit.Ignored) sarifSuppression {
	s := sarifSuppression{
		Kind: "external", Status: "accepted", Justification: line(i.Reason),
		Properties: map[string]string{"by": line(i.By), "until": line(i.Until)},
	}
	if at := strings.LastIndex(i.By, ":"); at > 0 && slices.ContainsFunc(i.Finding.Evidence, func(e check.Evidence) bool { return e.File == i.By[:at] }) {
		s.Kind = "inSource"
	}
	return s
}

// exchange reads what evidence shows of a request and its answer.
func exchange(e check.Evidence) (*sarifRequest, *sarifResponse) {
	method, u, _ := address(e)
	request := &sarifRequest{Protocol: "http", Target: line(u.String()), Method: method}
	request.Headers, request.Body = headAndBody(e.Sent)
	first, rest, _ := strings.Cut(e.Seen, "\n")
	number, reason, _ := strings.Cut(first, " ")
	status, err := strconv.Atoi(number)
	if err != nil || status < 100 || status > 999 {
		return request, nil
	}
	response := &sarifResponse{Protocol: "http", Status: status, Reason: line(reason)}
	response.Headers, response.Body = headAndBody(rest)
	return request, response
}

// headAndBody reads header lines, and after an empty line the body. A header that comes
// twice holds both values, one a line, as cookies cannot be joined by commas.
func headAndBody(text string) (map[string]string, *sarifText) {
	head, rest, _ := strings.Cut(text, "\n\n")
	if strings.HasPrefix(text, "\n") {
		head, rest = "", text[1:]
	}
	headers := make(map[string]string)
	for l := range strings.SplitSeq(head, "\n") {
		name, value, ok := strings.Cut(l, ": ")
		if name = line(name); !ok || name == "" || strings.Contains(name, " ") {
			continue // such as "X-Frame-Options is absent"
		}
		if before, twice := headers[name]; twice {
			value = before + "\n" + value
		}
		headers[name] = redact.Printable(value)
	}
	if rest == "" {
		return headers, nil
	}
	return headers, &sarifText{Text: redact.Printable(rest)}
}
