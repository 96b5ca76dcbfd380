package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
	// Out holds the notes.
	Out string `xml:"system-out,omitempty"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    string        `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the report as JUnit's XML: a suite for each practice, in the page's
// order. A proved practice is one case that passes, one that is not proven a case that
// was skipped, with the reason. A broken practice has a case for each of its findings:
// at or above the threshold it fails; below it, known by the baseline or ignored it was
// skipped, with the reason, so that nothing that was found looks as if it had passed.
// Notes stand in the suite's output.
func JUnit(w io.Writer, r *audit.Report, threshold check.Severity) error {
	r = clean(r)
	all := junitSuites{Name: "panoply audit", Time: strconv.FormatFloat(r.Duration.Seconds(), 'f', 3, 64)}
	for _, row := range r.Practices {
		s := suite(r, row, threshold)
		s.count()
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
		all.Suites = append(all.Suites, s)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("report: writing JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+inertMarkup(string(text))+"\n")
	return err
}

func (s *junitSuite) count() {
	for _, c := range s.Cases {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
}

func suite(r *audit.Report, row audit.Practice, threshold check.Severity) junitSuite {
	s := junitSuite{Name: line(row.ID)}
	var notes strings.Builder
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Practice != row.ID:
		case f.Severity == check.Info:
			fmt.Fprintf(&notes, "note: %s: %s\n", line(f.ID), line(f.Message))
		default:
			s.Cases = append(s.Cases, foundCase(r, f, threshold))
		}
	}
	for i := range r.Ignored {
		if ignored := &r.Ignored[i]; ignored.Finding.Practice == row.ID {
			c := namedCase(r, &ignored.Finding)
			c.Skipped = &junitSkipped{line(fmt.Sprintf("ignored by %s until %s: %s", ignored.By, ignored.Until, ignored.Reason))}
			s.Cases = append(s.Cases, c)
		}
	}
	own := junitCase{Class: "panoply." + line(row.ID), Name: line(row.Title)}
	switch {
	case row.Status == check.Proved:
		s.Cases = append([]junitCase{own}, s.Cases...)
	case row.Status != check.Broken:
		own.Skipped = &junitSkipped{line("not proven: " + row.Reason)}
		s.Cases = append([]junitCase{own}, s.Cases...)
	case len(s.Cases) == 0:
		own.Failure = &junitFailure{Message: line(row.Reason), Type: row.Severity.String()}
		s.Cases = append(s.Cases, own)
	}
	s.Out = notes.String()
	return s
}

func namedCase(r *audit.Report, f *check.Finding) junitCase {
	c := junitCase{Class: "panoply." + line(f.Practice), Name: line(strings.TrimSpace(f.ID + " " + f.Subject))}
	if e, ok := sourceLine(f); ok {
		c.File, c.Line = sourcePath(r, e.File), strconv.Itoa(e.Line)
	}
	return c
}

func foundCase(r *audit.Report, f *check.Finding, threshold check.Severity) junitCase {
	c := namedCase(r, f)
	switch {
	case f.Known:
		c.Skipped = &junitSkipped{line(fmt.Sprintf("known by the baseline: %s: %s", f.Severity, f.Message))}
	case !fails(f, threshold):
		c.Skipped = &junitSkipped{line(fmt.Sprintf("%s, below the threshold: %s", f.Severity, f.Message))}
	default:
		c.Failure = &junitFailure{Message: line(f.Message), Type: f.Severity.String(), Text: account(f)}
	}
	return c
}

// account is a finding with its evidence as plain text.
func account(f *check.Finding) string {
	var b strings.Builder
	add := func(label, text string) {
		for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
			switch {
			case l == "":
			case i == 0:
				fmt.Fprintf(&b, "\n%s: %s", label, l)
			default:
				fmt.Fprintf(&b, "\n  %s", l)
			}
		}
	}
	for _, e := range f.Evidence {
		add("where", e.Where)
		add("sent", e.Sent)
		add("seen", e.Seen)
	}
	add("again", f.Reproduce)
	add("fix in "+f.Server, f.Fixes[f.Server])
	for _, fix := range inApp(f.Fix) {
		add("fix in "+fix.Name, fix.Text)
	}
	add("fix at the door", f.Fix.Door)
	if f.CWE > 0 {
		add("weakness", fmt.Sprintf("CWE-%d", f.CWE))
	}
	return b.String() + "\n"
}
