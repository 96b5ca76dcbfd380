package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

// herd is a fleet of three: one with findings, one that is clean, one without a report.
func herd() []*report.Member {
	clean := sample()
	clean.Findings, clean.Ignored, clean.Baseline = []check.Finding{}, nil, nil
	for i := range clean.Practices {
		clean.Practices[i].Status = check.Proved
	}
	return []*report.Member{
		{Line: 1, Address: "shop.example:443", Report: sample()},
		{Line: 4, Address: "192.0.2.1:443", Name: "www.shop.example", Report: clean, Reused: true, At: time.Unix(1800000000, 5).UTC()},
		{Line: 5, Address: "gone.example:443", Problem: "nobody is there ::error::\x1b[2J ##[group]"},
	}
}

func writtenFleet(t *testing.T, format string, members []*report.Member) (string, report.Summary) {
	t.Helper()
	var out bytes.Buffer
	w, err := report.NewFleet(&out, format, report.Options{Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	tally := report.NewTally(4, check.Low)
	for _, m := range members {
		tally.Add(m)
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	sum := tally.Summary()
	sum.Duration = 1500
	if err := w.Close(sum); err != nil {
		t.Fatal(err)
	}
	return out.String(), sum
}

func TestFleetSummary(t *testing.T) {
	_, sum := writtenFleet(t, "text", herd())
	if sum.Targets != 4 || sum.Done != 3 || sum.Clean != 1 || sum.Findings != 1 || sum.Incomplete != 1 || sum.Reused != 1 || !sum.Stopped {
		t.Errorf("the summary is %+v", sum)
	}
	if sum.Oldest == nil || sum.Oldest.Unix() != 1800000000 {
		t.Errorf("the oldest is %v", sum.Oldest)
	}
	if sum.Outcome() != audit.Found || (report.Summary{Incomplete: 1}).Outcome() != audit.Incomplete || (report.Summary{Stopped: true}).Outcome() != audit.Incomplete || (report.Summary{Clean: 1}).Outcome() != audit.Clean {
		t.Error("findings come first, then what is incomplete, and the rest is clean")
	}
	for i, b := range sum.Worst {
		if b.Targets != 1 || !reflect.DeepEqual(b.First, []string{"shop.example:443"}) || i > 0 && sum.Worst[i-1].Severity < b.Severity {
			t.Errorf("worst[%d] is %+v", i, b)
		}
	}
	if len(sum.Worst) == 0 {
		t.Error("nothing is the worst")
	}
}

// TestFleetForms holds that each form is whole in itself, and that nothing of a target
// reaches a terminal or GitHub's runner.
func TestFleetForms(t *testing.T) {
	for _, format := range report.FleetFormats() {
		text, _ := writtenFleet(t, format, herd())
		for _, bad := range []string{"\x1b", "##[", "\n::"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q: %s", format, bad, text)
			}
		}
		if !strings.HasSuffix(text, "\n") {
			t.Errorf("%s does not end its last line", format)
		}
		switch format {
		case "text":
			if n := strings.Count(text, "\nfindings ") + strings.Count(text, "\nclean ") + strings.Count(text, "\nincomplete "); n != 3 {
				t.Errorf("%d lines of targets:\n%s", n, text)
			}
			for _, want := range []string{"3 of 4 targets in 1.5s: 1 clean, 1 with findings, 1 incomplete", "stopped: 1 targets were not looked at", "the oldest of 2027-01-15"} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
		case "jsonl":
			lines := strings.Split(strings.TrimSpace(text), "\n")
			if len(lines) != 4 || !strings.Contains(lines[3], `"summary":{"targets":4`) {
				t.Errorf("%d lines", len(lines))
			}
			for _, l := range lines {
				if !json.Valid([]byte(l)) {
					t.Errorf("no JSON: %s", l)
				}
			}
		case "json":
			var doc struct {
				Schema  string
				Targets []struct {
					Line    int
					Outcome string
					Gaps    []string
				}
				Summary *report.Summary
			}
			if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Schema != report.FleetSchema || len(doc.Targets) != 3 || doc.Summary == nil || len(doc.Targets[2].Gaps) != 1 {
				t.Errorf("JSON: %v, %+v", err, doc)
			}
		case "sarif":
			var log struct {
				Runs []struct {
					Tool struct {
						Driver struct{ Rules []struct{ ID string } }
					}
					Results []struct {
						RuleID    string
						RuleIndex int
					}
					Invocations []struct{ ExecutionSuccessful bool }
				}
			}
			if err := json.Unmarshal([]byte(text), &log); err != nil || len(log.Runs) != 1 || len(log.Runs[0].Results) < len(sample().Findings) || log.Runs[0].Invocations[0].ExecutionSuccessful {
				t.Errorf("SARIF: %v, %+v", err, log)
			}
			for _, r := range log.Runs[0].Results {
				if rules := log.Runs[0].Tool.Driver.Rules; r.RuleIndex >= 0 && rules[r.RuleIndex].ID != r.RuleID {
					t.Errorf("rule %d is %s, and not %s", r.RuleIndex, rules[r.RuleIndex].ID, r.RuleID)
				}
			}
		case "junit":
			var suites struct {
				Suites []struct {
					Name                     string     `xml:"name,attr"`
					Tests, Failures, Skipped int        `xml:",attr"`
					Cases                    []struct{} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal([]byte(text), &suites); err != nil || len(suites.Suites) != 3 || suites.Suites[1].Name != "192.0.2.1:443 www.shop.example" {
				t.Errorf("JUnit: %v, %+v", err, suites)
			}
		}
	}
	if _, err := report.NewFleet(nil, "html", report.Options{}); err == nil || !strings.Contains(err.Error(), "text, json, jsonl") {
		t.Errorf("html for many: %v", err)
	}
}

// TestFleetEmpty holds that a run that was stopped before its first target leaves forms
// that can be read.
func TestFleetEmpty(t *testing.T) {
	for _, format := range []string{"json", "sarif"} {
		if text, _ := writtenFleet(t, format, nil); !json.Valid([]byte(text)) {
			t.Errorf("%s: %s", format, text)
		}
	}
	text, _ := writtenFleet(t, "junit", nil)
	if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
		t.Errorf("junit: %v", err)
	}
}

func TestFleetWriterFails(t *testing.T) {
	full := errors.New("no space left")
	for _, format := range report.FleetFormats() {
		w, err := report.NewFleet(unwritable{full}, format, report.Options{})
		if err == nil {
			if err = w.Add(herd()[0]); err == nil {
				err = w.Close(report.Summary{})
			}
		}
		if !errors.Is(err, full) {
			t.Errorf("%s: %v, want what the writer says", format, err)
		}
	}
}

type unwritable struct{ err error }

func (f unwritable) Write([]byte) (int, error) { return 0, f.err }

// TestReadIsTheOtherWay holds that a report comes back from JSON as it was.
func TestReadIsTheOtherWay(t *testing.T) {
	text, err := report.Compact(sample())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("\n")) {
		t.Error("it is not one line")
	}
	r, err := report.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := report.Compact(r)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("it became\n%s\nof\n%s", again, text)
	}
	if r.Outcome(check.Low) != sample().Outcome(check.Low) {
		t.Error("the outcome changed")
	}
	for _, bad := range []string{"", "{}", `{"schema":"panoply.audit/2"}`, "[]"} {
		if _, err := report.Read([]byte(bad)); err == nil {
			t.Errorf("Read(%q) took it", bad)
		}
	}
}
