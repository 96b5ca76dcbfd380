package report

import (
	"encoding/xml"
	"fmt"
	"io"
)

// fleetJUnit writes a suite for each member with the cases of the practices that were
// looked at. The whole has no totals: they would have to stand before the first suite.
type fleetJUnit struct {
	w io.Writer
	o Options
}

func newFleetJUnit(w io.Writer, o Options) (FleetWriter, error) {
	_, err := io.WriteString(w, xml.Header+`<testsuites name="panoply audit">`+"\n")
	return &fleetJUnit{w, o}, err
}

func (f *fleetJUnit) Add(m *Member) error {
	s := junitSuite{Name: m.name()}
	if m.Report == nil {
		s.Cases = []junitCase{{Class: "panoply", Name: "audit", Skipped: &junitSkipped{line("not proven: " + m.Problem)}}}
	} else {
		r := clean(m.Report)
		for _, row := range r.Practices {
			if len(row.Checks) == 0 {
				continue
			}
			one := suite(r, row, f.o.Threshold)
			s.Cases = append(s.Cases, one.Cases...)
			s.Out += one.Out
		}
		for _, g := range m.Gaps() {
			s.Out += "not whole: " + line(g) + "\n"
		}
	}
	s.count()
	text, err := xml.MarshalIndent(s, "  ", "  ")
	if err != nil {
		return fmt.Errorf("report: writing JUnit: %w", err)
	}
	_, err = io.WriteString(f.w, inertMarkup(string(text))+"\n")
	return err
}

func (f *fleetJUnit) Close(Summary) error {
	_, err := io.WriteString(f.w, "</testsuites>\n")
	return err
}
