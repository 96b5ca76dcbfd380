package door

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/config"
)

const (
	rampTime = 7 * 24 * time.Hour
	rampAge  = 300 * time.Second
)

// hsts decides Strict-Transport-Security. Browsers remember it for the whole host, all
// ports, and cannot be made to forget, so a host gets it only where HTTPS is there to
// stay: a named site with a certificate of a public CA, and for the first week with an
// age that a mistake survives.
type hsts struct {
	age   time.Duration        // after the first week
	sites map[string]time.Time // first served
}

// newHSTS decides for the sites of cfg, whose certificates certificate returns.
func (d *Door) newHSTS(cfg *config.Config, age time.Duration, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*hsts, error) {
	h := &hsts{age: age, sites: map[string]time.Time{}}
	if len(cfg.TLS.Certificates) == 0 {
		return h, nil
	}
	for _, site := range cfg.Sites {
		if neverHSTS(site) {
			continue
		}
		cert, err := certificate(&tls.ClientHelloInfo{ServerName: site, SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.Ed25519},
			SupportedCurves:  []tls.CurveID{tls.CurveP256, tls.X25519}})
		if err != nil || !publicly(cert) {
			continue
		}
		first, err := d.state.firstSeen(site, time.Now())
		if err != nil {
			return nil, err
		}
		h.sites[site] = first
	}
	return h, nil
}

// maxAge is the headers guard's MaxAgeFor.
func (h *hsts) maxAge(r *http.Request) time.Duration {
	c := clientip.Of(r)
	if c.Scheme != "https" || len(h.sites) == 0 {
		return 0
	}
	host, _, _ := clientip.SplitHost(c.Host)
	first, ok := h.sites[host]
	switch {
	case !ok:
		return 0
	case h.age < rampAge: // headers.Forget too
		return h.age
	case time.Since(first) < rampTime:
		return rampAge
	}
	return h.age
}

// neverHSTS tells the hosts that never get it: addresses, and names that are local by
// convention.
//
// Source: RFC 6797 section 8.1.1 (IP addresses), RFC 6761 (.localhost, .test).
func neverHSTS(host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "test" || strings.HasSuffix(host, ".test")
}

// publicly tells a certificate that somebody else has signed. Whether browsers trust
// the signer is not known here; a private CA that the operator gave a public name is
// taken at its word.
func publicly(cert *tls.Certificate) bool {
	leaf := cert.Leaf
	if leaf == nil && len(cert.Certificate) > 0 {
		parsed, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			return false
		}
		leaf = parsed
	}
	return leaf != nil && string(leaf.RawIssuer) != string(leaf.RawSubject)
}
