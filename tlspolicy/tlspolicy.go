// Package tlspolicy is Mozilla's Server Side TLS guideline 6.0 as [tls.Config]s, and
// as a check of certificates.
//
//	srv := &http.Server{TLSConfig: tlspolicy.Intermediate(cert)}
//
// [Intermediate] serves every client of the last ten years with TLS 1.2 or 1.3,
// forward secrecy and authenticated ciphers only. [Modern] is TLS 1.3 alone. Both
// agree on exactly the groups X25519MLKEM768, X25519, P-256 and P-384: Go's own
// default has more. The order of suites and groups is Go's, by the hardware of both
// sides; the guideline asks for none.
//
// # What it does not protect against
//
// It does not send Strict-Transport-Security (package headers), redirect plain HTTP,
// staple OCSP answers (set tls.Certificate.OCSPStaple), or know whether a certificate
// has expired, was revoked or names your host. Session ticket keys live in one
// process: machines that share a name need tls.Config.SetSessionTicketKeys. The
// guideline's "old" level ended with 5.8 and is not offered.
//
// Source: https://ssl-config.mozilla.org/guidelines/6.0.json. Practice: tls.
package tlspolicy

import (
	"crypto/tls"
	"slices"
)

// A Profile is one level of the guideline. It is got by [ByName]; the zero Profile is
// the intermediate one.
type Profile struct {
	// modern is the whole difference: Intermediate must be what a zero value means.
	modern bool
}

// Names returns what [ByName] knows, the default first.
func Names() []string { return []string{"intermediate", "modern"} }

// ByName returns the profile "intermediate" or "modern", and false for other names.
func ByName(name string) (Profile, bool) {
	switch name {
	case "intermediate":
		return Profile{}, true
	case "modern":
		return Profile{modern: true}, true
	}
	return Profile{}, false
}

// String returns the profile's name.
func (p Profile) String() string {
	if p.modern {
		return "modern"
	}
	return "intermediate"
}

// Intermediate returns a new configuration for TLS 1.2 and 1.3 with the guideline's
// six suites for TLS 1.2. Without certs, set GetCertificate.
//
// It offers HTTP/2 and HTTP/1.1; a server of another protocol changes NextProtos.
// The configuration is the caller's to change before its first use.
func Intermediate(certs ...tls.Certificate) *tls.Config { return Profile{}.Config(certs...) }

// Modern is [Intermediate] for TLS 1.3 alone. Clients older than 2018 are refused.
func Modern(certs ...tls.Certificate) *tls.Config { return Profile{modern: true}.Config(certs...) }

// Config returns a new configuration; see [Intermediate] and [Modern].
func (p Profile) Config(certs ...tls.Certificate) *tls.Config {
	c := &tls.Config{
		Certificates: slices.Clone(certs),
		NextProtos:   []string{"h2", "http/1.1"},
		// Explicit: Go's default adds P-521 and two hybrids that the guideline lacks.
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
	}
	if p.modern {
		c.MinVersion = tls.VersionTLS13 // whose three suites Go fixes, the guideline's own
		return c
	}
	c.MinVersion = tls.VersionTLS12
	// Explicit: Go's default adds four suites with CBC.
	c.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	return c
}
