package report

import (
	"fmt"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// A pageStrip is a row of fields, one a practice, drawn in units of the picture.
type pageStrip struct {
	Width int
	Says  string
	Cells []pageCell
}

type pageCell struct {
	X, IconX    int
	Class, Name string
}

// The measures of a field: its width with the gap after it, and the icon's place in it.
const (
	cellStep  = 40
	cellWidth = 36
	iconInset = 8
)

func strip(when string, rows []audit.Practice) pageStrip {
	s := pageStrip{Width: max(1, len(rows)*cellStep-(cellStep-cellWidth))}
	count := make(map[string]int)
	for i, row := range rows {
		count[class(row.Status)]++
		s.Cells = append(s.Cells, pageCell{i * cellStep, i*cellStep + iconInset, class(row.Status), line(row.ID) + ": " + status(row.Status)})
	}
	s.Says = fmt.Sprintf("%s: %d proved, %d broken, %d not proven", when, count["proved"], count["broken"], count["unproven"])
	return s
}

// A pageBar is one bar of a chart; its width is in hundredths.
type pageBar struct {
	Name, Class string
	N, Width    int
}

// severities counts the findings, the worst first.
func severities(r *audit.Report) []pageBar {
	count := make(map[check.Severity]int)
	most := 0
	for _, f := range r.Findings {
		s := min(f.Severity, check.Critical)
		count[s]++
		most = max(most, count[s])
	}
	var bars []pageBar
	for s := check.Critical; ; s-- {
		bars = append(bars, pageBar{s.String(), s.String(), count[s], share(count[s], most)})
		if s == check.Info {
			return bars
		}
	}
}

// share is n of most in hundredths; what is there is seen.
func share(n, most int) int {
	if n <= 0 || most <= 0 {
		return 0
	}
	return max(1, n*100/most)
}
