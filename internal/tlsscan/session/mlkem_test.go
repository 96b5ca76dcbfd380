package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"strings"
	"testing"
)

// TestKEMLikeTheLibrary holds the code against the standard library in the two sizes that
// it has: the keys of a seed, and what is sealed to them.
func TestKEMLikeTheLibrary(t *testing.T) {
	for range 40 {
		seed := make([]byte, 64)
		rand.Read(seed)
		small, err := mlkem.NewDecapsulationKey768(seed)
		if err != nil {
			t.Fatal(err)
		}
		large, err := mlkem.NewDecapsulationKey1024(seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			size   kemSize
			public []byte
			seal   func() (shared, sealed []byte)
		}{
			{kemSize{3, 2, 10, 4}, small.EncapsulationKey().Bytes(), small.EncapsulationKey().Encapsulate},
			{kemSize{4, 2, 11, 5}, large.EncapsulationKey().Bytes(), large.EncapsulationKey().Encapsulate},
		} {
			key := tc.size.newKey(seed[:32])
			if !bytes.Equal(key.public, tc.public) {
				t.Fatalf("rank %d: the public key of %x is another", tc.size.k, seed)
			}
			want, sealed := tc.seal()
			if got, err := key.open(sealed); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("rank %d, seed %x: opened %x, %v, want %x", tc.size.k, seed, got, err, want)
			}
		}
	}
}

// vectors are made with ML-KEM-512 of another author (circl 1.6.5): a line each of seed,
// public key, sealed key, and secret.
//
//go:embed testdata/mlkem512.txt
var vectors string

func TestKEM512(t *testing.T) {
	n := 0
	for line := range strings.Lines(vectors) {
		var part [4][]byte
		for i, f := range strings.Fields(line) {
			b, err := hex.DecodeString(f)
			if err != nil {
				t.Fatal(err)
			}
			part[i] = b
		}
		key := mlkem512.newKey(part[0])
		if !bytes.Equal(key.public, part[1]) {
			t.Errorf("the public key of %x is another", part[0])
		}
		if got, err := key.open(part[2]); err != nil || !bytes.Equal(got, part[3]) {
			t.Errorf("seed %x: opened %x, %v, want %x", part[0], got, err, part[3])
		}
		n++
	}
	if n < 3 {
		t.Errorf("%d vectors", n)
	}
	if _, err := share512().Secret(make([]byte, 10)); err == nil {
		t.Error("a short half is opened")
	}
}
