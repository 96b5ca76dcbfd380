package tlsscan

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// A link of a chain, with its key.
type link struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// mint makes a certificate that is good at noon but for what change does.
func mint(t *testing.T, name string, by *link, key crypto.Signer, change func(*x509.Certificate)) *link {
	t.Helper()
	if key == nil {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key = k
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(int64(len(name)) + noon.Unix()), Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(0, 0, -30), NotAfter: noon.AddDate(0, 0, 60),
		BasicConstraintsValid: true, IsCA: name != "shop.example", KeyUsage: x509.KeyUsageDigitalSignature}
	if c.IsCA {
		c.KeyUsage |= x509.KeyUsageCertSign
	} else {
		c.DNSNames = []string{name}
	}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &link{c, key}
}

// weigh judges a chain with one given root at noon.
func weigh(t *testing.T, root *x509.Certificate, staple []byte, chain ...[]byte) (Certificate, []string) {
	t.Helper()
	said := map[string]string{}
	p := pool{name: "given", given: true, roots: x509.NewCertPool()}
	p.roots.AddCert(root)
	j := &judge{o: &Options{ServerName: "shop.example", Now: noon, Roots: []*x509.Certificate{root}}, pools: []pool{p},
		say: func(name, format string, args ...any) { said[name] = format }, note: func(string, string, ...any) {}, skip: func(string, string) {}}
	c := j.certificate(served{name: "shop.example", chain: chain, staple: staple})
	delete(said, "cert.no-sct")
	return c, slices.Sorted(maps.Keys(said))
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = noon.AddDate(0, 0, -60), noon.AddDate(0, 0, -1)
}

// TestChainFaults holds that each fault of a chain is told as what it is, and beside others.
func TestChainFaults(t *testing.T) {
	root, stranger := mint(t, "root", nil, nil, nil), mint(t, "stranger", nil, nil, nil)
	oldRoot := mint(t, "old root", nil, nil, expired)
	middle := mint(t, "middle", root, nil, nil)
	early := mint(t, "early", root, nil, func(c *x509.Certificate) { c.NotBefore = noon.AddDate(0, 0, 1) })
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weakStranger := mint(t, "weak stranger", nil, weak, nil)
	leaf := func(by *link, change func(*x509.Certificate)) *link { return mint(t, "shop.example", by, nil, change) }
	sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }
	for _, tc := range []struct {
		name  string
		root  *link
		chain []*link
		want  []string
	}{
		{"good", root, []*link{leaf(middle, nil), middle}, nil},
		{"expired", root, []*link{leaf(middle, expired), middle}, []string{"cert.expired"}},
		{"expired, of a stranger", root, []*link{leaf(stranger, expired), stranger}, []string{"cert.chain-has-root", "cert.expired", "cert.untrusted"}},
		{"expired, self-signed", root, []*link{leaf(nil, expired)}, []string{"cert.expired", "cert.self-signed", "cert.untrusted"}},
		{"expired, incomplete", root, []*link{leaf(middle, expired)}, []string{"cert.chain-incomplete", "cert.expired"}},
		{"an intermediate to come", root, []*link{leaf(early, nil), early}, []string{"cert.intermediate-expired"}},
		{"a root that ended", oldRoot, []*link{leaf(oldRoot, nil)}, []string{"cert.untrusted"}},
		{"SHA-1 of a stranger", root, []*link{leaf(weakStranger, sha1), weakStranger}, []string{"cert.chain-has-root", "cert.sha1", "cert.untrusted"}},
		{"SHA-1, expired", weakStranger, []*link{leaf(weakStranger, func(c *x509.Certificate) { sha1(c); expired(c) })}, []string{"cert.expired", "cert.sha1"}},
		{"a root that is the leaf, by SHA-1", mint(t, "shop.example", nil, weak, sha1), nil, nil},
		{"a key that may only sign certificates", root, []*link{leaf(middle, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign; c.IsCA = true }), middle}, []string{"cert.untrusted"}},
		{"a key that may only decrypt", root, []*link{leaf(middle, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), middle}, nil},
	} {
		if tc.chain == nil {
			tc.chain = []*link{tc.root}
		}
		var chain [][]byte
		for _, l := range tc.chain {
			chain = append(chain, l.cert.Raw)
		}
		if _, got := weigh(t, tc.root.cert, nil, chain...); !slices.Equal(got, tc.want) {
			t.Errorf("%s: findings %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestForeignKeys holds that a certificate with a key that crypto/x509 refuses is judged
// like any other.
func TestForeignKeys(t *testing.T) {
	root := mint(t, "root", nil, nil, nil)
	spki := func(curve ...int) []byte {
		parameters, err := asn1.Marshal(asn1.ObjectIdentifier(curve))
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(subjectKey{pkix.AlgorithmIdentifier{Algorithm: oidEC, Parameters: asn1.RawValue{FullBytes: parameters}}, asn1.BitString{Bytes: make([]byte, 49), BitLength: 392}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for _, tc := range []struct {
		key   []byte
		curve string
		bits  int
		want  []string
	}{
		{spki(1, 2, 840, 10045, 3, 1, 1), "secp192r1", 192, []string{"cert.curve-weak"}},
		{spki(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), "brainpoolP256r1", 256, nil},
		{spki(1, 2, 3, 4), "1.2.3.4", 0, nil},
	} {
		der := withKey(t, mint(t, "shop.example", root, nil, nil).cert, tc.key, root.key)
		c, got := weigh(t, root.cert, nil, der)
		if c.Key != "ecdsa" || c.Curve != tc.curve || c.Bits != tc.bits || !c.Trusted || !c.NameOK || c.Days != 90 || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, findings %v, want %v", tc.curve, c, got, tc.want)
		}
		der[len(der)-1] ^= 1
		if c, got := weigh(t, root.cert, nil, der); c.Trusted || !slices.Contains(got, "cert.chain-incomplete") && !slices.Contains(got, "cert.untrusted") {
			t.Errorf("%s with a wrong signature: trusted %v, findings %v", tc.curve, c.Trusted, got)
		}
	}
	own := withKey(t, mint(t, "shop.example", nil, nil, nil).cert, spki(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), root.key)
	if _, got := weigh(t, root.cert, nil, own); !slices.Equal(got, []string{"cert.self-signed", "cert.untrusted"}) {
		t.Errorf("by its own key: findings %v", got)
	}
	if _, got := weigh(t, root.cert, nil, []byte("no certificate")); !slices.Equal(got, []string{"cert.unreadable"}) {
		t.Errorf("no certificate: %v", got)
	}
}

// withKey puts another key into a certificate and signs it anew.
func withKey(t testing.TB, c *x509.Certificate, spki []byte, by crypto.Signer) []byte {
	t.Helper()
	var whole struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.Raw, &whole); err != nil {
		t.Fatal(err)
	}
	body := bytes.Replace(whole.TBS.Bytes, c.RawSubjectPublicKeyInfo, spki, 1)
	tbs, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})
	if err != nil {
		t.Fatal(err)
	}
	hash := crypto.SHA256.New()
	hash.Write(tbs)
	signature, err := by.Sign(rand.Reader, hash.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	whole.TBS, whole.Signature = asn1.RawValue{FullBytes: tbs}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestStaples holds each word on a staple, and the timestamps that one may carry.
func TestStaples(t *testing.T) {
	root := mint(t, "root", nil, nil, nil)
	leaf := mint(t, "shop.example", root, nil, nil)
	responder := func(change func(*x509.Certificate)) *link {
		return mint(t, "responder", root, nil, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			if change != nil {
				change(c)
			}
		})
	}
	list := func(value any) func(*ocsp.Response) {
		der, err := asn1.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return func(r *ocsp.Response) { r.ExtraExtensions = []pkix.Extension{{Id: oidStapledSCTs, Value: der}} }
	}
	stale := func(r *ocsp.Response) { r.NextUpdate = noon.Add(-time.Minute) }
	one := append([]byte{0, 49, 0, 47}, make([]byte, 47)...) // a timestamp of a log that nobody knows
	for _, tc := range []struct {
		name   string
		by     *link
		change func(*ocsp.Response)
		staple string
		scts   int
		want   []string
	}{
		{"good", root, nil, "good", 0, nil},
		{"good, by a responder", responder(nil), nil, "good", 0, nil},
		{"a responder that may not", responder(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), nil, "forged", 0, []string{"ocsp.signature-invalid"}},
		{"a responder whose time ended", responder(expired), nil, "forged", 0, []string{"ocsp.signature-invalid"}},
		{"stale", root, stale, "stale", 0, []string{"ocsp.stale"}},
		{"to come", root, func(r *ocsp.Response) { r.ThisUpdate = noon.Add(2 * time.Hour) }, "stale", 0, []string{"ocsp.stale"}},
		{"revoked", root, func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, noon.AddDate(0, 0, -2) }, "revoked", 0, []string{"ocsp.revoked"}},
		{"revoked and stale", root, func(r *ocsp.Response) { stale(r); r.Status, r.RevokedAt = ocsp.Revoked, noon.AddDate(0, 0, -2) }, "revoked", 0, []string{"ocsp.revoked", "ocsp.stale"}},
		{"unknown", root, func(r *ocsp.Response) { r.Status = ocsp.Unknown }, "unknown", 0, []string{"ocsp.unknown"}},
		{"with a timestamp", root, list(one), "good", 1, nil},
		{"with a timestamp that is cut", root, list(one[:20]), "good", 0, []string{"cert.sct-invalid"}},
		{"with no list of timestamps", root, list(7), "good", 0, []string{"cert.sct-invalid"}},
	} {
		r := ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.cert.SerialNumber, ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)}
		if tc.by != root {
			r.Certificate = tc.by.cert
		}
		if tc.change != nil {
			tc.change(&r)
		}
		der, err := ocsp.CreateResponse(root.cert, tc.by.cert, r, tc.by.key)
		if err != nil {
			t.Fatal(err)
		}
		c, got := weigh(t, root.cert, der, leaf.cert.Raw)
		if c.Staple != tc.staple || c.SCTs != tc.scts || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %s with %d timestamps, findings %v, want %s, %d, %v", tc.name, c.Staple, c.SCTs, got, tc.staple, tc.scts, tc.want)
		}
	}
}
