package tlsscan

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Options say how to scan. The zero Options are safe and useful.
type Options struct {
	// ServerName is asked for (SNI) and has to be in the certificate. Empty is the host of
	// the address; an IP address is never asked for, only looked for in the certificate.
	ServerName string
	// Roots are trusted beside the system's, as a store called given.
	Roots []*x509.Certificate
	// Stores are further sets of roots, each with a word of its own in the report.
	Stores []Store
	// CRLs are lists that say which certificates are revoked; each is checked by its
	// signature and its dates.
	CRLs []*x509.RevocationList
	// FetchRevocation asks the authorities of trusted certificates, by http: their OCSP
	// responders and lists, at most 8 addresses and 32 MiB. They learn of the scan.
	// Only port 80 of public addresses is asked, unless the target is this machine.
	FetchRevocation bool
	// Profile is held against the server beside Mozilla's levels; nil is none.
	Profile *Profile
	// Logs are the certificate transparency logs whose timestamps can be checked; without
	// any, timestamps are only counted.
	Logs []Log
	// ClientCertificate opens a server that demands one; it is used for the page whose
	// headers are read, and nowhere else.
	ClientCertificate *tls.Certificate
	// Passive makes handshakes only: no fault of an implementation is tried. For servers
	// whose owner was not asked.
	Passive bool
	// MaxConnections bounds the whole scan; zero is 400, more is not allowed.
	MaxConnections int
	// Parallel is how many connections are open at once, 1 to 8; zero is 4. A server that
	// sheds load gets one at a time.
	Parallel int
	// Timeout is for each connection; zero is 4 seconds. The whole scan has 15 times that.
	Timeout time.Duration
	// Now is the time by which certificates are judged; zero is now.
	Now time.Time
}

const (
	maxConnections = 400
	defaultTimeout = 4 * time.Second
)

// check reports all that is wrong with the options at once, and fills in defaults.
func (o *Options) check(addr string) error {
	var bad []error
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		bad = append(bad, fmt.Errorf("tlsscan: address %q: want HOST:PORT", addr))
	}
	if o.MaxConnections < 0 || o.MaxConnections > maxConnections {
		bad = append(bad, fmt.Errorf("tlsscan: MaxConnections is %d, want 0 to %d", o.MaxConnections, maxConnections))
	}
	if o.Parallel < 0 || o.Parallel > 8 {
		bad = append(bad, fmt.Errorf("tlsscan: Parallel is %d, want 0 to 8", o.Parallel))
	}
	if o.Timeout < 0 {
		bad = append(bad, fmt.Errorf("tlsscan: Timeout is %v, want 0 or more", o.Timeout))
	}
	if o.ServerName == "" {
		o.ServerName = host
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = maxConnections
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return errors.Join(bad...)
}

// sni is the name to ask for: addresses have none (RFC 6066 section 3).
func sni(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}
