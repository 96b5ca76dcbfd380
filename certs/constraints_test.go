package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/need"
)

// signWith returns a leaf for the names, signed with the CA's own key as a thief would.
func signWith(t *testing.T, ca *certs.LocalCA, template x509.Certificate) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(ca.RootFile()), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(7)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Root(), own.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// A stolen key of the CA must be of no use beyond this machine.
func TestLocalCAConstraints(t *testing.T) {
	ca := openCA(t)
	ip := net.ParseIP
	tests := []struct {
		name string
		leaf x509.Certificate
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"localhost", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageServerAuth, true},
		{"name under localhost", x509.Certificate{DNSNames: []string{"x.localhost"}}, x509.ExtKeyUsageServerAuth, true},
		{"loopback addresses", x509.Certificate{IPAddresses: []net.IP{ip("127.0.0.1"), ip("::1")}}, x509.ExtKeyUsageServerAuth, true},
		{"another site", x509.Certificate{DNSNames: []string{"example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"another site beside localhost", x509.Certificate{DNSNames: []string{"localhost", "example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"localhost as a label", x509.Certificate{DNSNames: []string{"localhost.example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"another loopback address", x509.Certificate{IPAddresses: []net.IP{ip("127.0.0.2")}}, x509.ExtKeyUsageServerAuth, false},
		{"another address", x509.Certificate{IPAddresses: []net.IP{ip("192.0.2.1")}}, x509.ExtKeyUsageServerAuth, false},
		{"a client's certificate", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageClientAuth, false},
		{"a signer of code", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageCodeSigning, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.leaf.ExtKeyUsage = []x509.ExtKeyUsage{tt.use}
			leaf := signWith(t, ca, tt.leaf)
			_, err := leaf.Verify(x509.VerifyOptions{Roots: pool(ca), KeyUsages: []x509.ExtKeyUsage{tt.use}})
			if (err == nil) != tt.ok {
				t.Errorf("Verify = %v, want success %v", err, tt.ok)
			}
			if tt.use != x509.ExtKeyUsageServerAuth {
				return
			}
			t.Run("by openssl", func(t *testing.T) { // another implementation's opinion
				openssl := need.Program(t, "openssl")
				file := filepath.Join(t.TempDir(), "leaf.pem")
				write(t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
				out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.RootFile(), file).CombinedOutput()
				if (err == nil) != tt.ok {
					t.Errorf("openssl verify = %v %s, want success %v", err, out, tt.ok)
				}
			})
		})
	}
}

func TestOpenLocalCARefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, folder string)
		want  string
	}{
		{"key readable by the group", func(t *testing.T, f string) { chmod(t, filepath.Join(f, "root.key"), 0o640) }, "has mode 0640, so others could read it; delete "},
		{"folder writable by others", func(t *testing.T, f string) { chmod(t, f, 0o777) }, "has mode 0777, so others can replace what is in it"},
		{"state writable by others", func(t *testing.T, f string) { chmod(t, filepath.Dir(f), 0o775) }, "has mode 0775, so others can replace what is in it"},
		{"no key", func(t *testing.T, f string) { remove(t, filepath.Join(f, "root.key")) }, "has lost its key; delete "},
		{"no root", func(t *testing.T, f string) { remove(t, filepath.Join(f, "root.pem")) }, "is missing beside its key"},
		{"empty root", func(t *testing.T, f string) { write(t, filepath.Join(f, "root.pem"), nil) }, "holds no PEM block CERTIFICATE; delete "},
		{"garbage key", func(t *testing.T, f string) {
			write(t, filepath.Join(f, "root.key"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
		}, "the private key does not parse; delete "},
		{"another's root", func(t *testing.T, f string) {
			write(t, filepath.Join(f, "root.pem"), openCA(t).RootPEM())
		}, "and its key do not belong together"},
		{"a root for every name", func(t *testing.T, f string) {
			cert, key := selfSigned(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true})
			write(t, filepath.Join(f, "root.pem"), cert)
			write(t, filepath.Join(f, "root.key"), key)
		}, "is not constrained to localhost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(tt.want, "has mode") {
				t.Skip("Windows has access lists, not modes")
			}
			dir := t.TempDir()
			if _, err := certs.OpenLocalCA(dir); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, filepath.Join(dir, "ca"))
			ca, err := certs.OpenLocalCA(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("OpenLocalCA = %v, %v, want …%s…", ca, err, tt.want)
			}
		})
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
