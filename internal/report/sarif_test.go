package report_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/report"
)

// demoChecks are two checks whose rules do not change with the program.
func demoChecks() []check.Check {
	return []check.Check{
		{
			ID: "headers", Practice: "headers", Why: "Headers switch on the browser's own defences.", Bad: "res.send(page)", Good: "app.use(helmet())",
			Rules: check.Rules{
				{ID: "headers/csp-absent", Title: "documents have no enforced Content-Security-Policy", Severity: check.Medium, CWE: 693, ASVS: []string{"3.4.3"}},
				{ID: "headers/nosniff-absent", Title: "X-Content-Type-Options is absent", Severity: check.Low, CWE: 430, Why: "A browser guesses what an answer is."},
				{ID: "headers/hsts-short", Title: "Strict-Transport-Security is short", Severity: check.Low},
			},
		},
		{ID: "cookies", Practice: "cookies", Rules: check.Rules{{ID: "cookies/samesite-none", Title: "a cookie has SameSite=None", Severity: check.Info}}},
	}
}

type sarif struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Version, SemanticVersion string
				Rules                    []struct {
					ID                   string
					Help                 struct{ Text, Markdown string }
					DefaultConfiguration struct{ Level string }
					Relationships        []struct {
						Target struct {
							ID    string
							Index int
						}
					}
					Properties struct {
						Tags             []string
						SecuritySeverity string `json:"security-severity"`
						Precision        string
					}
				}
			}
		}
		Taxonomies  []struct{ Taxa []struct{ ID string } }
		Invocations []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
		AutomationDetails struct{ ID string }
		Results           []sarifResult
		Properties        struct {
			Gone []struct{ Fingerprint string }
		}
	}
}

type sarifResult struct {
	RuleID, Level, BaselineState string
	RuleIndex                    int
	Message                      struct{ Text string }
	Locations                    []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI, URIBaseID string }
			Region           struct {
				StartLine int
				Snippet   struct{ Text string }
			}
		}
		LogicalLocations []struct{ FullyQualifiedName string }
	}
	PartialFingerprints map[string]string
	Suppressions        []struct{ Kind, Justification string }
	WebRequest          *struct {
		Target, Method string
		Headers        map[string]string
	}
	WebResponse *struct {
		StatusCode int
		Headers    map[string]string
		Body       struct{ Text string }
	}
}

func readSARIF(t *testing.T, r *audit.Report, o report.Options) sarif {
	t.Helper()
	var log sarif
	if err := json.Unmarshal(written(t, "sarif", r, o), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSARIF(t *testing.T) {
	golden(t, "full.sarif", written(t, "sarif", full(), report.Options{Checks: demoChecks(), Version: "v1.2.3"}))
}

// TestSARIFIsWhatGitHubTakes: every result has a relative place and a rule, whatever the
// evidence is.
func TestSARIFIsWhatGitHubTakes(t *testing.T) {
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			run := readSARIF(t, r, report.Options{Checks: standard.Checks()}).Runs[0]
			if want := len(r.Findings) + len(r.Ignored); len(run.Results) != want {
				t.Errorf("%d results, want %d", len(run.Results), want)
			}
			for _, x := range run.Results {
				if x.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID {
					t.Errorf("%.60q has the rule %d, which is another one", x.RuleID, x.RuleIndex)
				}
				at := x.Locations[0].PhysicalLocation
				before, _, _ := strings.Cut(at.ArtifactLocation.URI, "/")
				if at.ArtifactLocation.URI == "" || strings.HasPrefix(at.ArtifactLocation.URI, "/") || strings.Contains(before, ":") || at.Region.StartLine < 1 {
					t.Errorf("%.60q is at %.80q line %d, want a relative address and a line", x.RuleID, at.ArtifactLocation.URI, at.Region.StartLine)
				}
				if strings.Contains(x.Message.Text, "](") || strings.Contains(x.Message.Text, "\n") {
					t.Errorf("the message %.60q holds a link or several lines", x.Message.Text)
				}
				if x.PartialFingerprints["panoply/v1"] == "" {
					t.Errorf("%.60q has no fingerprint", x.RuleID)
				}
			}
		})
	}
}

func TestSARIFResults(t *testing.T) {
	run := readSARIF(t, full(), report.Options{Checks: demoChecks(), Version: "v1.2.3"}).Runs[0]
	by := make(map[string]sarifResult)
	for _, x := range run.Results {
		by[x.RuleID] = x
	}
	csp := by["headers/csp-absent"]
	if got := csp.Locations[0]; got.PhysicalLocation.ArtifactLocation.URI != "staging.shop.example/" && got.PhysicalLocation.ArtifactLocation.URI != "staging.shop.example" ||
		got.LogicalLocations[0].FullyQualifiedName != shop {
		t.Errorf("a finding of the wire is at %+v, want host and path without the scheme, and the address beside it", got)
	}
	if csp.BaselineState != "unchanged" || by["sessions/secret-in-source"].BaselineState != "new" {
		t.Errorf("baseline states %q and %q, want unchanged and new", csp.BaselineState, by["sessions/secret-in-source"].BaselineState)
	}
	secret := by["sessions/secret-in-source"].Locations[0].PhysicalLocation
	if secret.ArtifactLocation.URI != "shop/server.js" || secret.ArtifactLocation.URIBaseID != "%SRCROOT%" || secret.Region.StartLine != 12 || !strings.Contains(secret.Region.Snippet.Text, "session(") {
		t.Errorf("a line of source is at %+v, want shop/server.js:12 with its text", secret)
	}
	trace := by["errors/stack-trace"]
	if trace.Level != "error" || trace.WebRequest == nil || trace.WebRequest.Headers["Accept"] != "text/html" || trace.WebResponse.StatusCode != 500 ||
		trace.WebResponse.Headers["Content-Type"] == "" || !strings.Contains(trace.WebResponse.Body.Text, "TypeError") {
		t.Errorf("the exchange is %+v, %+v, want what the evidence shows", trace.WebRequest, trace.WebResponse)
	}
	if around := by["proxy-trust/around"]; around.WebRequest != nil || len(around.Locations) != 1 {
		t.Errorf("a packet is %+v, want no exchange", around)
	}
	for id, want := range map[string]string{"headers/hsts-short": "external", "cookies/http-only-off": "inSource"} {
		if got := by[id].Suppressions; len(got) != 1 || got[0].Kind != want || got[0].Justification == "" {
			t.Errorf("%s is suppressed as %+v, want %s with the reason", id, got, want)
		}
	}
	if gone := run.Properties.Gone; len(gone) != 2 || slices.ContainsFunc(run.Results, func(x sarifResult) bool { return x.PartialFingerprints["panoply/v1"] == gone[0].Fingerprint }) {
		t.Errorf("gone = %+v, want two beside the results", gone)
	}
	if in := run.Invocations[0]; !in.ExecutionSuccessful || len(in.ToolExecutionNotifications) != 5 {
		t.Errorf("invocation = %+v, want success and five practices that are not proven", in)
	}
	if got := run.AutomationDetails.ID; got != "panoply-audit/staging.shop.example/" {
		t.Errorf("automationDetails.id = %q, want it by the host", got)
	}
}

func TestSARIFRules(t *testing.T) {
	run := readSARIF(t, full(), report.Options{Checks: demoChecks(), Version: "v1.2.3"}).Runs[0]
	rules := run.Tool.Driver.Rules
	csp := rules[0]
	if csp.DefaultConfiguration.Level != "warning" || csp.Properties.SecuritySeverity != "5.5" || csp.Properties.Precision != "very-high" ||
		!slices.Equal(csp.Properties.Tags, []string{"security", "headers", "external/cwe/cwe-693"}) || !strings.Contains(csp.Help.Markdown, "app.use(require('helmet')())") {
		t.Errorf("rule = %+v", csp)
	}
	if rules[1].Properties.Precision != "high" {
		t.Errorf("precision of a rule with a firm finding = %q, want high", rules[1].Properties.Precision)
	}
	for _, rule := range rules {
		for _, rel := range rule.Relationships {
			if got := run.Taxonomies[0].Taxa[rel.Target.Index].ID; got != rel.Target.ID {
				t.Errorf("%s points at weakness %s, want %s", rule.ID, got, rel.Target.ID)
			}
		}
	}
}

func TestSARIFVersion(t *testing.T) {
	for version, want := range map[string]string{"v1.2.3": "1.2.3", "1.2.3-4-gabcdef0": "1.2.3-4-gabcdef0", "devel": "", "": "", "abcdef0-dirty": ""} {
		if got := readSARIF(t, sample(), report.Options{Version: version}).Runs[0].Tool.Driver.SemanticVersion; got != want {
			t.Errorf("semanticVersion of %q = %q, want %q", version, got, want)
		}
	}
}

func TestSARIFOfARunThatToldNothing(t *testing.T) {
	r := &audit.Report{Targets: []audit.Target{{URL: shop}}, Practices: []audit.Practice{{ID: "headers", Status: check.Unproven, Reason: "no answer", Checks: []string{"headers"}}}}
	if readSARIF(t, r, report.Options{}).Runs[0].Invocations[0].ExecutionSuccessful {
		t.Error("a run that told nothing was successful")
	}
}

// TestSARIFPlacesStayInTheTree: a file name from elsewhere leads nowhere else.
func TestSARIFPlacesStayInTheTree(t *testing.T) {
	for _, tt := range []struct{ folder, file, want string }{
		{".", "a.js", "a.js"}, {"", "a.js", "a.js"}, {"./shop", "a b.js", "shop/a%20b.js"}, {"/srv/shop", "a.js", "a.js"}, {"../shop", "a.js", "a.js"},
		{"shop", "../../etc/passwd", "shop/etc/passwd"}, {".", "/etc/passwd", "etc/passwd"}, {".", "https://evil.example/x", "https%3A/evil.example/x"}, {".", "a\\b.js", "a%5Cb.js"},
	} {
		r := &audit.Report{Targets: []audit.Target{{Folder: tt.folder}}, Findings: []check.Finding{{ID: "a/b", Evidence: []check.Evidence{{Kind: check.Line, File: tt.file, Line: 1}}}}}
		if got := readSARIF(t, r, report.Options{}).Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != tt.want {
			t.Errorf("uri of %q in %q = %q, want %q", tt.file, tt.folder, got, tt.want)
		}
	}
}

// FuzzSARIF: whatever evidence says, the log is JSON and each place in it is relative.
func FuzzSARIF(f *testing.F) {
	f.Add("GET https://shop.example/a?b (logged in)", "A: b\n\nbody", "200 OK\nA: b\nA: c\nB is absent\n\nbody", "routes/a.js", shop)
	f.Add("GET http://[::1]:80/:x", "\n", "x", "", "http://h:80/%zz")
	f.Add("", "", "999", "../..", "")
	f.Add("GET https://shop.example/../../etc/passwd", "", "", "", "https://shop.example/..")
	f.Fuzz(func(t *testing.T, where, sent, seen, file, target string) {
		r := &audit.Report{Targets: []audit.Target{{URL: target, Folder: file}}, Findings: []check.Finding{
			{ID: "a/b", Target: target, Evidence: []check.Evidence{{Where: where, Sent: sent, Seen: seen}}},
			{ID: "a/c", Target: target, Evidence: []check.Evidence{{Kind: check.Line, Where: where, File: file, Line: 1, Seen: seen}}},
			{ID: "a/d", Target: target},
		}}
		for _, x := range readSARIF(t, r, report.Options{}).Runs[0].Results {
			at := x.Locations[0].PhysicalLocation.ArtifactLocation.URI
			u, err := url.Parse(at)
			if err != nil || at == "" || u.IsAbs() || u.Host != "" || strings.HasPrefix(at, "/") || strings.Contains("/"+at+"/", "/../") {
				t.Fatalf("%s is at %q, want a relative address: %v", x.RuleID, at, err)
			}
		}
	})
}
