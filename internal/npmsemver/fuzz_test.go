package npmsemver_test

import (
	"testing"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// A version that was read is written in a form that reads the same, and strictness only
// takes away.
func FuzzParse(f *testing.F) {
	for _, c := range record(f).Versions {
		f.Add(c.V)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := npmsemver.Parse(s, npmsemver.Options{})
		loose, looseErr := npmsemver.Parse(s, npmsemver.Options{Loose: true})
		if err == nil && (looseErr != nil || loose != v) {
			t.Errorf("Parse(%q) = %v strictly and %v (%v) loosely", s, v, loose, looseErr)
		}
		if looseErr != nil {
			return
		}
		again, err := npmsemver.Parse(loose.String(), npmsemver.Options{Loose: true})
		if err != nil || again.Compare(loose) != 0 || loose.Compare(loose) != 0 {
			t.Errorf("Parse(%q) = %v, read again %v (%v)", s, loose, again, err)
		}
	})
}

// A range is written in a form that holds the same, and its lowest version is in it.
func FuzzParseRange(f *testing.F) {
	for _, c := range record(f).Ranges {
		f.Add(c.R, "1.2.3-beta.1", c.Loose, c.Pre)
	}
	f.Fuzz(func(t *testing.T, s, version string, loose, pre bool) {
		o := npmsemver.Options{Loose: loose, IncludePrerelease: pre}
		r, err := npmsemver.ParseRange(s, o)
		if err != nil {
			return
		}
		if low, ok := r.Min(); ok && !r.Contains(low) {
			t.Errorf("Min(%q) = %v, which is not in it", s, low)
		}
		v, err := npmsemver.Parse(version, o)
		if err != nil || r.String() == "" {
			return
		}
		again, err := npmsemver.ParseRange(r.String(), npmsemver.Options{Loose: true, IncludePrerelease: pre})
		if err != nil || again.Contains(v) != r.Contains(v) {
			t.Errorf("ParseRange(%q) = %q, which read again (%v) holds %v: %v, want %v", s, r, err, v, again.Contains(v), r.Contains(v))
		}
	})
}
