package audit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
)

// TB is the part of testing.TB that [Test] uses; *testing.T and *testing.B have it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Context() context.Context
}

// An Exception leaves one practice or one finding out of a [Test].
type Exception struct {
	// ID is a practice's id, such as "headers", or a finding's, such as
	// "headers/csp-absent".
	ID string
	// Reason says why. It is required: an exception without one fails the test.
	Reason string
}

// Test audits a handler inside a Go test: it serves h over TLS on a free loopback port,
// runs the standard wire checks, and fails the test once for each finding that breaks a
// practice, with the fix. Notes and practices that are not proven do not fail it. The
// check tls is left out, for the listener is Test's own.
//
// An exception that matches no finding fails the test too, so that the list cannot
// outlive its reasons.
func Test(t TB, h http.Handler, exceptions ...Exception) {
	t.Helper()
	address, root, stop, err := serve(h)
	if err != nil {
		t.Errorf("audit: %v", err)
		return
	}
	defer stop()
	checks := slices.DeleteFunc(standard.Checks(), func(c check.Check) bool { return c.ID == "tls" || c.Needs&^check.Wire != 0 })
	report, err := Run(t.Context(), []check.Target{{URL: "https://" + address + "/"}}, checks, Options{Roots: []*x509.Certificate{root}, Rate: 1000})
	if err != nil {
		t.Errorf("audit: %v", err)
		return
	}
	if !report.Targets[0].Answered {
		row, _ := report.Practice("headers")
		t.Errorf("audit: the handler gave no answer: %s", row.Reason)
	}
	used := make([]bool, len(exceptions))
	for _, f := range report.Findings {
		if f.Severity == check.Info {
			continue
		}
		i := slices.IndexFunc(exceptions, func(e Exception) bool { return e.ID == f.ID || e.ID == f.Practice })
		if i >= 0 {
			used[i] = true
			continue
		}
		t.Errorf("%s (%s): %s\n%s\n\tfix: %s", f.ID, f.Severity, f.Message, indent(f.Evidence), f.Fix.Go)
	}
	for i, e := range exceptions {
		switch {
		case strings.TrimSpace(e.Reason) == "":
			t.Errorf("audit: the exception for %s gives no reason", e.ID)
		case !used[i]:
			t.Errorf("audit: the exception for %s matches no finding", e.ID)
		}
	}
}

func indent(all []check.Evidence) string {
	if len(all) == 0 {
		return ""
	}
	return "\t" + strings.ReplaceAll(all[0].Where+"\n"+all[0].Seen, "\n", "\n\t")
}

// serve starts h over TLS on loopback. net/http/httptest would do it too, but adds a
// flag to every program that imports this package.
func serve(h http.Handler) (address string, root *x509.Certificate, stop func(), err error) {
	cert, err := selfSigned()
	if err != nil {
		return "", nil, nil, fmt.Errorf("making a certificate: %w", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, fmt.Errorf("listening on loopback: %w", err)
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: DefaultRequestTimeout,
		// Broken requests are part of the audit and no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}))
	}()
	stop = func() {
		srv.Close()
		<-done
	}
	return ln.Addr().String(), cert.Leaf, stop, nil
}

// selfSigned makes a certificate for loopback that lives for the test alone.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "panoply audit test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
