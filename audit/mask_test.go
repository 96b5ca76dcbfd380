package audit_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

// parrot repeats what it was given wherever an answer has a place for it.
func parrot(w http.ResponseWriter, r *http.Request) {
	secret := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, password, ok := r.BasicAuth(); ok {
		secret = password
	}
	if r.Method == http.MethodPost {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "SESSTOKEN0123456789xyz", Path: "/"})
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie("sid"); err == nil {
		secret = c.Value
	}
	h := w.Header()
	h.Set("Content-Type", "text/html")
	h.Set("X-Powered-By", "PHP "+secret)
	h.Set("Server", "nginx/"+secret)
	h.Set("Set-Cookie", "sess"+url.QueryEscape(secret)+"=1")
	if secret != "" && r.URL.Path != "/" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	fmt.Fprintf(w, `<a href="/p/%s?q=%s">%s</a> at x (/srv/%s/app.js:1:1)`, url.PathEscape(secret), url.QueryEscape(secret), secret, secret)
}

// TestCredentialsStandInNoReport: whatever the target does with them, no format and no
// recording has them.
func TestCredentialsStandInNoReport(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(parrot))
	defer app.Close()
	har := filepath.Join(t.TempDir(), "login.har")
	login := fmt.Sprintf(`{"log":{"entries":[{"request":{"method":"POST","url":"%s/login","postData":{"mimeType":"application/x-www-form-urlencoded","text":"password=Sup3rS3cret%%26Pw"}},"response":{"status":303}}]}}`, app.URL)
	if err := os.WriteFile(har, []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		target check.Target
		secret string
	}{
		{"bearer", check.Target{Credentials: "Authorization: Bearer SeCrEt0123456789abc"}, "SeCrEt0123456789abc"},
		{"basic", check.Target{Credentials: "Authorization: Basic YWRtaW46U3VwM3JTM2NyZXRQdw=="}, "Sup3rS3cretPw"},
		{"recorded login", check.Target{Login: har}, "SESSTOKEN0123456789xyz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.target.URL = app.URL
			var exchanges []*check.Exchange
			r := run(t, audit.Options{Rate: 2000, ListSent: true, Record: func(x *check.Exchange) { exchanges = append(exchanges, x) }}, tt.target)
			if !r.Targets[0].LoggedIn {
				t.Fatal("nothing was asked as a user")
			}
			var out bytes.Buffer
			for _, format := range report.Formats() {
				out.Reset()
				if err := report.Write(&out, format, r, report.Options{Checks: standardChecks()}); err != nil {
					t.Fatal(err)
				}
				if i := strings.Index(out.String(), tt.secret); i >= 0 {
					t.Errorf("%s holds the credential: …%s…", format, out.String()[max(0, i-80):i])
				}
			}
			out.Reset()
			if err := report.HAR(&out, exchanges, "test"); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), tt.secret) {
				t.Error("the HAR holds the credential")
			}
		})
	}
}

// TestCredentialsNeedACertificateThatHolds: off loopback they go to nobody else.
func TestCredentialsNeedACertificateThatHolds(t *testing.T) {
	app := overTLS(func(http.ResponseWriter, *http.Request) {})
	defer app.Close()
	_, port, _ := strings.Cut(app.Listener.Addr().String(), ":")
	target := check.Target{URL: "https://example.com:" + port, Address: app.Listener.Addr().String()}
	if err := audit.VerifiedGet(target); err == nil || !strings.Contains(err.Error(), "credentials are not sent") {
		t.Errorf("an unknown authority: %v, want the refusal", err)
	}
	if err := audit.VerifiedGet(target, app.Certificate()); err != nil {
		t.Errorf("a known authority: %v", err)
	}
	target.URL = "https://other.example:" + port
	if err := audit.VerifiedGet(target, app.Certificate()); err == nil {
		t.Error("another's certificate was taken")
	}
}
