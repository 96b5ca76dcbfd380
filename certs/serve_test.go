package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/certs"
)

// A handshake whose certificate is at hand allocates nothing for the choice.
func TestGetCertificateAllocatesNothing(t *testing.T) {
	source, err := certs.Files([]certs.Pair{pair(t, t.TempDir(), "a", x509.Certificate{DNSNames: []string{"a.example.com"}})})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		hello tls.ClientHelloInfo
		get   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	}{
		{"local CA", tls.ClientHelloInfo{ServerName: "a.localhost"}, openCA(t).GetCertificate},
		{"files", tls.ClientHelloInfo{ServerName: "a.example.com"}, source.GetCertificate},
	} {
		if got := testing.AllocsPerRun(100, func() {
			if _, err := tt.get(&tt.hello); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%s: GetCertificate allocates %v times, want 0", tt.name, got)
		}
	}
}

func TestWithLocal(t *testing.T) {
	ca := openCA(t)
	p := pair(t, t.TempDir(), "a", x509.Certificate{DNSNames: []string{"a.example", "own.localhost"}})
	source, err := certs.Files([]certs.Pair{p})
	if err != nil {
		t.Fatal(err)
	}
	roots := pool(ca)
	own, err := certs.LoadPair(p)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(own.Leaf)
	for name, want := range map[string]string{
		"a.example": "a.example", "own.localhost": "a.example", "localhost": "localhost", "b.localhost": "b.localhost", "127.0.0.1": "localhost",
	} {
		state, err := handshake(t, source.WithLocal(ca), roots, name)
		if err != nil || state.PeerCertificates[0].DNSNames[0] != want {
			t.Errorf("handshake for %s = %v, want the leaf of %s", name, err, want)
		}
	}
	cert, err := source.WithLocal(ca)(&tls.ClientHelloInfo{ServerName: "other.example"})
	if err != nil || cert.Leaf.DNSNames[0] != "a.example" {
		t.Errorf("for another name %v, %v, want the first pair's", cert, err)
	}
}

// FuzzServerName holds that whatever name a client sends, it is refused as a name or
// answered by a leaf that verifies for that very name.
func FuzzServerName(f *testing.F) {
	for _, seed := range []string{"", "localhost", "A.Localhost.", "a..localhost", "-.localhost", "127.0.0.1", "::1", "example.com", "*.localhost", "\x00.localhost", "localhost.", ".", "xn--e1a.localhost", "_a.localhost"} {
		f.Add(seed)
	}
	ca, err := certs.OpenLocalCA(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root())
	f.Fuzz(func(t *testing.T, name string) {
		cert, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil {
			if e, ok := errors.AsType[*certs.NameError](err); !ok || e.Name != name {
				t.Errorf("GetCertificate(%q) = %v, want a NameError", name, err)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("GetCertificate(%q): the error %q repeats it raw", name, err)
			}
			return
		}
		asked := strings.TrimSuffix(name, ".")
		if asked == "" {
			asked = "localhost"
		}
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: asked}); err != nil {
			t.Errorf("the leaf for %q does not verify: %v", name, err)
		}
	})
}
