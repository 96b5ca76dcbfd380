package active_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/active"
)

func TestMetadataIsWhole(t *testing.T) {
	ids := make(map[string]bool)
	for _, c := range active.Checks() {
		if c.ID == "" || c.Practice == "" || c.Title == "" || c.Why == "" || c.Bad == "" || c.Good == "" || len(c.Rules) == 0 {
			t.Errorf("check %q = %+v, want all metadata", c.ID, c)
		}
		if c.Needs&check.Active == 0 || c.Probes == "" {
			t.Errorf("check %q needs %s and sends %q, want permission, and the plan to say what for", c.ID, c.Needs, c.Probes)
		}
		for _, r := range c.Rules {
			if !strings.HasPrefix(r.ID, c.ID+"/") || r.Title == "" || r.Why == "" || r.Bad == "" || r.Good == "" || ids[r.ID] {
				t.Errorf("rule %q of %s: want a unique id under the check's, a title, a reason and both examples", r.ID, c.ID)
			}
			ids[r.ID] = true
		}
	}
}

// TestEveryRuleIsShown fails when no app of this package breaks a rule, or none holds
// the practice.
func TestEveryRuleIsShown(t *testing.T) {
	shown := slices.Concat(trials, forgeries)
	for _, c := range active.Checks() {
		for _, r := range c.Rules {
			if !slices.ContainsFunc(shown, func(tt trial) bool { return slices.Contains(tt.want, r.ID) }) {
				t.Errorf("no app shows %s", r.ID)
			}
		}
	}
	for _, want := range []check.Status{check.Proved, check.Broken, check.Unproven} {
		for _, apps := range [][]trial{trials, forgeries} {
			if !slices.ContainsFunc(apps, func(tt trial) bool { return tt.status == want }) {
				t.Errorf("no app is %s", want)
			}
		}
	}
}

// TestIndependence holds that what enforces a practice does not prove it.
func TestIndependence(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const module = "github.com/panoplysec/panoply"
	allowed := []string{"/audit/check", "/internal/checks/active", "/internal/pattern", "/internal/crawl"}
	for dep := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if path, ours := strings.CutPrefix(dep, module); ours && !slices.Contains(allowed, path) {
			t.Errorf("the active checks import %s; what enforces must not prove", dep)
		}
	}
}
