package cookie

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"testing"
)

// xaesSeal is the bare construction, as the published vectors have it.
func xaesSeal(t *testing.T, key, nonce, plain, ad []byte) []byte {
	t.Helper()
	k, err := newSealKey(key, [sealIDSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := k.aead(nonce[:12], make([]byte, sealDerivedSize))
	if err != nil {
		t.Fatal(err)
	}
	sealed := gcm.Seal(nil, nonce[12:], plain, ad)
	opened, err := gcm.Open(nil, nonce[12:], sealed, ad)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("Open(Seal(%x)) = %x, %v", plain, opened, err)
	}
	return sealed
}

// Source: C2SP XAES-256-GCM, test vectors. The names tell of the block that the key
// makes of zeros, which is doubled.
func TestXAESPublishedVectors(t *testing.T) {
	for _, c := range []struct{ name, keyByte, ad, want string }{
		{"top bit clear", "\x01", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{"top bit set", "\x03", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := xaesSeal(t, bytes.Repeat([]byte(c.keyByte), 32), []byte("ABCDEFGHIJKLMNOPQRSTUVWX"), []byte("XAES-256-GCM"), []byte(c.ad))
			if hex.EncodeToString(got) != c.want {
				t.Errorf("Seal = %x, want %s", got, c.want)
			}
		})
	}
}

// Source: C2SP XAES-256-GCM, accumulated randomized test of 10,000 iterations.
func TestXAESAccumulated(t *testing.T) {
	s, d := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	read := func(n int) []byte {
		b := make([]byte, n)
		s.Read(b)
		return b
	}
	for range 10_000 {
		key, nonce := read(32), read(24)
		plain := read(int(read(1)[0]))
		ad := read(int(read(1)[0]))
		d.Write(xaesSeal(t, key, nonce, plain, ad))
	}
	sum := make([]byte, 32)
	d.Read(sum)
	if got, want := hex.EncodeToString(sum), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"; got != want {
		t.Errorf("sum of 10,000 = %s, want %s", got, want)
	}
}
