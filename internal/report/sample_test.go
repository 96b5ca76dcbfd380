package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a report with a row of every kind.
func sample() *audit.Report {
	return &audit.Report{
		Schema:   audit.Schema,
		Duration: 432 * time.Millisecond,
		Targets:  []audit.Target{{URL: "https://127.0.0.1:8443/", Upstream: "127.0.0.1:3000", Requests: 31, Answered: true}},
		Practices: []audit.Practice{
			{ID: "supported-versions", Title: "No deprecated or vulnerable Express", Status: check.Unproven, Reason: "the lockfile check is not built yet", Severity: check.High, Door: "cannot", Checks: []string{}},
			{ID: "tls", Title: "TLS as Mozilla says", Status: check.Proved, Reason: "TLS 1.3 agreed, TLS 1.0 and 1.1 refused; plain HTTP redirects to HTTPS", Severity: check.High, Layer: check.Door, Door: "yes", Checks: []string{"tls"}},
			{ID: "headers", Title: "Helmet's headers", Status: check.Broken, Reason: "documents have no enforced Content-Security-Policy (2 of 3 answers)", Severity: check.Medium, Layer: check.Code, Door: "yes", Checks: []string{"headers"}},
			{ID: "cookies", Title: "Cookie flags", Status: check.Proved, Reason: "cookies in 3 answers: 1, 70 bytes together", Severity: check.Medium, Layer: check.Door, Door: "yes", Checks: []string{"cookies"}},
			{ID: "proxy-trust", Title: "Trust proxy set right", Status: check.Broken, Reason: "the app behind the door answers on 192.0.2.7:3000 too", Severity: check.High, Layer: check.Network, Door: "partly", Checks: []string{"proxy-trust"}},
		},
		Findings: []check.Finding{
			{
				ID: "headers/csp-absent", Fingerprint: "0123456789abcdef01234567", Practice: "headers", Check: "headers",
				Title: "documents have no enforced Content-Security-Policy", Message: "documents have no enforced Content-Security-Policy (2 of 3 answers)",
				Subject: "Content-Security-Policy", Target: "https://127.0.0.1:8443/", Severity: check.Medium, Confidence: check.Certain, Layer: check.Code, CWE: 693,
				Evidence:  []check.Evidence{{Kind: check.Answer, Where: "GET https://127.0.0.1:8443/", Seen: "200 OK\nContent-Security-Policy is absent"}},
				Reproduce: "curl -sik https://127.0.0.1:8443/",
				Fix:       check.Fix{Express: "app.use(require('helmet')())", Go: "g, err := headers.New(headers.Options{}); handler = g.Handler(handler)", Door: "on by default"},
			},
			{
				ID: "headers/nosniff", Fingerprint: "1123456789abcdef01234567", Practice: "headers", Check: "headers", Title: "no nosniff", Message: "no nosniff (1 of 3 answers)",
				Target: "https://127.0.0.1:8443/", Severity: check.Low, Confidence: check.Firm, Fix: check.Fix{Express: "app.use(require('helmet')())"},
			},
			{
				ID: "cookies/samesite-none", Fingerprint: "2123456789abcdef01234567", Practice: "cookies", Check: "cookies", Title: "SameSite=None", Message: "the cookie theme has SameSite=None",
				Subject: "theme", Target: "https://127.0.0.1:8443/", Severity: check.Info, Confidence: check.Certain, Layer: check.Code,
			},
			{
				ID: "proxy-trust/around", Fingerprint: "3123456789abcdef01234567", Practice: "proxy-trust", Check: "proxy-trust", Title: "the app can be reached beside the door",
				Message: "the app behind the door answers on 192.0.2.7:3000 too", Target: "https://127.0.0.1:8443/", Severity: check.High, Confidence: check.Certain, Layer: check.Network,
				Evidence:  []check.Evidence{{Kind: check.Answer, Where: "GET http://192.0.2.7:3000/", Sent: "X-Forwarded-For: 192.0.2.211", Seen: "200 OK\n\nyou are 192.0.2.211"}},
				Reproduce: "curl -si http://192.0.2.7:3000/", Fix: check.Fix{Express: "app.listen(3000, '127.0.0.1')"}, CWE: 288,
			},
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s = \n%s\nwant\n%s", name, got, want)
	}
}

func text(t *testing.T, r *audit.Report, style report.Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Text(&out, r, style); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
