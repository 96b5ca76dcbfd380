package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A Pair names the two PEM files of one certificate.
type Pair struct {
	// Cert holds the leaf first, then its intermediates.
	Cert string
	// Key holds the private key, unencrypted: PKCS #8, PKCS #1 or SEC 1.
	Key string
}

// A FileError is one thing wrong with one file.
type FileError struct {
	// File is the name as given in the Pair.
	File string
	// Text says what is wrong and what to do.
	Text string
	// Err is the cause, when there is one.
	Err error
}

// Error reads "site.pem: expired on 2026-01-02; renew it".
func (e *FileError) Error() string { return e.File + ": " + e.Text }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// maxPEM is the size of the largest file read; a long chain has 20 KB.
const maxPEM = 1 << 20

// LoadPair reads one pair and checks that it can serve: the files parse, the key is the
// leaf's, the leaf is a server's, is in force, names a host in its alternative names,
// and has a key that browsers accept (RSA from 2048 bits, P-256, P-384), and each
// certificate of the chain signs the one before it.
//
// The error holds a *FileError for every problem, joined. It does not check who issued
// the chain: a self-signed leaf is accepted, for those who pin it.
func LoadPair(pair Pair) (*tls.Certificate, error) {
	var problems []error
	bad := func(file, text string, err error) {
		problems = append(problems, &FileError{File: file, Text: text, Err: err})
	}
	chain, err := readChain(pair.Cert)
	if err != nil {
		problems = append(problems, err)
	}
	key, err := readKey(pair.Key)
	if err != nil {
		problems = append(problems, err)
	}
	if len(chain) == 0 {
		return nil, errors.Join(problems...)
	}
	leaf := chain[0]
	for _, text := range leafProblems(leaf, time.Now()) {
		bad(pair.Cert, text, nil)
	}
	for i, issuer := range chain[1:] {
		if err := chain[i].CheckSignatureFrom(issuer); err != nil {
			bad(pair.Cert, fmt.Sprintf("certificate %d of the file did not sign certificate %d: put the leaf first, then each issuer, and nothing else", i+2, i+1), err)
			break
		}
	}
	if key != nil && !matches(leaf.PublicKey, key) {
		bad(pair.Key, "is not the key of "+pair.Cert, nil)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

// leafProblems says why a certificate cannot serve.
func leafProblems(leaf *x509.Certificate, now time.Time) []string {
	var all []string
	if now.Before(leaf.NotBefore) {
		all = append(all, fmt.Sprintf("is not valid before %s: check the clock of this machine", leaf.NotBefore.UTC().Format(time.RFC3339)))
	}
	if now.After(leaf.NotAfter) {
		all = append(all, fmt.Sprintf("expired on %s: renew it", leaf.NotAfter.UTC().Format(time.DateOnly)))
	}
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 {
		all = append(all, "names no host in its subject alternative names, so no client accepts it")
	}
	server := len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0
	for _, use := range leaf.ExtKeyUsage {
		server = server || use == x509.ExtKeyUsageServerAuth || use == x509.ExtKeyUsageAny
	}
	if !server {
		all = append(all, "is not a server's certificate: its extended key usage lacks serverAuth")
	}
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			all = append(all, fmt.Sprintf("has an RSA key of %d bits, must be 2048 or more", k.N.BitLen()))
		}
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize < 256 {
			all = append(all, "has a key on "+k.Curve.Params().Name+", must be P-256 or P-384")
		}
	case ed25519.PublicKey:
	default:
		all = append(all, "has a key of a kind that TLS servers cannot use")
	}
	return all
}

func matches(public any, key crypto.Signer) bool {
	p, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(key.Public())
}

// readChain reads every certificate of a PEM file.
func readChain(name string) ([]*x509.Certificate, error) {
	rest, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	var other string
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &FileError{File: name, Text: fmt.Sprintf("certificate %d of the file does not parse: %v", len(chain)+1, err), Err: err}
		}
		chain = append(chain, c)
	}
	switch {
	case len(chain) > 0:
		return chain, nil
	case other != "":
		return nil, &FileError{File: name, Text: fmt.Sprintf("holds a %s and no CERTIFICATE: are cert and key swapped?", other)}
	}
	return nil, &FileError{File: name, Text: "holds no PEM block CERTIFICATE"}
}

// readKey reads the private key of a PEM file, past EC PARAMETERS and certificates.
func readKey(name string) (crypto.Signer, error) {
	rest, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	var other string
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var key any
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, &FileError{File: name, Text: "is encrypted: write it without a passphrase, readable by this user only"}
		case block.Type == "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			other = block.Type
			continue
		}
		if err != nil {
			return nil, &FileError{File: name, Text: "the private key does not parse", Err: err}
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, &FileError{File: name, Text: "holds a key that cannot sign"}
		}
		return signer, nil
	}
	if other == "CERTIFICATE" {
		return nil, &FileError{File: name, Text: "holds a CERTIFICATE and no private key: are cert and key swapped?"}
	}
	return nil, &FileError{File: name, Text: "holds no PEM private key"}
}

func readPEM(name string) ([]byte, error) {
	if name == "" {
		return nil, &FileError{File: name, Text: "no file is named"}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	if len(data) > maxPEM {
		return nil, &FileError{File: name, Text: "is larger than a megabyte, so no certificate"}
	}
	return data, nil
}

func unreadable(name string, err error) *FileError {
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err
	}
	return &FileError{File: name, Text: fmt.Sprintf("cannot be read: %v", cause), Err: err}
}
