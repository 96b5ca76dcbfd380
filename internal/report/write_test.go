package report_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

func ExampleWrite() {
	r := &audit.Report{
		Practices: []audit.Practice{{ID: "csrf", Title: "Cross-site request forgery refused", Status: check.Broken, Severity: check.High}},
		Findings: []check.Finding{{
			ID: "csrf/accepted", Practice: "csrf", Message: "a cross-site post was accepted", Target: "https://shop.example/", Severity: check.High,
			Evidence: []check.Evidence{{Kind: check.Line, File: "routes/cart.js", Line: 8}}, Fix: check.Fix{Express: "check Sec-Fetch-Site"},
		}},
	}
	if err := report.Write(os.Stdout, "github", r, report.Options{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ::error file=routes/cart.js,line=8,title=csrf/accepted (high)::a cross-site post was accepted%0Afix: check Sec-Fetch-Site
	// 0 proved, 1 broken, 0 not proven
}

func TestWriteUnknownFormat(t *testing.T) {
	err := report.Write(&bytes.Buffer{}, "pdf", sample(), report.Options{})
	for _, name := range append(report.Formats(), `"pdf"`) {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Write(pdf) = %v, want an error that names %s", err, name)
		}
	}
}

// TestEqualReportsGiveEqualBytes: nothing but the report decides what is written, and of
// two runs that differ in their duration only the duration differs.
func TestEqualReportsGiveEqualBytes(t *testing.T) {
	for _, format := range report.Formats() {
		t.Run(format, func(t *testing.T) {
			first := written(t, format, full(), report.Options{Version: "1.2.3"})
			for range 5 {
				if !bytes.Equal(first, written(t, format, full(), report.Options{Version: "1.2.3"})) {
					t.Fatalf("Write(%s) gives two texts for one report", format)
				}
			}
			slow := full()
			slow.Duration *= 2
			was, is := strings.Split(string(first), "\n"), strings.Split(string(written(t, format, slow, report.Options{Version: "1.2.3"})), "\n")
			if len(was) != len(is) {
				t.Fatalf("Write(%s) of a slower run has %d lines, want %d", format, len(is), len(was))
			}
			differ := 0
			for i := range was {
				if was[i] != is[i] {
					differ++
				}
			}
			if differ > 1 {
				t.Errorf("Write(%s) of a slower run differs in %d lines, want the duration's at most", format, differ)
			}
		})
	}
}

// failing refuses every write.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteErrorsAreTold(t *testing.T) {
	for _, format := range report.Formats() {
		if err := report.Write(failing{}, format, full(), report.Options{}); err == nil {
			t.Errorf("Write(%s) to a closed file gave no error", format)
		}
	}
}
