package tlsscan

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// TestUnknownKey holds the names of keys that crypto/x509 does not read.
func TestUnknownKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id   asn1.ObjectIdentifier
		key  []byte
		want string
		bits int
	}{
		{oidPSS, x509.MarshalPKCS1PublicKey(&key.PublicKey), "rsa", 2048},
		{oidPSS, []byte("no key"), "unknown", 0},
		{oidEd448, make([]byte, 57), "ed448", 456},
		{asn1.ObjectIdentifier{1, 2, 3}, nil, "unknown", 0},
	} {
		der, err := asn1.Marshal(struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}{pkix.AlgorithmIdentifier{Algorithm: tt.id}, asn1.BitString{Bytes: tt.key, BitLength: 8 * len(tt.key)}})
		if err != nil {
			t.Fatal(err)
		}
		if got, bits := unknownKey(der); got != tt.want || bits != tt.bits {
			t.Errorf("%v: %s, %d bits, want %s, %d", tt.id, got, bits, tt.want, tt.bits)
		}
	}
	if got, _ := unknownKey([]byte{0x30, 0x80}); got != "unknown" {
		t.Errorf("no key at all: %s", got)
	}
}
