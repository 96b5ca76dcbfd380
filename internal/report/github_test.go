package report_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

func TestGitHub(t *testing.T) {
	golden(t, "full.github.txt", written(t, "github", full(), report.Options{Threshold: check.Medium}))
}

func TestGitHubEscapes(t *testing.T) {
	r := &audit.Report{Findings: []check.Finding{{
		ID: "a/b", Message: "100% of a::b\nand\rmore", Severity: check.High, Target: shop,
		Evidence: []check.Evidence{{Kind: check.Line, File: "a,b:c%.js", Line: 3}},
	}}}
	want := "::error file=a%2Cb%3Ac%25.js,line=3,title=a/b (high)::100%25 of a::b%0Aandmore\n0 proved, 0 broken, 0 not proven\n"
	if got := string(written(t, "github", r, report.Options{})); got != want {
		t.Errorf("GitHub() = %q, want %q", got, want)
	}
}

// TestGitHubKinds: the worst first, and the kind by threshold and baseline.
func TestGitHubKinds(t *testing.T) {
	for _, tt := range []struct {
		name      string
		finding   check.Finding
		threshold check.Severity
		want      string
	}{
		{"at the threshold", check.Finding{Severity: check.Medium}, check.Medium, "error"},
		{"below it", check.Finding{Severity: check.Low}, check.Medium, "warning"},
		{"known", check.Finding{Severity: check.High, Known: true}, check.Medium, "notice"},
		{"a note", check.Finding{Severity: check.Info}, check.Info, "notice"},
		{"no threshold", check.Finding{Severity: check.Low}, check.Info, "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := string(written(t, "github", &audit.Report{Findings: []check.Finding{tt.finding}}, report.Options{Threshold: tt.threshold}))
			if !strings.HasPrefix(got, "::"+tt.want+" ") {
				t.Errorf("GitHub() = %q, want %s", got, tt.want)
			}
		})
	}
}
