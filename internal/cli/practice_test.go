package cli_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/practice"
)

// The table names packages and checks without importing them; here both sides are seen.
// A row without an enforcer or a check is pending, or this fails. What the door cannot do
// and only another version of somebody's package mends, no package of this module
// enforces.
func TestEveryPracticeIsEnforcedAndCheckedOrPending(t *testing.T) {
	checks := map[string][]string{}
	for _, c := range standard.Checks() {
		checks[c.Practice] = append(checks[c.Practice], c.ID)
	}
	for _, p := range practice.All() {
		t.Run(p.ID, func(t *testing.T) {
			for _, pkg := range p.Enforcers {
				if files, _ := filepath.Glob(filepath.Join("..", "..", pkg, "*.go")); len(files) == 0 {
					t.Errorf("enforcer %s is not a package", pkg)
				}
			}
			for _, id := range p.Checks {
				if !slices.Contains(checks[p.ID], id) {
					t.Errorf("check %s is not in the standard list for this practice, which has %v", id, checks[p.ID])
				}
			}
			if (len(p.Enforcers) == 0 && p.Door != practice.Cannot || len(p.Checks) == 0) && p.Pending == "" {
				t.Errorf("enforcers %v, checks %v, and not pending", p.Enforcers, p.Checks)
			}
		})
		delete(checks, p.ID)
	}
	for id := range checks {
		t.Errorf("checks %v are for %q, which is no practice", checks[id], id)
	}
}
