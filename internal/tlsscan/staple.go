package tlsscan

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

var (
	oidMustStaple  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	oidStapledSCTs = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 5}
)

// stapled returns the timestamps in an OCSP response for the certificate (RFC 6962
// section 3.3).
func stapled(leaf *x509.Certificate, staple []byte) []byte {
	if len(staple) == 0 {
		return nil
	}
	r, err := ocsp.ParseResponseForCert(staple, leaf, nil)
	if err != nil {
		return nil
	}
	return listIn(r.Extensions, oidStapledSCTs)
}

// timestamps counts and checks what the logs signed, wherever it came.
func (j *judge) timestamps(leaf, issuer *x509.Certificate, s served, c *Certificate) {
	list, tbs := embedded(leaf)
	readable := true
	for _, from := range []struct{ list, tbs []byte }{{list, tbs}, {s.scts, nil}, {stapled(leaf, s.staple), nil}} {
		if from.list == nil {
			continue
		}
		all, err := readSCTs(from.list)
		if err != nil {
			j.say("cert.sct-invalid", "the timestamps cannot be read: %v", err)
			readable = false
			continue
		}
		c.SCTs += len(all)
		for _, t := range all {
			if from.tbs != nil && issuer == nil {
				j.skip("cert.sct-invalid", "without the issuer's certificate its timestamps cannot be checked")
				continue
			}
			known, err := t.verify(j.o.Logs, t.signed(leaf, issuer, from.tbs), j.o.Now)
			switch {
			case !known:
				j.skip("cert.sct-invalid", "no list of logs was given, or it lacks a log")
			case err != nil:
				j.say("cert.sct-invalid", "a timestamp of %s is wrong: %v", time.UnixMilli(int64(t.at)).UTC().Format(time.DateTime), err)
			default:
				c.Verified++
			}
		}
	}
	if c.SCTs == 0 && readable {
		j.say("cert.no-sct", "the certificate has no signed certificate timestamp")
	}
}

// staple judges the OCSP response that came along.
func (j *judge) staple(leaf, issuer *x509.Certificate, der []byte, c *Certificate) {
	for _, x := range leaf.Extensions {
		if x.Id.Equal(oidMustStaple) {
			c.MustStaple = true
		}
	}
	if len(der) == 0 {
		if c.MustStaple {
			j.say("ocsp.must-staple-missing", "the certificate demands a stapled OCSP response, and none came")
		}
		return
	}
	var r *ocsp.Response
	var err error
	word := "invalid"
	if issuer != nil {
		r, err = ocsp.ParseResponseForCert(der, leaf, issuer)
	} else if r, err = ocsp.ParseResponseForCert(der, leaf, nil); err == nil {
		j.skip("ocsp.signature-invalid", "without the issuer's certificate the staple's signature cannot be checked")
	}
	if err == nil && r.Certificate != nil && !r.Certificate.Equal(issuer) {
		err = delegated(r.Certificate, j.o.Now)
	}
	if err != nil && issuer != nil {
		if _, unsigned := ocsp.ParseResponseForCert(der, leaf, nil); unsigned == nil {
			word = "forged"
		}
	}
	if err != nil {
		c.Staple = word
		j.say("ocsp.signature-invalid", "the stapled OCSP response is not valid: %v", err)
		return
	}
	stale := true
	switch {
	case !r.NextUpdate.IsZero() && j.o.Now.After(r.NextUpdate):
		j.say("ocsp.stale", "the stapled OCSP response ended on %s", r.NextUpdate.UTC().Format(time.DateOnly))
	case j.o.Now.Add(time.Hour).Before(r.ThisUpdate):
		j.say("ocsp.stale", "the stapled OCSP response begins on %s", r.ThisUpdate.UTC().Format(time.DateTime))
	default:
		stale = false
	}
	switch {
	case r.Status == ocsp.Revoked:
		c.Staple = "revoked"
		j.say("ocsp.revoked", "the certificate was revoked on %s", r.RevokedAt.UTC().Format(time.DateOnly))
	case stale:
		c.Staple = "stale"
	case r.Status == ocsp.Good && issuer == nil:
		c.Staple = "unchecked"
	case r.Status == ocsp.Good:
		c.Staple = "good"
	default:
		c.Staple = "unknown"
		j.say("ocsp.unknown", "the stapled OCSP response does not know the certificate")
	}
}

// delegated says why a certificate of its own may not sign a response (RFC 6960 section
// 4.2.2.2).
func delegated(c *x509.Certificate, now time.Time) error {
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return fmt.Errorf("%s may not sign OCSP responses", c.Subject)
	}
	if now.After(c.NotAfter) || now.Before(c.NotBefore) {
		return fmt.Errorf("the certificate of %s, which signs it, is valid from %s to %s", c.Subject, c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
}
