// Package tlsserve has HTTPS servers on loopback with certificates of one private root,
// to be scanned: Mozilla's intermediate level by ECDSA, by RSA and by both, one of TLS 1.3
// alone, and an old one. All of them are Go's.
package tlsserve

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// Name is what every certificate is for.
const Name = "app.test"

// Kinds are the servers in a fixed order.
var Kinds = []string{"intermediate, ECDSA", "intermediate, RSA", "intermediate, both", "modern", "old"}

// Intermediate is how many of Kinds, from the first, are of Mozilla's intermediate level.
const Intermediate = 3

var (
	curves = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
	aead   = []uint16{0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8}
	// legacy are Mozilla's old ciphers, as far as Go has them.
	legacy = append(aead[:len(aead):len(aead)], 0xc009, 0xc013, 0xc00a, 0xc014, 0xc027, 0xc023, 0x009c, 0x009d, 0x003c, 0x002f, 0x0035, 0x000a)
)

// Configs makes the certificates and the configuration of each kind. It writes the root
// to the file.
func Configs(root string) ([]*tls.Config, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(720 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	leaf := func(key crypto.Signer, serial int64) (tls.Certificate, error) {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: Name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(700 * time.Hour),
			DNSNames: []string{Name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	byEC, err := leaf(ec, 2)
	if err != nil {
		return nil, err
	}
	byRSA, err := leaf(rs, 3)
	if err != nil {
		return nil, err
	}
	config := func(lowest uint16, suites []uint16, certs ...tls.Certificate) *tls.Config {
		return &tls.Config{MinVersion: lowest, CipherSuites: suites, CurvePreferences: curves, Certificates: certs, NextProtos: []string{"h2", "http/1.1"}}
	}
	return []*tls.Config{
		config(tls.VersionTLS12, aead, byEC), config(tls.VersionTLS12, aead, byRSA), config(tls.VersionTLS12, aead, byEC, byRSA),
		config(tls.VersionTLS13, nil, byEC), config(tls.VersionTLS10, legacy, byRSA),
	}, nil
}

// Serve serves one page with the configuration until the process ends.
func Serve(c *tls.Config) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: c,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Strict-Transport-Security", "max-age=63072000")
			fmt.Fprintln(w, "ok")
		}),
	}
	go s.ServeTLS(ln, "", "") // ends with the process
	return ln.Addr().String(), nil
}
