package report_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

// withScan is a report with one scan of a TLS server.
func withScan(doc string) *audit.Report {
	return &audit.Report{Practices: []audit.Practice{{ID: "tls", Status: check.Proved, Scans: []json.RawMessage{json.RawMessage(doc)}}}}
}

const scanDoc = `{"address": "127.0.0.1:443",
  "grade": {"grade": "C", "score": 91, "caps": [{"grade": "C", "reason": "POODLE"}, {"grade": "B", "reason": "SSLv3 is spoken"}], "warnings": ["TLS 1.3 is not spoken"], "untested": ["hsts"]},
  "mozilla": {"5.8/old": {"pass": true, "reasons": []}, "6.0/intermediate": {"pass": false, "reasons": ["protocols", "suites"], "why": {"protocols": "TLSv1.0 spoken; allowed: TLSv1.2, TLSv1.3"}},
    "6.0/modern": {"pass": false, "reasons": ["protocols"]}},
  "profile": {"name": "own.json#strict", "pass": true, "reasons": [], "untested": ["hsts"]},
  "certificates": [{"subject": "CN=app.test", "key": "ecdsa", "bits": 256, "not_after": "2027-01-29T10:00:00Z", "trusted": true, "name_ok": false, "stores": {"system": false, "ca.pem": true}, "revocation": "good"}],
  "post_quantum": {"verdict": "readable", "reason": "add TLS 1.3"}, "incomplete": ["the time ran out"]}`

func TestTextOfScans(t *testing.T) {
	got := text(t, withScan(scanDoc), report.Style{Width: 120})
	_, got, _ = strings.Cut(got, "\nTLS of ")
	want := strings.Join([]string{
		"127.0.0.1:443",
		"  profile own.json#strict   yes        not seen: hsts",
		"  SSL Labs 2009r            C          POODLE, and 1 more; not seen: hsts",
		"  Mozilla 6.0/modern        no         protocols",
		"  Mozilla 6.0/intermediate  no         TLSv1.0 spoken; allowed: TLSv1.2, TLSv1.3; and suites",
		"  Mozilla 5.8/old           yes",
		"  post-quantum              readable   add TLS 1.3",
		"  certificate               trusted    CN=app.test, ecdsa with 256 bits, until 2027-01-29; for another name; by ca.pem;",
		"                                       not by system; revocation: good",
		"  incomplete                yes        the time ran out", ""}, "\n")
	if got != want {
		t.Errorf("Text = \n%s\nwant\n%s", got, want)
	}
}

// TestScansOfOthers holds that a document that is no scan says nothing, and that nothing
// of a server reaches the terminal as it is.
func TestScansOfOthers(t *testing.T) {
	for _, doc := range []string{`{}`, `[]`, `"x"`, `{"address": 7}`, `{"address": "a:1", "incomplete": ["cut"]}`, `{`} {
		if got := text(t, withScan(doc), report.Style{}); strings.Contains(got, "TLS of") {
			t.Errorf("the scan %s is written: %s", doc, got)
		}
	}
	got := text(t, withScan(`{"address": "a\u001b[2J:1", "grade": {"grade": "F", "caps": [{"grade": "F", "reason": "for CN=\u001b]0;x\u0007\nown"}]}}`), report.Style{})
	if strings.ContainsAny(got, "\x1b\x07") || !strings.Contains(got, "TLS of") || strings.Contains(got, "\nown") {
		t.Errorf("foreign text is written as %q", got)
	}
}

func TestPageOfScans(t *testing.T) {
	var b strings.Builder
	if err := report.Write(&b, "html", withScan(scanDoc), report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<section id="scans"`, "127.0.0.1:443", "<td>POODLE, and 1 more; not seen: hsts</td>", `<a href="#scans">`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
