package tlsscan

import (
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

func TestPostQuantum(t *testing.T) {
	hybrid, classical := wire.X25519MLKEM768, wire.X25519
	for _, tc := range []struct {
		name      string
		protocols []string
		chosen    []wire.Group
		want      [3]string
	}{
		{"hybrids only", []string{"TLSv1.3"}, []wire.Group{hybrid, wire.SecP384r1MLKEM1024}, [3]string{"protected", "only", "absent"}},
		{"hybrids only, and TLS 1.2", []string{"TLSv1.2", "TLSv1.3"}, []wire.Group{hybrid}, [3]string{"partly", "only", "readable"}},
		{"preferred", []string{"TLSv1.3"}, []wire.Group{hybrid, classical}, [3]string{"partly", "prefers", "absent"}},
		{"at the client's wish", []string{"TLSv1.2", "TLSv1.3"}, []wire.Group{classical, hybrid}, [3]string{"partly", "offers", "readable"}},
		{"none", []string{"TLSv1.2", "TLSv1.3"}, []wire.Group{classical}, [3]string{"readable", "none", "readable"}},
		{"no TLS 1.3", []string{"SSLv3", "TLSv1.2"}, nil, [3]string{"readable", "absent", "readable"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := postQuantum(tc.protocols, tc.chosen)
			if got := [3]string{p.Verdict, p.TLS13, p.Older}; got != tc.want || p.Reason == "" {
				t.Errorf("postQuantum = %+v, want %v", p, tc.want)
			}
		})
	}
}

// TestClassicalFirst holds that the order of offers is no preference of ours, and that
// nothing is lost.
func TestClassicalFirst(t *testing.T) {
	all := wire.Groups13()
	got := classicalFirst(all)
	if len(got) != len(all) || got[0].Quantum() || !got[len(got)-1].Quantum() {
		t.Errorf("classicalFirst = %v", got)
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].Quantum() && !got[i].Quantum() {
			t.Errorf("%v stands before %v", got[i-1], got[i])
		}
	}
}
