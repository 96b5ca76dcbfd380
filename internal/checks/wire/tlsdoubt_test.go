package wire

import (
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// TestDoubtOf holds that a scan proves nothing where it did not see all.
func TestDoubtOf(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    tlsscan.Report
		want string
	}{
		{"all was seen", tlsscan.Report{Profile: &tlsscan.Verdict{Name: "modern"}}, ""},
		{"cut off", tlsscan.Report{Incomplete: []string{"the time ran out"}}, "the scan is incomplete: the time ran out"},
		{"no page for the profile", tlsscan.Report{Profile: &tlsscan.Verdict{Name: "modern", Untested: []string{"hsts"}}}, "of the profile modern it could not be seen: hsts"},
	} {
		got := ""
		if err := doubtOf(&tc.r); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: doubtOf = %q, want %q", tc.name, got, tc.want)
		}
	}
}
