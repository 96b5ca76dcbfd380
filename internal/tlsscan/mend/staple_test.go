package mend_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// TestNginxStaples: a certificate that demands a staple, before and after the lines.
func TestNginxStaples(t *testing.T) {
	t.Parallel()
	nginx := need.Program(t, "nginx")
	s := newSite(t)
	template := leaf()
	template.OCSPServer = []string{s.responder(t)}
	template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
	s.certify(t, template, rsa2048().Public())
	config := []string{"ssl_certificate DIR/fullchain.pem;", `add_header Strict-Transport-Security "max-age=63072000" always;`, "ssl_ciphers HIGH;"}
	scan := func(lines []string) (r *tlsscan.Report) {
		s.withNginx(t, nginx, apply(config, lines, directive), func(port int) {
			if lines != nil {
				s.untilStapled(t, port)
			}
			r = s.scan(t, port)
		})
		return r
	}
	const fault = "ocsp.must-staple-missing"
	if r := scan(nil); !slices.Contains(r.Findings, fault) {
		t.Fatalf("findings = %v, want %s", r.Findings, fault)
	}
	f, _ := mend.For(fault)
	r := scan(lines(mend.Nginx, f.Lines(mend.Nginx, false)))
	if slices.ContainsFunc(r.Findings, func(name string) bool { return strings.HasPrefix(name, "ocsp.") }) || r.Features.Staple != "good" {
		t.Errorf("mended: %v, staple %s", r.Findings, r.Features.Staple)
	}
}

// untilStapled waits until nginx has asked the responder, which the first handshake makes
// it do.
func (s *site) untilStapled(t *testing.T, port int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true, ServerName: "app.test"})
		must(t, err)
		staple := c.ConnectionState().OCSPResponse
		c.Close()
		if len(staple) > 0 {
			return
		}
	}
	t.Fatal("nginx staples nothing")
}

// responder answers for the certificates of the site's intermediate.
func (s *site) responder(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method == http.MethodGet {
			var text string
			text, err = url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
			body, _ = base64.StdEncoding.DecodeString(text)
		}
		q, parsing := ocsp.ParseRequest(body)
		if err != nil || parsing != nil {
			http.Error(w, "no request", http.StatusBadRequest)
			return
		}
		answer, err := ocsp.CreateResponse(s.inter.cert, s.inter.cert, ocsp.Response{
			Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(100 * time.Hour), IssuerHash: crypto.SHA1,
		}, s.inter.key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
