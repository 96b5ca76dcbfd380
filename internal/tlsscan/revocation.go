package tlsscan

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ReadCRLs reads certificate revocation lists in DER, or any number of them in PEM.
func ReadCRLs(text []byte) ([]*x509.RevocationList, error) {
	var all []*x509.RevocationList
	ders := [][]byte{text}
	if bytes.Contains(text, []byte("-----BEGIN")) {
		ders = nil
		for {
			var block *pem.Block
			if block, text = pem.Decode(text); block == nil {
				break
			}
			if block.Type == "X509 CRL" {
				ders = append(ders, block.Bytes)
			}
		}
	}
	for _, der := range ders {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("no certificate revocation list: %w", err)
		}
		all = append(all, list)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate revocation list")
	}
	return all, nil
}

// A word on whether a certificate is revoked.
type word struct {
	revoked bool
	text    string // when and by whom
}

// errNotAbout says that a list does not speak of a certificate at all.
var errNotAbout = errors.New("the list is of another authority or of other certificates")

// byList asks a list about a certificate. A list that is no longer current still
// revokes, but does not clear.
func byList(list *x509.RevocationList, c, issuer *x509.Certificate, now time.Time) (word, error) {
	if !bytes.Equal(list.RawIssuer, c.RawIssuer) {
		return word{}, errNotAbout
	}
	if err := about(list, c); err != nil {
		return word{}, err
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return word{}, fmt.Errorf("the list of %s is not signed by it: %w", issuer.Subject, err)
	}
	if now.Add(time.Hour).Before(list.ThisUpdate) {
		return word{}, fmt.Errorf("the list of %s begins on %s", issuer.Subject, list.ThisUpdate.UTC().Format(time.DateTime))
	}
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 && e.ReasonCode != removeFromCRL {
			return word{revoked: true, text: fmt.Sprintf("on %s by the list of %s of %s%s", e.RevocationTime.UTC().Format(time.DateOnly), issuer.Subject,
				list.ThisUpdate.UTC().Format(time.DateOnly), because(e.ReasonCode))}, nil
		}
	}
	if list.NextUpdate.IsZero() || now.After(list.NextUpdate) {
		return word{}, fmt.Errorf("the list of %s ended on %s", issuer.Subject, list.NextUpdate.UTC().Format(time.DateOnly))
	}
	return word{text: "the list of " + issuer.Subject.String() + " of " + list.ThisUpdate.UTC().Format(time.DateOnly)}, nil
}

// removeFromCRL is the reason of an entry that takes a certificate off hold (RFC 5280
// section 5.3.1).
const removeFromCRL = 8

var reasons = map[int]string{1: "its key was taken", 2: "its authority's key was taken", 3: "its owner's data changed", 4: "it was replaced",
	5: "it is not used any more", 6: "it is on hold", 9: "its owner lost the right", 10: "its attributes' authority's key was taken"}

func because(code int) string {
	if r := reasons[code]; r != "" {
		return ": " + r
	}
	return ""
}

var (
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidPoints       = asn1.ObjectIdentifier{2, 5, 29, 31}
)

// issuingPoint is RFC 5280 section 5.2.5.
type issuingPoint struct {
	Point        asn1.RawValue  `asn1:"optional,tag:0"`
	OnlyUsers    bool           `asn1:"optional,tag:1"`
	OnlyCAs      bool           `asn1:"optional,tag:2"`
	SomeReasons  asn1.BitString `asn1:"optional,tag:3"`
	Indirect     bool           `asn1:"optional,tag:4"`
	OnlyAttrCert bool           `asn1:"optional,tag:5"`
}

// about says whether a list speaks of a certificate: authorities divide their lists, and
// silence of another part means nothing.
func about(list *x509.RevocationList, c *x509.Certificate) error {
	for _, x := range list.Extensions {
		if !x.Id.Equal(oidIssuingPoint) {
			if x.Critical {
				return fmt.Errorf("the list of %s has the critical extension %s, which is not understood here", list.Issuer, x.Id)
			}
			continue
		}
		var p issuingPoint
		if rest, err := asn1.Unmarshal(x.Value, &p); err != nil || len(rest) > 0 {
			return fmt.Errorf("the list of %s does not say clearly what it is about", list.Issuer)
		}
		if p.OnlyAttrCert || p.Indirect || p.SomeReasons.BitLength > 0 || p.OnlyCAs && !c.IsCA || p.OnlyUsers && c.IsCA {
			return errNotAbout
		}
		if len(p.Point.Bytes) > 0 && !shared(p.Point.Bytes, pointsOf(c.Extensions)) {
			return errNotAbout
		}
	}
	return nil
}

// pointsOf is where a certificate says that its lists are.
func pointsOf(extensions []pkix.Extension) []byte {
	for _, x := range extensions {
		if x.Id.Equal(oidPoints) {
			return x.Value
		}
	}
	return nil
}

// shared says that an address of the list's point stands among the certificate's, whole:
// with its tag and length.
func shared(point, points []byte) bool {
	var full asn1.RawValue
	if _, err := asn1.Unmarshal(point, &full); err != nil {
		return false
	}
	names := full.Bytes
	for len(names) > 0 {
		var name asn1.RawValue
		rest, err := asn1.Unmarshal(names, &name)
		if err != nil {
			return false
		}
		if name.Class == asn1.ClassContextSpecific && name.Tag == 6 && bytes.Contains(points, name.FullBytes) {
			return true
		}
		names = rest
	}
	return false
}

// byResponse asks an OCSP response about a certificate.
func byResponse(der []byte, c, issuer *x509.Certificate, now time.Time) (word, error) {
	r, err := ocsp.ParseResponseForCert(der, c, issuer)
	if err == nil && r.Certificate != nil && !r.Certificate.Equal(issuer) {
		err = delegated(r.Certificate, now)
	}
	switch {
	case err != nil:
		return word{}, fmt.Errorf("the OCSP response is not valid: %w", err)
	case r.Status == ocsp.Revoked:
		return word{revoked: true, text: "on " + r.RevokedAt.UTC().Format(time.DateOnly) + ", as the responder says" + because(r.RevocationReason)}, nil
	case now.Add(time.Hour).Before(r.ThisUpdate), !r.NextUpdate.IsZero() && now.After(r.NextUpdate):
		return word{}, fmt.Errorf("the OCSP response is of %s and not current", r.ThisUpdate.UTC().Format(time.DateTime))
	case r.Status != ocsp.Good:
		return word{}, errors.New("the responder does not know the certificate")
	}
	return word{text: "the responder's answer of " + r.ThisUpdate.UTC().Format(time.DateTime)}, nil
}

// revocation asks all lists and answers at hand about each certificate of the path.
func (j *judge) revocation(path []*x509.Certificate, c *Certificate) {
	lists := append(j.o.CRLs[:len(j.o.CRLs):len(j.o.CRLs)], j.fetched.lists...)
	if len(lists) == 0 && !j.o.FetchRevocation {
		j.skip("cert.revoked", "no list was given (--crl) and none was asked for (--fetch-revocation)")
		return
	}
	if len(path) < 2 {
		c.Revocation = "unknown"
		j.skip("cert.revoked", "without the issuer's certificate no list or answer can be checked")
		return
	}
	for i, x := range path[:len(path)-1] {
		word, err := j.revoked(x, path[i+1], lists)
		switch {
		case word.revoked && i == 0:
			j.say("cert.revoked", "the certificate was revoked %s", word.text)
		case word.revoked:
			j.say("cert.revoked", "the certificate of %s in the chain was revoked %s", x.Subject, word.text)
		case err != nil && i == 0:
			c.Revocation = "unknown"
			j.skip("cert.revoked", err.Error())
		case err == nil && i == 0:
			c.Revocation = "good"
			j.note("cert.not-revoked", "%s", word.text)
		}
		if word.revoked {
			c.Revocation = "revoked"
			return
		}
	}
}

// revoked is the worst word on one certificate.
func (j *judge) revoked(c, issuer *x509.Certificate, lists []*x509.RevocationList) (word, error) {
	var good *word
	why := fmt.Errorf("no list or answer is about the certificate of %s", c.Subject)
	take := func(w word, err error) bool {
		switch {
		case errors.Is(err, errNotAbout):
		case err != nil:
			why = err
		case w.revoked:
			good = &w
			return true
		case good == nil:
			good = &w
		}
		return false
	}
	for _, der := range j.fetched.answers[keyOf(c)] {
		if take(byResponse(der, c, issuer, j.o.Now)) {
			return *good, nil
		}
	}
	for _, list := range lists {
		if take(byList(list, c, issuer, j.o.Now)) {
			return *good, nil
		}
	}
	if good != nil {
		return *good, nil
	}
	if fault := j.fetched.faults[keyOf(c)]; fault != "" {
		why = fmt.Errorf("%w; %s", why, fault)
	}
	return word{}, why
}

func keyOf(c *x509.Certificate) string { return string(c.Raw) }
