package practice_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/practice"
)

// The rows of the design, in the page's order.
var want = []string{
	"supported-versions", "tls", "headers", "fingerprint", "errors", "cookies", "sessions", "brute-force",
	"dependencies", "proxy-trust", "csrf", "xss", "command-injection", "sql-injection", "redos",
}

func TestTableHasEveryRow(t *testing.T) {
	if got := practice.IDs(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("IDs() = %v, want %v", got, want)
	}
}

func TestRowsAreWhole(t *testing.T) {
	for _, p := range practice.All() {
		t.Run(p.ID, func(t *testing.T) {
			for name, text := range map[string]string{
				"Title": p.Title, "Why": p.Why, "Section": p.Section, "Severity": string(p.Severity),
				"Door": string(p.Door), "FixExpress": p.FixExpress, "FixGo": p.FixGo, "FixDoor": p.FixDoor,
			} {
				if text == "" {
					t.Errorf("%s is empty", name)
				}
			}
			if !strings.HasSuffix(p.Why, ".") || strings.Count(p.Why, ". ") > 0 {
				t.Errorf("Why = %q, want one sentence", p.Why)
			}
			built := (len(p.Enforcers) > 0 || p.Door == practice.Cannot) && len(p.Checks) > 0
			if built == (p.Pending != "") {
				t.Errorf("Pending = %q with enforcers %v and checks %v; a row is either whole or says what is missing", p.Pending, p.Enforcers, p.Checks)
			}
			if p.Door != practice.Yes && p.DoorNote == "" {
				t.Errorf("Door is %q without a note on what is left", p.Door)
			}
		})
	}
}

func TestByID(t *testing.T) {
	if p, ok := practice.ByID("tls"); !ok || p.ID != "tls" {
		t.Errorf("ByID(tls) = %v, %v, want the row", p.ID, ok)
	}
	if _, ok := practice.ByID("TLS"); ok {
		t.Error("ByID(TLS) found a row, want none: ids are lower case")
	}
}

func TestAllIsACopy(t *testing.T) {
	practice.All()[0].ID = "changed"
	if practice.IDs()[0] == "changed" {
		t.Error("a caller of All() changed the table")
	}
}
