package tlsscan

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// A served chain, as it came for a name.
type served struct {
	name   string
	chain  [][]byte
	staple []byte
	scts   []byte
	// alone says that the protocol sends no issuers, as SSLv2's.
	alone bool
}

// signatureNames are those of OpenSSL, as Mozilla's guideline has them.
var signatureNames = map[x509.SignatureAlgorithm]string{
	x509.MD2WithRSA: "md2WithRSAEncryption", x509.MD5WithRSA: "md5WithRSAEncryption", x509.SHA1WithRSA: "sha1WithRSAEncryption",
	x509.SHA256WithRSA: "sha256WithRSAEncryption", x509.SHA384WithRSA: "sha384WithRSAEncryption", x509.SHA512WithRSA: "sha512WithRSAEncryption",
	x509.DSAWithSHA1: "dsaWithSHA1", x509.DSAWithSHA256: "dsa_with_SHA256",
	x509.ECDSAWithSHA1: "ecdsa-with-SHA1", x509.ECDSAWithSHA256: "ecdsa-with-SHA256", x509.ECDSAWithSHA384: "ecdsa-with-SHA384", x509.ECDSAWithSHA512: "ecdsa-with-SHA512",
	x509.SHA256WithRSAPSS: "rsassaPss", x509.SHA384WithRSAPSS: "rsassaPss", x509.SHA512WithRSAPSS: "rsassaPss", x509.PureEd25519: "ED25519",
}

var curveNames = map[string]string{"P-224": "secp224r1", "P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}

// outdated says that a signature can be forged.
func outdated(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// A judge of certificates tells what it finds to say.
type judge struct {
	o         *Options
	pools     []pool
	fetched   fetched
	say, note func(name, format string, args ...any)
	// skip notes what could not be looked at.
	skip func(what, why string)
}

// parse reads the leaf, and what of the rest can be read.
func (s served) parse() (leaf *x509.Certificate, sent []*x509.Certificate, err error) {
	if leaf, err = parse(s.chain[0]); err != nil {
		return nil, nil, err
	}
	for _, der := range s.chain[1:] {
		if x, err := parse(der); err == nil {
			sent = append(sent, x)
		}
	}
	return leaf, sent, nil
}

// certificate judges a served chain.
func (j *judge) certificate(s served) Certificate {
	sum := sha256.Sum256(s.chain[0])
	c := Certificate{For: s.name, Sent: len(s.chain), SHA256: hex.EncodeToString(sum[:]), Key: "unknown", Staple: "none", Signature: "unknown"}
	leaf, sent, err := s.parse()
	if err != nil {
		j.say("cert.unreadable", "the certificate cannot be read: %v", err)
		return c
	}
	c.Subject, c.NotBefore, c.NotAfter = leaf.Subject.String(), leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	c.Days = int(leaf.NotAfter.Sub(leaf.NotBefore) / (24 * time.Hour))
	c.Names = leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	if name, ok := signatureNames[leaf.SignatureAlgorithm]; ok {
		c.Signature = name
	}
	j.key(leaf, &c)
	j.validity(leaf, &c)
	j.names(leaf, &c)
	path := pathOf(leaf, sent, j.o.givenRoots())
	j.path(leaf, sent, path, s.alone, &c)
	j.issuance(leaf, &c)
	if len(path) == 1 {
		// The system may know the issuer that the server did not send.
		if known := trustedPath(j.pools, leaf, sent, j.o); known != nil {
			path = known
		}
	}
	var issuer *x509.Certificate
	if len(path) > 1 {
		issuer = path[1]
	}
	j.timestamps(leaf, issuer, s, &c)
	j.staple(leaf, issuer, s.staple, &c)
	j.revocation(path, &c)
	return c
}

// maxRSA bounds the work of a signature's check that a server can demand.
const maxRSA = 16384

func parse(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if c = withoutKey(der); c == nil {
			return nil, err
		}
	}
	if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA {
		return nil, fmt.Errorf("its RSA key has %d bits, more than %d", k.N.BitLen(), maxRSA)
	}
	return c, nil
}

func (j *judge) key(leaf *x509.Certificate, c *Certificate) {
	switch k := publicKey(leaf).(type) {
	case *rsa.PublicKey:
		c.Key, c.Bits = "rsa", k.N.BitLen()
		if c.Bits < 2048 {
			j.say("cert.rsa-small", "the certificate has an RSA key of %d bits, less than 2048", c.Bits)
		}
		if k.E < 3 || k.E%2 == 0 {
			j.say("cert.rsa-exponent", "the RSA key has the exponent %d", k.E)
		}
		switch {
		case roca(k.N):
			j.say("cert.roca", "the RSA key has the mark of a broken generator (ROCA, CVE-2017-15361): who wants to can compute the private key")
		case closePrimes(k.N):
			j.say("cert.rsa-factored", "the factors of the RSA key stand close together (CVE-2022-26320): the private key is known to whoever looks")
		}
	case *ecdsa.PublicKey:
		c.Key, c.Bits, c.Curve = "ecdsa", k.Curve.Params().BitSize, curveNames[k.Curve.Params().Name]
	case ed25519.PublicKey:
		c.Key, c.Bits = "ed25519", 256
	default:
		c.Key, c.Curve, c.Bits = unknownKey(leaf.RawSubjectPublicKeyInfo)
	}
	if c.Key == "ecdsa" && c.Bits > 0 && c.Bits < 256 {
		j.say("cert.curve-weak", "the certificate has a key on %s, less than 256 bits", c.Curve)
	}
}

func (j *judge) validity(leaf *x509.Certificate, c *Certificate) {
	now := j.o.Now
	switch left := leaf.NotAfter.Sub(now); {
	case now.Before(leaf.NotBefore):
		j.say("cert.not-yet-valid", "the certificate is valid only from %s", c.NotBefore.Format(time.DateOnly))
	case left < 0:
		j.say("cert.expired", "the certificate ended on %s", c.NotAfter.Format(time.DateOnly))
	case left < leaf.NotAfter.Sub(leaf.NotBefore)/10 && left < 30*24*time.Hour:
		j.say("cert.expires-soon", "the certificate ends on %s", c.NotAfter.Format(time.DateOnly))
	}
}

func (j *judge) names(leaf *x509.Certificate, c *Certificate) {
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) == 0 {
		j.say("cert.no-san", "the certificate names its host in the subject only, which no browser reads")
	}
	name := c.For
	if name == "" {
		name = j.o.ServerName
	}
	err := leaf.VerifyHostname(name)
	c.NameOK = err == nil
	if err != nil {
		j.say("cert.name-mismatch", "the certificate is not for %s", name)
	}
}

// pathOf follows the signatures from the leaf upward, through what was sent and the
// given roots, whatever their dates and algorithms.
func pathOf(leaf *x509.Certificate, sent, roots []*x509.Certificate) []*x509.Certificate {
	path := []*x509.Certificate{leaf}
	for len(path) < 16 {
		top := path[len(path)-1]
		if signedBy(top, top) {
			return path
		}
		var next *x509.Certificate
		for _, list := range [][]*x509.Certificate{sent, roots} {
			for _, x := range list {
				if next == nil && string(x.RawSubject) == string(top.RawIssuer) && !within(path, x) && signedBy(top, x) {
					next = x
				}
			}
		}
		if next == nil {
			return path
		}
		path = append(path, next)
	}
	return path
}

func within(path []*x509.Certificate, x *x509.Certificate) bool {
	for _, p := range path {
		if p.Equal(x) {
			return true
		}
	}
	return false
}

// signedBy checks a signature, and goes by the names where the library does not compute its
// algorithm, or refuses to.
func signedBy(c, by *x509.Certificate) bool {
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	if !errors.As(err, &insecure) && !errors.Is(err, x509.ErrUnsupportedAlgorithm) {
		return err == nil
	}
	return string(c.RawIssuer) == string(by.RawSubject)
}

// path judges how the chain leads to a root, and by which fault it does not. Dates and
// weak signatures explain that a certificate is not trusted where a root is at the end.
func (j *judge) path(leaf *x509.Certificate, sent, path []*x509.Certificate, alone bool, c *Certificate) {
	why := j.verify(leaf, sent, c)
	reaches := j.reaches(path[len(path)-1])
	dated, forgeable := j.dates(leaf, path), j.forgeable(path, c.Trusted)
	explained := reaches && (dated || forgeable)
	self := len(path) == 1 && selfSigned(leaf)
	if self && !c.Trusted {
		j.say("cert.self-signed", "the certificate is signed by its own key")
	}
	switch {
	case len(path) > 1 || self || reaches:
	case alone:
		j.skip("cert.chain-incomplete", "SSLv2 sends a certificate without its issuers")
		explained = true
	default:
		j.say("cert.chain-incomplete", "the certificate of the issuer, %s, is not sent", leaf.Issuer)
		explained = true
	}
	if !c.Trusted && !explained {
		j.say("cert.untrusted", "no trusted root leads to the certificate: %v", why)
	}
	j.order(sent, path)
}

func selfSigned(c *x509.Certificate) bool {
	return string(c.RawSubject) == string(c.RawIssuer) && signedBy(c, c)
}

// dates says whether dates alone break the path below its root.
func (j *judge) dates(leaf *x509.Certificate, path []*x509.Certificate) bool {
	broken := j.o.Now.After(leaf.NotAfter) || j.o.Now.Before(leaf.NotBefore)
	for _, x := range path[1:] {
		how := ""
		switch {
		case j.o.Now.After(x.NotAfter):
			how = "ended on " + x.NotAfter.UTC().Format(time.DateOnly)
		case j.o.Now.Before(x.NotBefore):
			how = "begins on " + x.NotBefore.UTC().Format(time.DateOnly)
		}
		if how != "" && !selfSigned(x) {
			j.say("cert.intermediate-expired", "the certificate of %s in the chain %s", x.Subject, how)
			broken = true
		}
	}
	return broken
}

// forgeable says whether something below the root is signed by MD5 or SHA-1.
func (j *judge) forgeable(path []*x509.Certificate, trusted bool) bool {
	for _, x := range path {
		root := string(x.RawSubject) == string(x.RawIssuer) && (len(path) > 1 || trusted)
		if outdated(x.SignatureAlgorithm) && !root {
			j.say("cert.sha1", "the certificate of %s is signed by %s", x.Subject, signatureNames[x.SignatureAlgorithm])
			return true
		}
	}
	return false
}

// order says whether each certificate that was sent is followed by its issuer, and
// whether the root was sent, which no client needs.
func (j *judge) order(sent, path []*x509.Certificate) {
	for _, x := range sent {
		if selfSigned(x) {
			j.say("cert.chain-has-root", "the root %s is sent as well", x.Subject)
			break
		}
	}
	for i, x := range sent {
		if i+1 >= len(path) || !path[i+1].Equal(x) {
			j.say("cert.chain-order", "the certificate of %s stands in the chain where its order does not belong", x.Subject)
			return
		}
	}
}
