package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/certs"
)

// selfSigned makes a certificate that signs itself, for P-256 unless signed names
// another key, and returns both PEM files.
func selfSigned(t *testing.T, template x509.Certificate, keys ...crypto.Signer) (cert, key []byte) {
	t.Helper()
	var signer crypto.Signer
	if len(keys) > 0 {
		signer = keys[0]
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signer = k
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(90*24*time.Hour + time.Minute)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// pair writes a self-signed pair into dir and returns its names.
func pair(t *testing.T, dir, name string, template x509.Certificate, keys ...crypto.Signer) certs.Pair {
	t.Helper()
	cert, key := selfSigned(t, template, keys...)
	p := certs.Pair{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	write(t, p.Cert, cert)
	write(t, p.Key, key)
	return p
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFilesChoosesByName(t *testing.T) {
	dir := t.TempDir()
	pairs := []certs.Pair{
		pair(t, dir, "first", x509.Certificate{DNSNames: []string{"first.example"}}),
		pair(t, dir, "exact", x509.Certificate{DNSNames: []string{"Shop.Example.com"}}),
		pair(t, dir, "wild", x509.Certificate{DNSNames: []string{"*.example.com", "example.com"}}),
		pair(t, dir, "address", x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}),
	}
	source, err := certs.Files(pairs)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, p := range pairs {
		cert, err := certs.LoadPair(p)
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(cert.Leaf)
	}
	for _, tt := range []struct{ name, want string }{
		{"first.example", "first.example"},
		{"shop.example.com", "Shop.Example.com"},
		{"SHOP.example.com", "Shop.Example.com"},
		{"blog.example.com", "*.example.com"},
		{"example.com", "*.example.com"},
		{"127.0.0.1", "127.0.0.1"},
	} {
		state, err := handshake(t, source.GetCertificate, roots, tt.name)
		if err != nil {
			t.Errorf("handshake for %s: %v", tt.name, err)
			continue
		}
		leaf := state.PeerCertificates[0]
		if len(leaf.DNSNames) > 0 && leaf.DNSNames[0] != tt.want || len(leaf.DNSNames) == 0 && leaf.IPAddresses[0].String() != tt.want {
			t.Errorf("handshake for %s got the leaf of %v %v, want %s", tt.name, leaf.DNSNames, leaf.IPAddresses, tt.want)
		}
		if !source.Covers(tt.name) {
			t.Errorf("Covers(%s) = false, want true", tt.name)
		}
	}
	for _, name := range []string{"", "other.example", "a.b.example.com", "com", "."} {
		cert, err := source.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil || cert.Leaf.DNSNames[0] != "first.example" {
			t.Errorf("GetCertificate(%q) = %v, %v, want the first", name, cert, err)
		}
		if source.Covers(name) {
			t.Errorf("Covers(%q) = true, want false", name)
		}
	}
	want := []string{"*.example.com", "127.0.0.1", "example.com", "first.example", "shop.example.com"}
	if got := source.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	status := source.Status()
	if len(status) != 4 || status[1].Days != 90 || status[1].Pair != pairs[1] || status[1].Names[0] != "shop.example.com" {
		t.Errorf("Status() = %+v, want 90 days for shop.example.com", status)
	}
}

// A site may have a key of each kind; an old client gets the one that it can use.
func TestFilesChoosesByKey(t *testing.T) {
	dir := t.TempDir()
	site := x509.Certificate{DNSNames: []string{"a.example"}}
	source, err := certs.Files([]certs.Pair{pair(t, dir, "ec", site), pair(t, dir, "rsa", site, rsaKey(t, 2048))})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		scheme tls.SignatureScheme
		suite  uint16
		want   x509.PublicKeyAlgorithm
	}{
		{tls.ECDSAWithP256AndSHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, x509.ECDSA},
		{tls.PSSWithSHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, x509.RSA},
	} {
		cert, err := source.GetCertificate(&tls.ClientHelloInfo{
			ServerName: "a.example", SupportedVersions: []uint16{tls.VersionTLS12}, CipherSuites: []uint16{tt.suite},
			SignatureSchemes: []tls.SignatureScheme{tt.scheme}, SupportedCurves: []tls.CurveID{tls.CurveP256}, SupportedPoints: []uint8{0},
		})
		if err != nil || cert.Leaf.PublicKeyAlgorithm != tt.want {
			t.Errorf("GetCertificate for %v = %v, %v, want %v", tt.scheme, cert.Leaf.PublicKeyAlgorithm, err, tt.want)
		}
	}
}

func TestReloadKeepsTheOldOnError(t *testing.T) {
	dir := t.TempDir()
	p := pair(t, dir, "site", x509.Certificate{DNSNames: []string{"old.example"}})
	source, err := certs.Files([]certs.Pair{p})
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		cert, err := source.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.DNSNames[0]
	}
	cert, key := selfSigned(t, x509.Certificate{DNSNames: []string{"new.example"}})
	write(t, p.Cert, cert) // half of a renewal: the key is still the old one
	if err := source.Reload(); err == nil || !strings.Contains(err.Error(), "is not the key of") {
		t.Errorf("Reload with the old key = %v, want is not the key of", err)
	}
	if got := name(); got != "old.example" {
		t.Errorf("after a failed Reload %s is served, want old.example", got)
	}
	write(t, p.Key, key)
	if err := source.Reload(); err != nil || name() != "new.example" {
		t.Errorf("Reload = %v and serves %s, want new.example", err, name())
	}
}

func TestLoadPairRefuses(t *testing.T) {
	dir := t.TempDir()
	site := x509.Certificate{DNSNames: []string{"a.example"}}
	good := pair(t, dir, "good", site)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, []byte(text))
		return path
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*x509.Certificate)) x509.Certificate {
		c := site
		change(&c)
		return c
	}
	other, _ := selfSigned(t, x509.Certificate{DNSNames: []string{"b.example"}})
	leaf, _ := selfSigned(t, site)
	tests := []struct {
		name string
		pair certs.Pair
		want []string // file name: text
	}{
		{"good", good, nil},
		{"Ed25519", pair(t, dir, "ed", site, edKey), nil},
		{"RSA", pair(t, dir, "rsa", site, rsaKey(t, 2048)), nil},
		{"nothing named", certs.Pair{}, []string{": no file is named", ": no file is named"}},
		{"both absent", certs.Pair{Cert: filepath.Join(dir, "x.pem"), Key: filepath.Join(dir, "x.key")}, []string{"x.pem: cannot be read: no such file or directory", "x.key: cannot be read: no such file or directory"}},
		{"swapped", certs.Pair{Cert: good.Key, Key: good.Cert}, []string{"good.key: holds a PRIVATE KEY and no CERTIFICATE: are cert and key swapped?", "good.pem: holds a CERTIFICATE and no private key: are cert and key swapped?"}},
		{"no PEM", certs.Pair{Cert: file("t.pem", "hello"), Key: file("t.key", "hello")}, []string{"t.pem: holds no PEM block CERTIFICATE", "t.key: holds no PEM private key"}},
		{"broken certificate", certs.Pair{Cert: file("b.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), Key: good.Key}, []string{"b.pem: certificate 1 of the file does not parse: x509: malformed certificate"}},
		{"encrypted key", certs.Pair{Cert: good.Cert, Key: file("enc.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")}, []string{"enc.key: is encrypted: write it without a passphrase, readable by this user only"}},
		{"another's key", certs.Pair{Cert: good.Cert, Key: pair(t, dir, "second", site).Key}, []string{"second.key: is not the key of good.pem"}},
		{"expired", pair(t, dir, "old", with(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC)
		})), []string{"old.pem: expired on 2021-01-02: renew it"}},
		{"not yet valid", pair(t, dir, "early", with(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2121, 1, 2, 0, 0, 0, 0, time.UTC)
		})), []string{"early.pem: is not valid before 2120-01-01T00:00:00Z: check the clock of this machine"}},
		{"no names, for clients", pair(t, dir, "client", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), []string{
			"client.pem: names no host in its subject alternative names, so no client accepts it",
			"client.pem: is not a server's certificate: its extended key usage lacks serverAuth"}},
		{"short RSA key", pair(t, dir, "short", site, rsaKey(t, 1024)), []string{"short.pem: has an RSA key of 1024 bits, must be 2048 or more"}},
		{"wrong chain", certs.Pair{Cert: file("chain.pem", string(leaf)+string(other)), Key: good.Key}, []string{
			"chain.pem: certificate 2 of the file did not sign certificate 1: put the leaf first, then each issuer, and nothing else",
			"good.key: is not the key of chain.pem"}},
		{"huge", certs.Pair{Cert: file("huge.pem", strings.Repeat("x", 1<<20+1)), Key: good.Key}, []string{"huge.pem: is larger than a megabyte, so no certificate"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, err := certs.LoadPair(tt.pair)
			if (err == nil) != (cert != nil) {
				t.Errorf("LoadPair = %v, %v, want one of the two", cert, err)
			}
			var got []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range joined.Unwrap() {
					if _, ok := errors.AsType[*certs.FileError](e); !ok {
						t.Errorf("%v is a %T, want a *FileError", e, e)
					}
					got = append(got, strings.ReplaceAll(e.Error(), dir+string(filepath.Separator), ""))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("LoadPair = %q, want %q", got, tt.want)
			}
		})
	}
	_, err = certs.Files([]certs.Pair{{Cert: good.Key, Key: good.Key}, good, {Cert: good.Cert, Key: good.Cert}})
	if err == nil || strings.Count(err.Error(), "swapped") != 2 {
		t.Errorf("Files = %v, want the problems of both pairs", err)
	}
	if _, err := certs.Files(nil); err == nil {
		t.Error("Files(nil) = nil, want an error")
	}
}

// A chain from a real intermediate is served whole and in order.
func TestFilesServesTheChain(t *testing.T) {
	dir := t.TempDir()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	caPEM, _ := selfSigned(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, caKey)
	block, _ := pem.Decode(caPEM)
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(5), DNSNames: []string{"chain.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(36 * time.Hour),
	}, root, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := certs.Pair{Cert: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.key")}
	write(t, p.Cert, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), caPEM...))
	write(t, p.Key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	source, err := certs.Files([]certs.Pair{p})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	state, err := handshake(t, source.GetCertificate, roots, "chain.example")
	if err != nil || len(state.PeerCertificates) != 2 {
		t.Errorf("handshake = %d certificates, %v, want the leaf and its issuer", len(state.PeerCertificates), err)
	}
	if days := source.Status()[0].Days; days != 1 {
		t.Errorf("Days = %d, want 1 of 36 hours", days)
	}
}
