package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/config"
)

// An authority of the tests issues certificates.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, organisation string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root of tests", Organization: []string{organisation}}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{root, key}
}

// issue writes a pair for shop.example that lasts for 240 hours from an hour ago.
func (a *authority) issue(t *testing.T) config.Certificate {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "shop.example"}, DNSNames: []string{"shop.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(239 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.root, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair := config.Certificate{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	write(t, pair.Cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, pair.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return pair
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificates(t *testing.T) {
	ca := newAuthority(t, "Let's Encrypt")
	roots := x509.NewCertPool()
	roots.AddCert(ca.root)
	pair := ca.issue(t)
	o := Options{Config: &config.Config{TLS: config.TLS{Certificates: []config.Certificate{pair}}}, Roots: roots}
	for _, tt := range []struct {
		after     time.Duration
		verdict   Verdict
		found, do string
	}{
		{0, OK, "days left, until", ""}, {190 * time.Hour, Warning, "days left", "renew it"}, {230 * time.Hour, Problem, "0.4 days left", "renew it now"},
		{300 * time.Hour, Problem, "ended at", "renew"}, {-48 * time.Hour, Problem, "begins only at", "clock"},
	} {
		o.Now = func() time.Time { return time.Now().Add(tt.after) }
		lines := checkCertificates(t.Context(), &o)
		if len(lines) != 2 {
			t.Fatalf("%v, want two lines", lines)
		}
		lined(t, lines[0], tt.verdict, tt.found, tt.do)
		lined(t, lines[1], OK, "leads to Root of tests", "")
	}
	o.Now, o.Roots = time.Now, x509.NewCertPool()
	lined(t, checkCertificates(t.Context(), &o)[1], Warning, "leads to no CA that this machine trusts; its issuer is Let's Encrypt", "fullchain.pem")
	o.Config.TLS.Certificates[0] = (*authority)(nil).issue(t)
	lined(t, checkCertificates(t.Context(), &o)[1], Problem, "signed by itself", "from a CA")
	o.Config.TLS.Certificates[0].Cert = filepath.Join(t.TempDir(), "gone.pem")
	lined(t, checkCertificates(t.Context(), &o)[0], Problem, "gone.pem", "")
}

// Whose CAA record counts is what stands in the certificate.
func TestAuthority(t *testing.T) {
	pair := newAuthority(t, "DigiCert Inc").issue(t)
	o := Options{Config: &config.Config{TLS: config.TLS{Certificates: []config.Certificate{pair}}}}
	if got := o.authority("shop.example"); got != "DigiCert Inc" {
		t.Errorf("authority of a site with a certificate = %s, want its issuer", got)
	}
	if got := o.authority("other.example"); got != firstAuthority {
		t.Errorf("authority of a site without = %s, want %s", got, firstAuthority)
	}
}

func TestLocalCA(t *testing.T) {
	o := Options{Config: &config.Config{State: t.TempDir()}, Now: time.Now}
	lined(t, checkCertificates(t.Context(), &o)[0], NotChecked, "made at the first start", "")
	if _, err := certs.OpenLocalCA(o.Config.State); err != nil {
		t.Fatal(err)
	}
	lined(t, checkCertificates(t.Context(), &o)[0], OK, "for loopback names only", "")
	o.Now = func() time.Time { return time.Now().AddDate(100, 0, 0) }
	lined(t, checkCertificates(t.Context(), &o)[0], Problem, "ended at", "")
	write(t, certs.RootFile(o.Config.State), "nothing")
	lined(t, checkCertificates(t.Context(), &o)[0], Problem, "holds no certificate", "remove")
}

func TestClock(t *testing.T) {
	says := time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = []string{says.UTC().Format(http.TimeFormat)}
	}))
	defer server.Close()
	o := Options{Config: &config.Config{TLS: config.TLS{Certificates: []config.Certificate{newAuthority(t, "x").issue(t)}}}, Now: time.Now, DateURL: server.URL}
	lined(t, checkClock(t.Context(), &o)[0], NotChecked, "nothing here tells", "--online")
	o.Online = true
	lined(t, checkClock(t.Context(), &o)[0], OK, "right within", "")
	says = time.Now().Add(-time.Hour)
	lined(t, checkClock(t.Context(), &o)[0], Problem, "is wrong by 1h0m", "set the clock")
	o.Now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
	lined(t, checkClock(t.Context(), &o)[0], Problem, "before", "set the clock")
	server.Close()
	o.Now = time.Now
	lined(t, checkClock(t.Context(), &o)[0], NotChecked, "refused", "")
}
