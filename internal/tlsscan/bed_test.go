package tlsscan_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// An authority of this test alone.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T, name string, parent *authority, until time.Duration) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(until),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	by, signer := template, crypto.Signer(key)
	if parent != nil {
		by, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// A leaf is what a certificate says; zero fields are good.
type leaf struct {
	rsa         int // bits; 0 is ECDSA on curve
	curve       elliptic.Curve
	from, until time.Duration
	names       []string
	extra       []pkix.Extension
	// crl and ocsp are where its authority answers.
	crl, ocsp []string
}

func (l leaf) make(t *testing.T, by *authority) tls.Certificate {
	t.Helper()
	if l.names == nil {
		l.names = []string{"app.test"}
	}
	if l.until == 0 {
		l.until = 60 * 24 * time.Hour
	}
	if l.curve == nil {
		l.curve = elliptic.P256()
	}
	var key crypto.Signer
	var err error
	if l.rsa > 0 {
		key, err = rsa.GenerateKey(rand.Reader, l.rsa)
	} else {
		key, err = ecdsa.GenerateKey(l.curve, rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "app.test"}, DNSNames: l.names,
		NotBefore: time.Now().Add(l.from - 24*time.Hour), NotAfter: time.Now().Add(l.until), ExtraExtensions: l.extra, CRLDistributionPoints: l.crl, OCSPServer: l.ocsp,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var (
	groups       = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
	intermediate = []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8}
)

// serve starts an HTTPS server with a two-year HSTS.
func serve(t *testing.T, c *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		fmt.Fprintln(w, "ok")
	}))
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = len(c.NextProtos) > 1
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw serves each connection with f.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(30 * time.Second))
				f(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// scan scans with the name app.test.
func scan(t *testing.T, addr string, roots ...*x509.Certificate) *tlsscan.Report {
	t.Helper()
	r, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
