package wire_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// TestTLSFindingsCarryTheirMend: whatever the check finds of TLS has lines or words for
// each server program, and names the one that the page does.
func TestTLSFindingsCarryTheirMend(t *testing.T) {
	r := audited(t, twin{check: "tls", bad: true, target: scanned(func(t *testing.T, _ *httptest.Server) check.Target {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Server", "nginx/1.22.1") }))
		s.Config.ErrorLog = quiet
		s.TLS = &tls.Config{
			MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{leaf{rsa: 1024}.make(t)},
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		}
		s.StartTLS()
		t.Cleanup(s.Close)
		return check.Target{URL: s.URL}
	})})
	want := map[string]string{"tls/old-protocol": "ssl_protocols TLSv1.2 TLSv1.3;", "tls/weak-suite": "ssl_ciphers ECDHE-", "tls/cert-weak": "# openssl ecparam"}
	for _, f := range r.Findings {
		if f.Practice != "tls" || strings.HasPrefix(f.ID, "tls/plain") {
			continue
		}
		if f.Server != "nginx" || len(f.Fixes) != len(mend.Servers()) || !strings.Contains(f.Fixes["nginx"], want[f.ID]) {
			t.Errorf("%s: server %q, fixes %v, want nginx and %q", f.ID, f.Server, f.Fixes, want[f.ID])
		}
		if f.Fix.Express == "" || strings.Contains(f.Fix.Express, "\n") {
			t.Errorf("%s: fix %q, want one line", f.ID, f.Fix.Express)
		}
	}
	for id := range want {
		if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == id }) {
			t.Errorf("no %s among the findings", id)
		}
	}
}
