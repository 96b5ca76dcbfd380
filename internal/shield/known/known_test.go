package known_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/shield"
	"github.com/panoplysec/panoply/internal/shield/known"
)

func Example() {
	row, ok := known.For("ejs", []string{"GHSA-phwq-j96m-2c2q", "CVE-2022-29078"}, nil)
	fmt.Println(ok, row.Effect, row.Refuse[0].Name)
	row, ok = known.For("a-merger", []string{"CVE-2099-1"}, []string{"CWE-1321"})
	fmt.Println(ok, row.Effect)
	// Output:
	// true closes settings.view options
	// true narrows
}

// TestRows: each row is a shield with which a door starts, or none and why.
func TestRows(t *testing.T) {
	all := known.Rows()
	if len(all) < 30 {
		t.Errorf("%d rows, want 30 or more", len(all))
	}
	seen := map[string]bool{}
	for i, r := range all {
		at := fmt.Sprintf("row %d (%v)", i, r.Packages)
		if len(r.Packages) == 0 || r.Why == "" {
			t.Errorf("%s has no package or no reason", at)
		}
		for _, p := range r.Packages {
			for _, id := range r.IDs {
				if key := p + " " + id; seen[key] {
					t.Errorf("%s: %s is in two rows", at, key)
				}
				seen[p+" "+id] = true
			}
		}
		if has := len(r.Refuse) > 0; has != (r.Effect == known.Closes || r.Effect == known.Narrows) {
			t.Errorf("%s %s, and refuses %v", at, r.Effect, r.Refuse)
		}
		if len(r.Refuse) == 0 {
			continue
		}
		if _, err := shield.New(shield.Options{Shields: []shield.Shield{{ID: "x", Only: r.Only, Refuse: r.Refuse}}}); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	for _, weak := range []string{"CWE-1321", "CWE-22", "CWE-400", "CWE-1333"} {
		r, ok := known.For("anything", nil, []string{weak})
		if !ok || r.Effect != known.Narrows {
			t.Errorf("%s: %+v, %v, want a row that narrows", weak, r, ok)
		}
		if _, err := shield.New(shield.Options{Shields: []shield.Shield{{ID: "x", Refuse: r.Refuse}}}); err != nil {
			t.Errorf("%s: %v", weak, err)
		}
	}
	if _, ok := known.For("left-pad", []string{"CVE-1"}, []string{"CWE-79"}); ok {
		t.Error("a hole that nobody knows has a row")
	}
}

// TestRecords holds the rows against the advisories of a run that has them: an id that is
// among them is one of a package of its row.
func TestRecords(t *testing.T) {
	dir := os.Getenv("PANOPLY_ADVISORIES")
	if dir == "" {
		t.Skip("needs PANOPLY_ADVISORIES")
	}
	db, err := osv.Open(filepath.Join(dir, "npm.osv.jsonl"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	of := map[string][]string{}
	for _, r := range known.Rows() {
		for _, p := range r.Packages {
			for _, version := range []string{"0.0.1", "0.1.7", "0.5.0", "1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0", "4.0.0", "4.1.0", "4.17.1", "5.0.0", "6.2.0", "6.7.0", "7.0.0", "8.0.0", "8.4.0"} {
				hits, err := db.Match("npm", p, version)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hits {
					for _, id := range append(slices.Clone(h.Aliases), h.ID) {
						of[id] = append(of[id], p)
					}
				}
			}
		}
	}
	found := 0
	for _, r := range known.Rows() {
		for _, id := range r.IDs {
			if by := of[id]; len(by) > 0 {
				if found++; !slices.ContainsFunc(r.Packages, func(p string) bool { return slices.Contains(by, p) }) {
					t.Errorf("%s is of %v, and stands in the row of %v", id, by[:1], r.Packages)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("%d ids of the table are among the advisories, want 100 or more", found)
	}
}
