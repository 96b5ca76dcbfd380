package tlsscan

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
)

// TestUnknownKey holds the names of keys that crypto/x509 does not read.
func TestUnknownKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	oid := func(id ...int) any { return asn1.ObjectIdentifier(id) }
	for _, tt := range []struct {
		id    asn1.ObjectIdentifier
		about any
		key   []byte
		want  string
		curve string
		bits  int
	}{
		{oidPSS, nil, x509.MarshalPKCS1PublicKey(&key.PublicKey), "rsa", "", 2048},
		{oidPSS, nil, []byte("no key"), "rsa", "", 0},
		{oidEd448, nil, make([]byte, 57), "ed448", "", 456},
		{oidEC, oid(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), nil, "ecdsa", "brainpoolP256r1", 256},
		{oidEC, oid(1, 2, 840, 10045, 3, 1, 1), nil, "ecdsa", "secp192r1", 192},
		{oidEC, oid(1, 2, 3, 4), nil, "ecdsa", "1.2.3.4", 0},
		{oidEC, struct{ Version int }{1}, nil, "ecdsa", "", 0},
		{oidDSA, struct{ P, Q, G *big.Int }{key.N, big.NewInt(7), big.NewInt(2)}, nil, "dsa", "", 2048},
		{oidDSA, nil, nil, "dsa", "", 0},
		{asn1.ObjectIdentifier{1, 2, 3}, nil, nil, "unknown", "", 0},
	} {
		algorithm := pkix.AlgorithmIdentifier{Algorithm: tt.id}
		if tt.about != nil {
			der, err := asn1.Marshal(tt.about)
			if err != nil {
				t.Fatal(err)
			}
			algorithm.Parameters.FullBytes = der
		}
		der, err := asn1.Marshal(struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}{algorithm, asn1.BitString{Bytes: tt.key, BitLength: 8 * len(tt.key)}})
		if err != nil {
			t.Fatal(err)
		}
		if got, curve, bits := unknownKey(der); got != tt.want || curve != tt.curve || bits != tt.bits {
			t.Errorf("%v: %s on %q, %d bits, want %s on %q, %d", tt.id, got, curve, bits, tt.want, tt.curve, tt.bits)
		}
	}
	if got, _, _ := unknownKey([]byte{0x30, 0x80}); got != "unknown" {
		t.Errorf("no key at all: %s", got)
	}
}
