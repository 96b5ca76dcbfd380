package osv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A Hit is an advisory that a version is under.
type Hit struct {
	*Record
	// Fixed are the versions that mend it, lowest first: one for each range that holds the
	// version. Empty means that none is known.
	Fixed []string
	// Level and Score are computed from the CVSS vector; where there is none, Level is the
	// database's own word, and Score is 0.
	Level Level
	Score float64
	// Imports are the packages of Go that have the hole, with their symbols; empty where
	// the record does not tell them.
	Imports []Import
}

// order compares two versions of an ecosystem.
type order func(a, b string) (int, error)

// orderOf returns how the versions of an ecosystem are compared.
func orderOf(ecosystem string) (order, error) {
	switch ecosystem {
	case "npm":
		return compareNPM, nil
	case "Go":
		return compareGo, nil
	}
	return nil, fmt.Errorf("osv: versions of %q are not known", ecosystem)
}

func compareNPM(a, b string) (int, error) {
	x, err := npm(a)
	if err != nil {
		return 0, err
	}
	y, err := npm(b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}

// npm reads a version. Advisories shorten some, "1.2" or "0": the missing parts are 0.
func npm(s string) (npmsemver.Version, error) {
	v, err := npmsemver.Parse(s, npmsemver.Options{Loose: true})
	for n := 0; err != nil && n < 2 && strings.Trim(s, "0123456789.") == ""; n++ {
		s += ".0"
		if again, ok := npmsemver.Parse(s, npmsemver.Options{Loose: true}); ok == nil {
			return again, nil
		}
	}
	return v, err
}

// goPre is how the Go project writes versions of Go itself: 1.21rc2.
var goPre = pattern.New(`^(\d+\.\d+(?:\.\d+)?)(rc|beta)(\d+)$`)

func compareGo(a, b string) (int, error) {
	for _, s := range []*string{&a, &b} {
		v := strings.TrimPrefix(*s, "v")
		if m := goPre.Get().FindStringSubmatch(v); m != nil {
			if strings.Count(m[1], ".") == 1 {
				m[1] += ".0"
			}
			v = m[1] + "-" + m[2] + "." + m[3]
		}
		if v = "v" + v; !semver.IsValid(v) {
			return 0, fmt.Errorf("osv: %.80q is no version of a Go module", *s)
		}
		*s = v
	}
	return semver.Compare(a, b), nil
}

// match says whether a version is affected, and by which versions that is mended. An entry
// that tells no versions at all means every one.
func (a *Affected) match(version string, compare order) (affected bool, fixed []string, err error) {
	if len(a.Versions) == 0 && len(a.Ranges) == 0 {
		return true, nil, nil
	}
	if _, err := compare(version, version); err != nil {
		if slices.Contains(a.Versions, version) {
			return true, nil, nil
		}
		return false, nil, err
	}
	for _, v := range a.Versions {
		n, err := compare(v, version)
		affected = affected || v == version || err == nil && n == 0
	}
	for i := range a.Ranges {
		r := &a.Ranges[i]
		if r.Type != "SEMVER" && r.Type != "ECOSYSTEM" {
			continue
		}
		in, fix, err := r.match(version, compare)
		if err == nil && in && fix == "" && r.open() {
			in, err = a.lastKnown(version, compare)
		}
		if err != nil {
			return false, nil, fmt.Errorf("a range of %s: %w", a.Package.Name, err)
		}
		if affected = affected || in; in && fix != "" {
			fixed = append(fixed, fix)
		}
	}
	return affected, fixed, nil
}

// open says that nothing ends the range.
func (r *Range) open() bool {
	return !slices.ContainsFunc(r.Events, func(e Event) bool { return e.Introduced == "" })
}

// bound is how the database ends what its ranges leave open, "<" or "<=" and a version;
// empty where it does not.
func (a *Affected) bound() (operator, version string) {
	rest := strings.TrimSpace(a.DatabaseSpecific.LastKnown)
	version = strings.TrimLeft(rest, "<=")
	if operator = rest[:len(rest)-len(version)]; operator != "<" && operator != "<=" {
		return "", "" // of another form: the range stays open
	}
	return operator, strings.TrimSpace(version)
}

// lastKnown says whether a version of a range that nothing ends is one of those that are
// known to be affected, as npm audit has it.
func (a *Affected) lastKnown(version string, compare order) (bool, error) {
	operator, end := a.bound()
	if operator == "" {
		return true, nil
	}
	n, err := compareBound(version, end, compare)
	return n < 0 || n == 0 && operator == "<=", err
}

type change struct {
	at string
	// rank orders changes at one version: a fix, then an introduction, then the last
	// affected one, which is affected itself.
	rank int
}

const (
	fix = iota
	introduction
	last
)

// match goes over the events in the order of their versions, as OSV's algorithm does. fix
// is the lowest version above the given one that mends it.
func (r *Range) match(version string, compare order) (in bool, mend string, err error) {
	var changes []change
	limited, within := false, false
	for _, e := range r.Events {
		switch {
		case e.Introduced != "":
			changes = append(changes, change{e.Introduced, introduction})
		case e.Fixed != "":
			changes = append(changes, change{e.Fixed, fix})
		case e.LastAffected != "":
			changes = append(changes, change{e.LastAffected, last})
		default:
			limited = true
			n := -1
			if e.Limit != "*" {
				if n, err = compare(version, e.Limit); err != nil {
					return false, "", err
				}
			}
			within = within || n < 0
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		n, e := compareBound(a.at, b.at, compare)
		err = cmp.Or(err, e)
		return cmp.Or(n, a.rank-b.rank)
	})
	if err != nil || limited && !within {
		return false, "", err
	}
	for _, c := range changes {
		n, e := compareBound(version, c.at, compare)
		if e != nil {
			return false, "", e
		}
		switch {
		case c.rank == introduction && n >= 0:
			in = true
		case c.rank == fix && n >= 0, c.rank == last && n > 0:
			in = false
		case c.rank == fix && n < 0 && in && mend == "":
			mend = c.at
		}
	}
	if !in {
		mend = ""
	}
	return in, mend, nil
}

// compareBound lets "0" be before every version, prereleases of 0.0.0 too.
func compareBound(a, b string, compare order) (int, error) {
	switch {
	case a == "0" && b == "0":
		return 0, nil
	case a == "0":
		return -1, nil
	case b == "0":
		return 1, nil
	}
	return compare(a, b)
}

// hit makes a Hit where the record affects the version of the package.
func (r *Record) hit(ecosystem, name, version string) (*Hit, error) {
	if r.withdrawn(time.Now()) {
		return nil, nil
	}
	compare, err := orderOf(ecosystem)
	if err != nil {
		return nil, err
	}
	var h *Hit
	for i := range r.Affected {
		a := &r.Affected[i]
		if a.Package.Name != name || !sameEcosystem(a.Package.Ecosystem, ecosystem) {
			continue
		}
		in, fixed, err := a.match(version, compare)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		if !in {
			continue
		}
		if h == nil {
			h = &Hit{Record: r}
		}
		h.Fixed = append(h.Fixed, fixed...)
		h.Imports = append(h.Imports, a.EcosystemSpecific.Imports...)
		if level, score := r.level(a); score > h.Score || h.Level == Unknown {
			h.Level, h.Score = level, score
		}
	}
	if h != nil {
		slices.SortFunc(h.Fixed, func(a, b string) int { n, _ := compareBound(a, b, compare); return n })
		h.Fixed = slices.Compact(h.Fixed)
	}
	return h, nil
}

// sameEcosystem lets "Alpine:v3.18" be of Alpine.
func sameEcosystem(a, b string) bool {
	a, _, _ = strings.Cut(a, ":")
	return a == b
}
