package npmsemver_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/panoplysec/panoply/internal/npmsemver"
)

// recorded are answers of the npm package semver, made by testdata/record.cjs.
type recorded struct {
	Versions []struct {
		V     string
		Loose bool
		Is    *string
		Build *string
	}
	Compare [][3]any
	Ranges  []struct {
		R          string
		Loose, Pre bool
		Is         *string
		Min        *string
		In, Out    []string
	}
}

func record(t testing.TB) recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/semver.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVersionsAreThoseOfSemver(t *testing.T) {
	for _, c := range record(t).Versions {
		v, err := npmsemver.Parse(c.V, npmsemver.Options{Loose: c.Loose})
		switch {
		case c.Is == nil && err == nil:
			t.Errorf("Parse(%q, loose %v) = %v, want an error", c.V, c.Loose, v)
		case c.Is == nil:
		case err != nil || v.String() != *c.Is || v.Build != *c.Build:
			t.Errorf("Parse(%q, loose %v) = %v build %q (%v), want %s build %q", c.V, c.Loose, v, v.Build, err, *c.Is, *c.Build)
		}
	}
}

func TestTheOrderIsThatOfSemver(t *testing.T) {
	for _, c := range record(t).Compare {
		a, b := mustParse(t, c[0].(string)), mustParse(t, c[1].(string))
		want := int(c[2].(float64))
		if got, back := a.Compare(b), b.Compare(a); got != want || back != -want {
			t.Errorf("Compare(%s, %s) = %d and %d backwards, want %d", a, b, got, back, want)
		}
	}
}

func mustParse(t *testing.T, s string) npmsemver.Version {
	t.Helper()
	v, err := npmsemver.Parse(s, npmsemver.Options{Loose: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRangesAreThoseOfSemver(t *testing.T) {
	pairs := 0
	for _, c := range record(t).Ranges {
		o := npmsemver.Options{Loose: c.Loose, IncludePrerelease: c.Pre}
		r, err := npmsemver.ParseRange(c.R, o)
		name := fmt.Sprintf("%q %+v", c.R, o)
		if c.Is == nil {
			pairs++
			if err == nil {
				t.Errorf("ParseRange(%s) = %v, want an error", name, r)
			}
			continue
		}
		if err != nil || r.String() != *c.Is {
			t.Errorf("ParseRange(%s) = %v (%v), want %s", name, r, err, *c.Is)
			continue
		}
		low, ok := r.Min()
		if ok != (c.Min != nil) || ok && low.String() != *c.Min {
			t.Errorf("Min(%s) = %v, %v, want %v", name, low, ok, deref(c.Min))
		}
		for want, all := range map[bool][]string{true: c.In, false: c.Out} {
			for _, text := range all {
				v, err := npmsemver.Parse(text, o)
				pairs++
				if got := err == nil && r.Contains(v); got != want {
					t.Errorf("%s contains %q = %v, want %v", name, text, got, want)
				}
			}
		}
	}
	if pairs < 10000 {
		t.Errorf("%d pairs were compared, want at least 10000", pairs)
	}
}

func deref(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func TestZeroRangeHoldsNothing(t *testing.T) {
	var r npmsemver.Range
	if r.Contains(npmsemver.Version{}) || r.String() != "" {
		t.Errorf("the zero range holds 0.0.0 or is written %q, want nothing", r)
	}
}
