package fix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// A Finding is an advisory that a locked package is under.
type Finding struct {
	Package  string   `json:"package"`
	Version  string   `json:"version"`
	Advisory string   `json:"advisory"`
	Aliases  []string `json:"aliases,omitempty"`
	Severity string   `json:"severity"`
	Summary  string   `json:"summary,omitempty"`
	// Fixed are the versions that mend it, as the advisory says.
	Fixed []string `json:"fixed,omitempty"`
	// Ways are up to three ways from the app to the package.
	Ways []string `json:"paths,omitempty"`
	Dev  bool     `json:"dev,omitempty"`
	// Weaknesses are those that the advisory names, such as CWE-1321.
	Weaknesses []string `json:"weaknesses,omitempty"`

	level     osv.Level
	entries   []int
	ecosystem lockfile.Ecosystem
	// all are the ways, and cut says that there are more.
	all []string
	cut bool
}

// maxWays is how many ways to an entry are kept for rules that ignore some of them.
const maxWays = 500

// Dependency is what an audit says of it.
func (f *Finding) Dependency() *check.Dependency {
	return &check.Dependency{
		Ecosystem: string(f.ecosystem), Name: f.Package, Version: f.Version, Advisory: f.Advisory, Aliases: f.Aliases, Fixed: f.Fixed,
		Paths: f.Ways, Dev: f.Dev, Ways: f.all, Cut: f.cut,
	}
}

// Key is what makes a finding the same in two lockfiles: package@version ADVISORY.
func (f *Finding) Key() string { return f.Package + "@" + f.Version + " " + f.Advisory }

// Named says whether an id, a package or package@version names the finding.
func (f *Finding) Named(id string) bool {
	return f.Advisory == id || slices.Contains(f.Aliases, id) || f.Package == id || f.Package+"@"+f.Version == id
}

// AtLeast says whether a finding is as severe; an unknown severity is medium.
func (f *Finding) AtLeast(l osv.Level) bool { return rank(f.level) >= rank(l) }

// A version is one of a package.
type pair struct{ name, version string }

// findings looks every package of a lockfile up, in the order of the lockfile.
func findings(l *lockfile.Lock, db *osv.DB) ([]Finding, error) {
	var order []pair
	entries := map[pair][]int{}
	for i, p := range l.Packages {
		if p.Version == "" {
			continue
		}
		at := pair{p.Name, p.Version}
		if entries[at] == nil {
			order = append(order, at)
		}
		entries[at] = append(entries[at], i)
	}
	var all []Finding
	for _, at := range order {
		hits, err := db.Match(string(l.Ecosystem), at.name, at.version)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.File, err)
		}
		for _, h := range hits {
			f := Finding{
				Package: at.name, Version: at.version, Advisory: h.ID, Aliases: h.Aliases, Severity: h.Level.String(), Summary: h.Summary,
				Fixed: h.Fixed, Dev: true, Weaknesses: h.DatabaseSpecific.CWEIDs, level: h.Level, entries: entries[at], ecosystem: l.Ecosystem,
			}
			for _, i := range f.entries {
				f.Dev = f.Dev && l.Packages[i].Dev
				here := l.Ways(i, maxWays)
				f.cut = f.cut || len(here) == maxWays
				for n, way := range here {
					if n < 3 && len(f.Ways) < 3 {
						f.Ways = append(f.Ways, strings.Join(way, " > "))
					}
					if len(way) > 1 && strings.LastIndexByte(way[0], '@') <= 0 {
						way = way[1:] // a member of the workspace is an app itself
					}
					f.all = append(f.all, strings.Join(way, " > "))
				}
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// introduced are the findings of after that were not there before. An advisory that the
// package was under in another version is none: nothing is worse by it.
func introduced(before, after []Finding) []Finding {
	type hole struct{ name, advisory string }
	had := map[hole]bool{}
	for _, f := range before {
		had[hole{f.Package, f.Advisory}] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(f Finding) bool { return had[hole{f.Package, f.Advisory}] })
}

// worst sorts findings by severity, unknown as medium, and then by name.
func worst(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(int(rank(b.level))-int(rank(a.level)), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Advisory, b.Advisory))
	})
}

// rank takes an unknown severity for medium: nobody said that it is harmless.
func rank(l osv.Level) osv.Level {
	if l == osv.Unknown {
		return osv.Medium
	}
	return l
}
