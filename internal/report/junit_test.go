package report_test

import (
	"encoding/xml"
	"fmt"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

func TestJUnit(t *testing.T) {
	golden(t, "full.xml", written(t, "junit", full(), report.Options{Threshold: check.Medium}))
}

// TestJUnitThreshold counts what fails, with Go's own reader.
func TestJUnitThreshold(t *testing.T) {
	for _, tt := range []struct {
		threshold         check.Severity
		failures, skipped int
	}{
		{check.Info, 5, 9}, {check.Low, 5, 9}, {check.Medium, 4, 10}, {check.High, 4, 10}, {check.Critical, 1, 13},
	} {
		t.Run(fmt.Sprint(tt.threshold), func(t *testing.T) {
			var got struct {
				Failures int `xml:"failures,attr"`
				Skipped  int `xml:"skipped,attr"`
				Suites   []struct {
					Name  string `xml:"name,attr"`
					Cases []struct {
						Failure *struct{} `xml:"failure"`
						Skipped *struct{} `xml:"skipped"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal(written(t, "junit", full(), report.Options{Threshold: tt.threshold}), &got); err != nil {
				t.Fatal(err)
			}
			if got.Failures != tt.failures || got.Skipped != tt.skipped {
				t.Errorf("%d failures and %d skipped, want %d and %d", got.Failures, got.Skipped, tt.failures, tt.skipped)
			}
			// What is broken never looks as if it had passed.
			for i, row := range full().Practices {
				for _, c := range got.Suites[i].Cases {
					if row.Status != check.Proved && c.Failure == nil && c.Skipped == nil {
						t.Errorf("suite %s of a practice that is %s has a case that passed", got.Suites[i].Name, row.Status)
					}
				}
			}
		})
	}
}
