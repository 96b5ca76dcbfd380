package block_test

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan/block"
)

var makers = map[string]func([]byte) (cipher.Block, error){
	"Camellia": block.NewCamellia, "ARIA": block.NewARIA, "SEED": block.NewSEED, "IDEA": block.NewIDEA,
}

// TestVectors holds the ciphers against those of RFC 3713 appendix A, RFC 5794 appendix A,
// RFC 4269 appendix B, and of the designers of IDEA.
func TestVectors(t *testing.T) {
	for _, tc := range []struct{ name, key, plain, sealed string }{
		{"Camellia", "0123456789abcdeffedcba9876543210", "0123456789abcdeffedcba9876543210", "67673138549669730857065648eabe43"},
		{"Camellia", "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff", "0123456789abcdeffedcba9876543210", "9acc237dff16d76c20ef7c919e3a7509"},
		{"ARIA", "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "d718fbd6ab644c739da95f3be6451778"},
		{"ARIA", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff", "f92bd7c79fb72e2f2b8f80c1972d24fc"},
		{"SEED", "00000000000000000000000000000000", "000102030405060708090a0b0c0d0e0f", "5ebac6e0054e166819aff1cc6d346cdb"},
		{"SEED", "000102030405060708090a0b0c0d0e0f", "00000000000000000000000000000000", "c11f22f20140505084483597e4370f43"},
		{"SEED", "4706480851e61be85d74bfb3fd956185", "83a2f8a288641fb9a4e9a5cc2f131c7d", "ee54d13ebcae706d226bc3142cd40d4a"},
		{"SEED", "28dbc3bc49ffd87dcfa509b11d422be7", "b41e6be2eba84a148e2eed84593c5ec7", "9b9b7bfcd1813cb95d0b3618f40f5122"},
		{"IDEA", "00010002000300040005000600070008", "0000000100020003", "11fbed2b01986de5"},
	} {
		key, plain, want := unhex(t, tc.key), unhex(t, tc.plain), unhex(t, tc.sealed)
		b, err := makers[tc.name](key)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, b.BlockSize())
		if b.Encrypt(got, plain); !bytes.Equal(got, want) {
			t.Errorf("%s %s: Encrypt(%x) = %x, want %x", tc.name, tc.key, plain, got, want)
		}
		if b.Decrypt(got, want); !bytes.Equal(got, plain) {
			t.Errorf("%s %s: Decrypt(%x) = %x, want %x", tc.name, tc.key, want, got, plain)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keySizes are those that suites have.
var keySizes = map[string][]int{"Camellia": {16, 32}, "ARIA": {16, 32}, "SEED": {16}, "IDEA": {16}}

// TestThereAndBack holds, with keys and text of all kinds, that Decrypt undoes Encrypt in
// place, and that other sizes of keys are refused.
func TestThereAndBack(t *testing.T) {
	r := rand.NewChaCha8([32]byte{8})
	for name, make12 := range makers {
		for n := range 40 {
			key := make([]byte, n)
			ok := false
			for _, size := range keySizes[name] {
				ok = ok || n == size
			}
			if _, err := make12(key); (err == nil) != ok {
				t.Errorf("%s with a key of %d bytes: %v", name, n, err)
			}
			for range 200 {
				if !ok {
					break
				}
				r.Read(key)
				b, err := make12(key)
				if err != nil {
					t.Fatal(err)
				}
				text := make([]byte, b.BlockSize())
				r.Read(text)
				was := bytes.Clone(text)
				if b.Encrypt(text, text); bytes.Equal(text, was) {
					t.Errorf("%s %x leaves %x", name, key, was)
				}
				if b.Decrypt(text, text); !bytes.Equal(text, was) {
					t.Errorf("%s %x: %x became %x", name, key, was, text)
				}
			}
		}
	}
}

// TestOpenSSL holds many blocks against OpenSSL's.
func TestOpenSSL(t *testing.T) {
	openssl := need.Program(t, "openssl")
	r := rand.NewChaCha8([32]byte{9})
	for _, tc := range []struct{ name, theirs string }{
		{"Camellia", "-camellia-128-ecb"}, {"Camellia", "-camellia-256-ecb"}, {"ARIA", "-aria-128-ecb"}, {"ARIA", "-aria-256-ecb"}, {"SEED", "-seed-ecb"},
	} {
		key := make([]byte, 16)
		if bytes.Contains([]byte(tc.theirs), []byte("256")) {
			key = make([]byte, 32)
		}
		r.Read(key)
		plain := make([]byte, 16*4096)
		r.Read(plain)
		cmd := exec.Command(openssl, "enc", tc.theirs, "-nopad", "-K", hex.EncodeToString(key), "-provider", "legacy", "-provider", "default")
		cmd.Stdin = bytes.NewReader(plain)
		want, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl enc %s: %v", tc.theirs, err)
		}
		b, err := makers[tc.name](key)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(plain); i += 16 {
			b.Encrypt(plain[i:], plain[i:])
		}
		if !bytes.Equal(plain, want) {
			t.Errorf("%s is not that of OpenSSL", tc.theirs)
		}
	}
}
