package session

import (
	"bytes"
	"crypto/ecdsa"
	nist "crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// TestStaticECDH holds that both sides come to one secret, the server by the key of its
// certificate.
func TestStaticECDH(t *testing.T) {
	for _, curve := range []nist.Curve{nist.P256(), nist.P384(), nist.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c := &Client12{suite: 0xc02d, version: wire.TLS12, Cert: &wire.Certificate{Chain: [][]byte{der}}}
		if !Computes12(c.suite) {
			t.Fatalf("%v is not computed", c.suite)
		}
		secret, body, err := c.exchange(wire.TLS12)
		if err != nil {
			t.Fatal(err)
		}
		server, err := key.ECDH()
		if err != nil {
			t.Fatal(err)
		}
		peer, err := server.Curve().NewPublicKey(body[1:])
		if err != nil {
			t.Fatal(err)
		}
		if want, err := server.ECDH(peer); err != nil || !bytes.Equal(secret, want) || int(body[0]) != len(body)-1 {
			t.Errorf("%s: the client has %x, the server %x (%v)", curve.Params().Name, secret, want, err)
		}
	}
	if _, _, err := (&Client12{suite: 0xc02d, version: wire.TLS12}).exchange(wire.TLS12); err == nil {
		t.Error("a secret without a certificate")
	}
}
