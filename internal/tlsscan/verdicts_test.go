package tlsscan_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// TestVerdicts holds what real servers are told: grade, recorded connections, profile.
func TestVerdicts(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	cert := leaf{}.make(t, root)
	own, err := tlsscan.ReadProfile("own.json", []byte(`{"tls_versions": ["TLSv1.3"], "tls_curves": ["X25519MLKEM768"]}`), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		config  *tls.Config
		passive bool
		grade   string
		quantum [3]string
		reasons []string // against the profile
		unseen  []string // by the grade
	}{
		{name: "both", config: &tls.Config{CurvePreferences: groups, CipherSuites: intermediate}, grade: "A+", quantum: [3]string{"partly", "prefers", "readable"}, reasons: []string{"protocols", "groups"}},
		{name: "ML-KEM only", config: &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: groups[:1]}, grade: "A+", quantum: [3]string{"protected", "only", "absent"}},
		{name: "no ML-KEM", config: &tls.Config{MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.CurveP256}}, grade: "A+", quantum: [3]string{"readable", "none", "readable"},
			reasons: []string{"protocols", "groups"}},
		{name: "TLS 1.2, asked politely", config: &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: intermediate, CurvePreferences: groups}, passive: true, grade: "A-",
			quantum: [3]string{"readable", "absent", "readable"}, reasons: []string{"protocols", "groups"}, unseen: []string{"tls.heartbleed", "tls.ccs-injection", "tls.ticketbleed", "tls.robot"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.config.Certificates = []tls.Certificate{cert}
			r, err := tlsscan.Scan(t.Context(), serve(t, tc.config), tlsscan.Options{ServerName: "app.test", Roots: []*x509.Certificate{root.cert}, Passive: tc.passive, Profile: own})
			if err != nil {
				t.Fatal(err)
			}
			if r.Grade.Grade != tc.grade || !slices.Equal(r.Grade.Untested, tc.unseen) {
				t.Errorf("the grade is %+v, want %s without %v", r.Grade, tc.grade, tc.unseen)
			}
			if q := r.PostQuantum; [3]string{q.Verdict, q.TLS13, q.Older} != tc.quantum {
				t.Errorf("recorded connections: %+v, want %v", q, tc.quantum)
			}
			if !slices.Equal(r.Profile.Reasons, tc.reasons) && len(r.Profile.Reasons)+len(tc.reasons) > 0 {
				t.Errorf("the profile says %+v, want %v", r.Profile, tc.reasons)
			}
		})
	}
}
