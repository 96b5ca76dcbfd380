package adapt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/config"
)

var update = flag.Bool("update", false, "write the golden files again")

// pairFor writes a certificate and its key as cert.pem and key.pem.
func pairFor(t *testing.T, dir string, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// workplace is a copy of a folder of testdata, with certificates and pages.
func workplace(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	pairFor(t, dir, "shop.example", "a.example", "b.example", "b2.example", "www.shop.example", "api.example")
	for name, text := range map[string]string{"tls/pair.conf": "ssl_certificate cert.pem;\nssl_certificate_key key.pem;\n", "pages/404.html": "<title>not here</title>"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// golden compares what an adapter made of a file with what is recorded: the YAML, then the
// notes. It returns the YAML.
func golden(t *testing.T, dir, file string, r *adapt.Result) []byte {
	t.Helper()
	var b strings.Builder
	b.Write(r.YAML())
	b.WriteString("--- notes\n")
	for _, n := range r.Notes {
		fmt.Fprintln(&b, n)
	}
	got := strings.ReplaceAll(b.String(), dir, "DIR")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/adapt -update):\n%s", file, got)
	}
	return r.YAML()
}

// loads says what the configuration finds wrong with a file, nil when nothing.
func loads(t *testing.T, text []byte) error {
	t.Helper()
	name := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(name, nil)
	return err
}
