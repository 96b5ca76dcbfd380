package tlsscan

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
)

var (
	oidPSS   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidDSA   = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
	oidEC    = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd448 = asn1.ObjectIdentifier{1, 3, 101, 113}
)

// otherCurves are those of keys that crypto/x509 does not read.
//
// Source: SEC 2 sections 2 and 3, RFC 5639 section 4.1, RFC 8998 section 2.
var otherCurves = map[string]struct {
	name string
	bits int
}{
	"1.2.840.10045.3.1.1": {"secp192r1", 192}, "1.3.132.0.8": {"secp160r1", 160}, "1.3.132.0.9": {"secp160k1", 160}, "1.3.132.0.30": {"secp160r2", 160},
	"1.3.132.0.31": {"secp192k1", 192}, "1.3.132.0.32": {"secp224k1", 224}, "1.3.132.0.10": {"secp256k1", 256},
	"1.3.132.0.1": {"sect163k1", 163}, "1.3.132.0.2": {"sect163r1", 163}, "1.3.132.0.15": {"sect163r2", 163}, "1.3.132.0.24": {"sect193r1", 193},
	"1.3.132.0.25": {"sect193r2", 193}, "1.3.132.0.26": {"sect233k1", 233}, "1.3.132.0.27": {"sect233r1", 233}, "1.3.132.0.3": {"sect239k1", 239},
	"1.3.132.0.16": {"sect283k1", 283}, "1.3.132.0.17": {"sect283r1", 283}, "1.3.132.0.36": {"sect409k1", 409}, "1.3.132.0.37": {"sect409r1", 409},
	"1.3.132.0.38": {"sect571k1", 571}, "1.3.132.0.39": {"sect571r1", 571},
	"1.3.36.3.3.2.8.1.1.1": {"brainpoolP160r1", 160}, "1.3.36.3.3.2.8.1.1.3": {"brainpoolP192r1", 192}, "1.3.36.3.3.2.8.1.1.5": {"brainpoolP224r1", 224},
	"1.3.36.3.3.2.8.1.1.7": {"brainpoolP256r1", 256}, "1.3.36.3.3.2.8.1.1.9": {"brainpoolP320r1", 320}, "1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 384},
	"1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 512}, "1.2.156.10197.1.301": {"curveSM2", 256},
}

type subjectKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// publicKey is the key of a certificate, also where RSA is for PSS alone.
func publicKey(c *x509.Certificate) any {
	var info subjectKey
	if c.PublicKey == nil {
		if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err == nil && info.Algorithm.Algorithm.Equal(oidPSS) {
			if k, err := x509.ParsePKCS1PublicKey(info.Key.Bytes); err == nil {
				return k
			}
		}
	}
	return c.PublicKey
}

// unknownKey names the keys that crypto/x509 does not read, or reads and does not use.
//
// Source: RFC 3279 section 2.3, RFC 5480 section 2.1.1, RFC 8410 section 3.
func unknownKey(der []byte) (key, curve string, bits int) {
	var info subjectKey
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return "unknown", "", 0
	}
	switch id, parameters := info.Algorithm.Algorithm, info.Algorithm.Parameters.FullBytes; {
	case id.Equal(oidRSA), id.Equal(oidPSS):
		var k struct{ N, E *big.Int }
		if _, err := asn1.Unmarshal(info.Key.Bytes, &k); err == nil {
			return "rsa", "", k.N.BitLen()
		}
		return "rsa", "", 0
	case id.Equal(oidDSA):
		var group struct{ P, Q, G *big.Int }
		if _, err := asn1.Unmarshal(parameters, &group); err == nil {
			bits = group.P.BitLen()
		}
		return "dsa", "", bits
	case id.Equal(oidEC):
		var named asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(parameters, &named); err != nil {
			return "ecdsa", "", 0 // its parameters are spelled out
		}
		if c, ok := otherCurves[named.String()]; ok {
			return "ecdsa", c.name, c.bits
		}
		return "ecdsa", named.String(), 0
	case id.Equal(oidEd448):
		return "ed448", "", 456
	}
	return "unknown", "", 0
}

// placeholder is a key of Ed25519, which any 32 bytes are.
var placeholder = append([]byte{0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}, make([]byte, 32)...)

// withoutKey reads a certificate whose key crypto/x509 refuses, on a curve that it does not
// know for example, and leaves the key out. It is nil where not only the key is refused.
func withoutKey(der []byte) *x509.Certificate {
	var whole struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 {
		return nil
	}
	// Before the key stand the version, which may be missing, and five fields.
	var body, key []byte
	n := 0
	for in := whole.TBS.Bytes; len(in) > 0; n++ {
		var field asn1.RawValue
		rest, err := asn1.Unmarshal(in, &field)
		if err != nil {
			return nil
		}
		if n == 0 && field.Class != asn1.ClassContextSpecific {
			n++
		}
		if n == 6 {
			key = field.FullBytes
			body = append(body, placeholder...)
		} else {
			body = append(body, field.FullBytes...)
		}
		in = rest
	}
	tbs := whole.TBS.FullBytes
	whole.TBS = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body}
	readable, err := asn1.Marshal(whole)
	if err != nil || key == nil {
		return nil
	}
	c, err := x509.ParseCertificate(readable)
	if err != nil {
		return nil
	}
	c.Raw, c.RawTBSCertificate, c.RawSubjectPublicKeyInfo = der, tbs, key
	c.PublicKey, c.PublicKeyAlgorithm = nil, x509.UnknownPublicKeyAlgorithm
	return c
}
