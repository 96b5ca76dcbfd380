package tlspolicy_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/tlspolicy"
)

// certificate signs a certificate for localhost with its own key.
func certificate(key crypto.Signer) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// bothCertificates are one with an ECDSA key and one with an RSA key.
var bothCertificates = sync.OnceValues(func() ([]tls.Certificate, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	var certs []tls.Certificate
	for _, key := range []crypto.Signer{ec, rs} {
		c, err := certificate(key)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
})

// handshake runs one over loopback and returns what the client sees.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(10 * time.Second))
		conn := tls.Server(raw, server)
		if conn.Handshake() == nil {
			conn.Write([]byte{1})
		}
	}()
	defer func() { <-done }()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(10 * time.Second))
	client.ServerName, client.InsecureSkipVerify = "localhost", true
	conn := tls.Client(raw, client)
	if err := conn.Handshake(); err != nil {
		return tls.ConnectionState{}, err
	}
	// With TLS 1.3 a refusal can come after the client's last message.
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}

const (
	ecdsaOnly = iota
	rsaOnly
	both
)

func TestHandshakes(t *testing.T) {
	const (
		version = "protocol version not supported"
		failure = "handshake failure"
	)
	only := func(version uint16) *tls.Config { return &tls.Config{MinVersion: version, MaxVersion: version} }
	suite := func(ids ...uint16) *tls.Config {
		c := only(tls.VersionTLS12)
		c.CipherSuites = ids
		return c
	}
	groups := func(version uint16, ids ...tls.CurveID) *tls.Config {
		c := only(version)
		c.CurvePreferences = ids
		return c
	}
	tests := []struct {
		name    string
		profile func(...tls.Certificate) *tls.Config
		certs   int
		client  *tls.Config
		refused string // a piece of what the client is told, or empty
		version uint16
		suite   uint16      // 0: any
		group   tls.CurveID // 0: any
	}{
		{"intermediate, Go client", tlspolicy.Intermediate, both, &tls.Config{}, "", tls.VersionTLS13, 0, tls.X25519MLKEM768},
		{"intermediate, TLS 1.2 client", tlspolicy.Intermediate, both, only(tls.VersionTLS12), "", tls.VersionTLS12, 0, tls.X25519},
		{"intermediate, TLS 1.1 client", tlspolicy.Intermediate, both, only(tls.VersionTLS11), version, 0, 0, 0},
		{"intermediate, TLS 1.0 client", tlspolicy.Intermediate, both, only(tls.VersionTLS10), version, 0, 0, 0},
		{"intermediate, AES128-GCM, ECDSA", tlspolicy.Intermediate, ecdsaOnly, suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), "", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0},
		{"intermediate, AES256-GCM, ECDSA", tlspolicy.Intermediate, ecdsaOnly, suite(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384), "", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0},
		{"intermediate, ChaCha20, ECDSA", tlspolicy.Intermediate, ecdsaOnly, suite(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256), "", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0},
		{"intermediate, AES128-GCM, RSA", tlspolicy.Intermediate, rsaOnly, suite(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), "", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0},
		{"intermediate, AES256-GCM, RSA", tlspolicy.Intermediate, rsaOnly, suite(tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384), "", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 0},
		{"intermediate, ChaCha20, RSA", tlspolicy.Intermediate, rsaOnly, suite(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256), "", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0},
		{"intermediate, CBC only", tlspolicy.Intermediate, both, suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256), failure, 0, 0, 0},
		{"intermediate, no forward secrecy", tlspolicy.Intermediate, both, suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA), failure, 0, 0, 0},
		{"intermediate, RC4 and 3DES", tlspolicy.Intermediate, both, suite(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), failure, 0, 0, 0},
		{"intermediate, X25519", tlspolicy.Intermediate, both, groups(tls.VersionTLS13, tls.X25519), "", tls.VersionTLS13, 0, tls.X25519},
		{"intermediate, P-256", tlspolicy.Intermediate, both, groups(tls.VersionTLS13, tls.CurveP256), "", tls.VersionTLS13, 0, tls.CurveP256},
		{"intermediate, P-384", tlspolicy.Intermediate, both, groups(tls.VersionTLS13, tls.CurveP384), "", tls.VersionTLS13, 0, tls.CurveP384},
		{"intermediate, P-521 only", tlspolicy.Intermediate, both, groups(tls.VersionTLS13, tls.CurveP521), failure, 0, 0, 0},
		{"intermediate, P-521 only over TLS 1.2", tlspolicy.Intermediate, both, groups(tls.VersionTLS12, tls.CurveP521), failure, 0, 0, 0},
		{"intermediate, other hybrids only", tlspolicy.Intermediate, both, groups(tls.VersionTLS13, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024), failure, 0, 0, 0},
		{"modern, Go client", tlspolicy.Modern, ecdsaOnly, &tls.Config{}, "", tls.VersionTLS13, 0, tls.X25519MLKEM768},
		{"modern, TLS 1.2 client", tlspolicy.Modern, ecdsaOnly, only(tls.VersionTLS12), version, 0, 0, 0},
		{"modern, TLS 1.1 client", tlspolicy.Modern, ecdsaOnly, only(tls.VersionTLS11), version, 0, 0, 0},
		{"modern, P-521 only", tlspolicy.Modern, ecdsaOnly, groups(tls.VersionTLS13, tls.CurveP521), failure, 0, 0, 0},
	}
	certs, err := bothCertificates()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			own := certs
			if test.certs != both {
				own = certs[test.certs : test.certs+1]
			}
			state, err := handshake(t, test.profile(own...), test.client)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), "remote error: tls: "+test.refused) {
					t.Errorf("handshake = %v, want the server to refuse with %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatalf("handshake = %v, want TLS %x", err, test.version)
			}
			if state.Version != test.version || test.suite != 0 && state.CipherSuite != test.suite || test.group != 0 && state.CurveID != test.group {
				t.Errorf("handshake = %s, %s, %v, want %s, %s, %v", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.CurveID,
					tls.VersionName(test.version), tls.CipherSuiteName(test.suite), test.group)
			}
		})
	}
}

func TestApplicationProtocols(t *testing.T) {
	certs, err := bothCertificates()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		offers []string
		want   string
		err    string
	}{
		{"both", []string{"http/1.1", "h2"}, "h2", ""},
		{"HTTP/1.1", []string{"http/1.1"}, "http/1.1", ""},
		{"none", nil, "", ""},
		{"another", []string{"imap"}, "", "no application protocol"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			state, err := handshake(t, tlspolicy.Intermediate(certs...), &tls.Config{NextProtos: test.offers})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("handshake = %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || state.NegotiatedProtocol != test.want {
				t.Errorf("handshake offering %q = %q, %v, want %q", test.offers, state.NegotiatedProtocol, err, test.want)
			}
		})
	}
}
