package standard_test

import (
	"slices"
	"testing"

	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/practice"
)

// TestEveryCheckHasItsRow holds that the list and the table of practices name each
// other: the table must not promise a check that does not run.
func TestEveryCheckHasItsRow(t *testing.T) {
	ids := make(map[string]bool)
	for _, c := range standard.Checks() {
		if ids[c.ID] {
			t.Errorf("check %q is listed twice", c.ID)
		}
		ids[c.ID] = true
		row, ok := practice.ByID(c.Practice)
		if !ok || !slices.Contains(row.Checks, c.ID) {
			t.Errorf("check %q is not named by the row of practice %q", c.ID, c.Practice)
		}
	}
	for _, row := range practice.All() {
		for _, id := range row.Checks {
			if !ids[id] {
				t.Errorf("practice %q names the check %q, which is not in the list", row.ID, id)
			}
		}
	}
}

func TestChecksIsACopy(t *testing.T) {
	standard.Checks()[0].ID = "changed"
	if standard.Checks()[0].ID == "changed" {
		t.Error("a caller of Checks() changed the list")
	}
}
