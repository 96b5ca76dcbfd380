package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	// leafLife is the whole life of a leaf, the hour before its making included.
	leafLife = 30 * 24 * time.Hour
	// maxLeaves bounds the leaves kept. A client can ask for any name under .localhost;
	// at the bound another leaf is dropped and made again when it is asked for.
	maxLeaves = 128
)

// A leaf is one certificate with the time from which it is replaced.
type leaf struct {
	cert  *tls.Certificate
	renew time.Time
}

// A NameError says that no certificate can be had for a name.
type NameError struct {
	// Name is what the client asked for.
	Name string
}

// Error quotes the name, since a client sent it.
func (e *NameError) Error() string {
	return fmt.Sprintf("no certificate for %.100q: the local CA is for localhost, *.localhost, 127.0.0.1 and ::1", e.Name)
}

// GetCertificate is for tls.Config. The leaf is for the asked name, or for localhost,
// 127.0.0.1 and ::1 together when the client sent none, as clients do that were given an
// address. It lives for 30 days, is replaced after 20 of them, and its key is in memory
// only. For other names it returns a *NameError.
func (ca *LocalCA) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	switch {
	case name == "" || name == "127.0.0.1" || name == "::1":
		name = "localhost"
	case name == "localhost":
	case !underLocalhost(name):
		return nil, &NameError{Name: hello.ServerName}
	}
	now := time.Now()
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if l := ca.leaves[name]; l != nil && now.Before(l.renew) && !now.Before(l.cert.Leaf.NotBefore) {
		return l.cert, nil
	}
	l, err := ca.issue(name, now)
	if err != nil {
		return nil, err
	}
	if _, known := ca.leaves[name]; !known && len(ca.leaves) >= maxLeaves {
		for other := range ca.leaves {
			delete(ca.leaves, other)
			break
		}
	}
	ca.leaves[name] = l
	return l.cert, nil
}

// underLocalhost reports whether name is a host name under .localhost.
func underLocalhost(name string) bool {
	labels, found := strings.CutSuffix(name, ".localhost")
	if !found || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// issue makes the leaf of one name.
func (ca *LocalCA) issue(name string, now time.Time) (*leaf, error) {
	if now.After(ca.root.NotAfter) {
		return nil, fmt.Errorf("local CA: expired on %s; delete %s for a new CA and start again", ca.root.NotAfter.UTC().Format(time.DateOnly), ca.folder)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	begin := now.Add(-backdate)
	end := begin.Add(leafLife - time.Second) // both ends belong to the life
	if end.After(ca.root.NotAfter) {
		end = ca.root.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    begin,
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{name},
	}
	if name == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.root, key.Public(), ca.key)
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("local CA: %w", err)
	}
	return &leaf{
		cert:  &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed},
		renew: begin.Add(end.Sub(begin) * 2 / 3),
	}, nil
}
