package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report"
)

// A row is what the two audits say of one practice.
type row struct {
	practice.Practice
	Naked, Behind check.Status
	// Reason is the audit's behind the door.
	Reason string
}

func compare(naked, behind *audit.Report) []row {
	all := practice.All()
	rows := make([]row, len(all))
	for i, p := range all {
		rows[i] = row{Practice: p, Naked: check.Unproven, Behind: check.Unproven}
		if got, ok := naked.Practice(p.ID); ok {
			rows[i].Naked = got.Status
		}
		if got, ok := behind.Practice(p.ID); ok {
			rows[i].Behind, rows[i].Reason = got.Status, got.Reason
		}
	}
	return rows
}

// writeObject writes the rows as one JSON object, in their order.
func writeObject(w io.Writer, rows []row) error {
	var b bytes.Buffer
	b.WriteString("{\n")
	for i, r := range rows {
		pair, err := json.Marshal(struct {
			Naked check.Status `json:"naked"`
			Door  check.Status `json:"door"`
		}{r.Naked, r.Behind})
		if err != nil {
			return err
		}
		end := ",\n"
		if i == len(rows)-1 {
			end = "\n"
		}
		fmt.Fprintf(&b, "  %q: %s%s", r.ID, pair, end)
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}

// notAtTheDoor is said of a practice that no proxy can provide.
const notAtTheDoor = "not at the door"

// door is what the table says behind the door.
func (r row) door() string {
	if r.Door == practice.Cannot && r.Behind != check.Broken {
		return notAtTheDoor
	}
	return string(r.Behind)
}

// note says why a row is not green.
func (r row) note() string {
	switch {
	case r.Door == practice.Cannot:
		return r.DoorNote
	case r.Behind == check.Proved:
		return ""
	case r.Pending != "":
		return r.Pending
	}
	return r.Reason
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

var colours = map[string]string{string(check.Broken): red, string(check.Proved): green, string(check.Unproven): yellow, notAtTheDoor: dim}

// noteWidth is what a terminal needs besides the columns for notes to be shown; where
// the width is not known, in a pipe, they are.
const noteWidth = 30

func writeTable(w io.Writer, rows []row, style report.Style) error {
	idWidth := len("practice")
	for _, r := range rows {
		idWidth = max(idWidth, len(r.ID))
	}
	const nakedWidth, doorWidth = len("not proven"), len(notAtTheDoor)
	room := style.Width - idWidth - nakedWidth - doorWidth - 6
	notes := style.Width == 0 || room >= noteWidth
	paint := func(colour, text string) string {
		if !style.Color || colour == "" {
			return text
		}
		return colour + text + plain
	}

	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %-*s  %s\n", idWidth, "PRACTICE", nakedWidth, "NAKED", "BEHIND THE DOOR")
	held, bare, cannot := 0, 0, 0
	for _, r := range rows {
		naked, behind := string(r.Naked), r.door()
		if r.Behind == check.Proved {
			held++
		}
		if r.Naked == check.Proved {
			bare++
		}
		if behind == notAtTheDoor {
			cannot++
		}
		line := fmt.Sprintf("%-*s  %s  %s", idWidth, r.ID,
			paint(colours[naked], fmt.Sprintf("%-*s", nakedWidth, naked)), paint(colours[behind], fmt.Sprintf("%-*s", doorWidth, behind)))
		if note := r.note(); notes && note != "" {
			if style.Width > 0 {
				note = cut(note, room)
			}
			line += "  " + paint(dim, note)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "\nProved: %d of %d naked, %d behind the door. Only the app can mend %d of the others.\n",
		bare, len(rows), held, cannot)
	_, err := io.WriteString(w, b.String())
	return err
}

// cut shortens a text to n runes.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return text
}
