package report_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/report"
)

// written is the report in a format.
func written(t *testing.T, format string, r *audit.Report, o report.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, format, r, o); err != nil {
		t.Fatalf("Write(%s): %v", format, err)
	}
	return out.Bytes()
}

// readBy has somebody else's program read the document, and decodes what it says.
func readBy(t *testing.T, reader string, doc []byte, into any, args ...string) {
	t.Helper()
	node := need.Program(t, "node")
	modules := need.Modules(t, "ajv", "@microsoft/jest-sarif", "har-schema", "junit2json")
	cmd := exec.CommandContext(t.Context(), node, append([]string{filepath.Join("testdata", "validate.mjs"), reader}, args...)...)
	cmd.Env = []string{"NPM_MODULES=" + modules}
	cmd.Stdin = bytes.NewReader(doc)
	var noise bytes.Buffer
	cmd.Stderr = &noise
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("reader %s: %v: %s", reader, err, &noise)
	}
	if err := json.Unmarshal(said, into); err != nil {
		t.Fatalf("reader %s said %q: %v", reader, said, err)
	}
}

// samples are the reports that every format is tried on.
func samples() map[string]*audit.Report {
	return map[string]*audit.Report{"sample": sample(), "full": full(), "hostile": hostile(), "empty": {Schema: audit.Schema, Targets: []audit.Target{{}}, Practices: []audit.Practice{}, Findings: []check.Finding{}}}
}

func TestIndependentReadersTakeIt(t *testing.T) {
	options := report.Options{Checks: standard.Checks(), Version: "v1.2.3"}
	for name, r := range samples() {
		for _, format := range []string{"json", "sarif"} {
			if format == "json" && name == "hostile" {
				continue // its ids are markup, which the schema refuses
			}
			t.Run(format+" "+name, func(t *testing.T) {
				var problems []string
				readBy(t, format, written(t, format, r, options), &problems, "schema.json")
				for _, p := range problems {
					t.Error(p)
				}
			})
		}
	}
	t.Run("har", func(t *testing.T) {
		var problems []string
		readBy(t, "har", har(t, exchanges()), &problems)
		for _, p := range problems {
			t.Error(p)
		}
	})
	for name, bad := range map[string]string{
		"json": `{"schema":"panoply.audit/1"}`, "sarif": `{"version":"2.1.0","runs":[{"results":[{}]}]}`, "har": `{"log":{"version":"1.2","creator":{"name":"x"},"entries":[{}]}}`,
	} {
		t.Run("refuses bad "+name, func(t *testing.T) {
			var problems []string
			readBy(t, name, []byte(bad), &problems, "schema.json")
			if len(problems) == 0 {
				t.Errorf("the reader takes %s", bad)
			}
		})
	}
}

// TestJUnitIsReadByOthers compares what a parser of JUnit sees with the report.
func TestJUnitIsReadByOthers(t *testing.T) {
	type testcase struct {
		Name    string
		Failure []struct{ Message, Type, Inner string }
		Skipped []struct{ Message string }
	}
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Tests, Failures, Skipped int
				Testsuite                []struct {
					Name                     string
					Tests, Failures, Skipped int
					Testcase                 []testcase
				}
			}
			readBy(t, "junit", written(t, "junit", r, report.Options{Threshold: check.Medium}), &got)
			if len(got.Testsuite) != len(r.Practices) {
				t.Fatalf("%d suites, want one for each of %d practices", len(got.Testsuite), len(r.Practices))
			}
			tests, failures := 0, 0
			for i, s := range got.Testsuite {
				tests += len(s.Testcase)
				for _, c := range s.Testcase {
					failures += len(c.Failure)
				}
				if want := r.Practices[i].Status; len(s.Testcase) == 0 || want == check.Proved && s.Failures > 0 {
					t.Errorf("suite %s of a %s practice = %+v", s.Name, want, s)
				}
			}
			wanted := 0
			for _, f := range r.Findings {
				if f.Severity >= check.Medium && !f.Known {
					wanted++
				}
			}
			if got.Tests != tests || got.Failures != failures || failures != wanted {
				t.Errorf("tests %d of %d, failures %d of %d, want %d", got.Tests, tests, got.Failures, failures, wanted)
			}
		})
	}
}
