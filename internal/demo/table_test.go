package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report"
)

func TestWriteTable(t *testing.T) {
	rows := []row{
		{Practice: practice.Practice{ID: "tls", Door: practice.Yes}, Naked: check.Broken, Behind: check.Proved, Reason: "all well"},
		{Practice: practice.Practice{ID: "sessions", Door: practice.Cannot, DoorNote: "the store is inside the app", Pending: "x"}, Naked: check.Unproven, Behind: check.Unproven},
		{Practice: practice.Practice{ID: "csrf", Door: practice.Yes, Pending: "not built yet"}, Naked: check.Unproven, Behind: check.Unproven},
		{Practice: practice.Practice{ID: "errors", Door: practice.Yes}, Naked: check.Broken, Behind: check.Broken, Reason: "a stack trace"},
	}
	const summary = "\nProved: 0 of 4 naked, 1 behind the door. Only the app can mend 1 of the others.\n"
	for _, tc := range []struct {
		name  string
		style report.Style
		want  string
	}{
		{"pipe", report.Style{}, "" +
			"PRACTICE  NAKED       BEHIND THE DOOR\n" +
			"tls       broken      proved\n" +
			"sessions  not proven  not at the door  the store is inside the app\n" +
			"csrf      not proven  not proven       not built yet\n" +
			"errors    broken      broken           a stack trace\n" + summary},
		{"narrow terminal", report.Style{Width: 60}, "" +
			"PRACTICE  NAKED       BEHIND THE DOOR\n" +
			"tls       broken      proved\n" +
			"sessions  not proven  not at the door\n" +
			"csrf      not proven  not proven\n" +
			"errors    broken      broken\n" + summary},
		{"colour", report.Style{Color: true, Width: 200}, "" +
			"PRACTICE  NAKED       BEHIND THE DOOR\n" +
			"tls       \x1b[31mbroken    \x1b[0m  \x1b[32mproved         \x1b[0m\n" +
			"sessions  \x1b[33mnot proven\x1b[0m  \x1b[2mnot at the door\x1b[0m  \x1b[2mthe store is inside the app\x1b[0m\n" +
			"csrf      \x1b[33mnot proven\x1b[0m  \x1b[33mnot proven     \x1b[0m  \x1b[2mnot built yet\x1b[0m\n" +
			"errors    \x1b[31mbroken    \x1b[0m  \x1b[31mbroken         \x1b[0m  \x1b[2ma stack trace\x1b[0m\n" + summary},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := writeTable(&got, rows, tc.style); err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.want {
				t.Errorf("table =\n%s\nwant\n%s", got.String(), tc.want)
			}
		})
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	rows := []row{{Practice: practice.Practice{ID: "csrf", Pending: strings.Repeat("ü", 200)}, Naked: check.Unproven, Behind: check.Unproven}}
	var got bytes.Buffer
	if err := writeTable(&got, rows, report.Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	line := strings.Split(got.String(), "\n")[1]
	if n := len([]rune(line)); n != 80 || !strings.HasSuffix(line, "…") {
		t.Errorf("row of %d columns: %q, want 80 and an ellipsis", n, line)
	}
}
