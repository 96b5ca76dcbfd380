package block

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// camelliaBox is SBOX1. The cipher's own field is one of pairs over 16 elements; the
// matrices before and behind the inversion go to that of a polynomial and back.
var camelliaBox = sync.OnceValue(func() *box {
	before := matrix{0xb6, 0x23, 0x0f, 0xca, 0x06, 0xda, 0x1c, 0x48}
	inversion := newBox(0x69, 254, matrix{0x14, 0x20, 0xb6, 0x90, 0xe1, 0x66, 0x68, 0x10}, 0x6e)
	b := new(box)
	for x := range 256 {
		b[x] = inversion[before.apply(byte(x)^0xc5)]
	}
	return b
})

// camellia has its subkeys in the order of their use: two whiteners, six rounds, two of
// the layer between, six rounds and so on, two whiteners.
type camellia struct {
	s                *box
	encrypt, decrypt []uint64
}

// A turn is a subkey: one of the keys KL, KR, KA, KB, rotated, and which half of it.
type turn struct{ key, by, half int }

const (
	both = iota
	high
	low
)

// camelliaTurns are the schedules of RFC 3713 section 2.2, for 128 and for 256 bits.
var camelliaTurns = map[int][]turn{
	16: {
		{0, 0, both}, {2, 0, both}, {0, 15, both}, {2, 15, both}, {2, 30, both}, {0, 45, both}, {2, 45, high}, {0, 60, low},
		{2, 60, both}, {0, 77, both}, {0, 94, both}, {2, 94, both}, {0, 111, both}, {2, 111, both},
	},
	32: {
		{0, 0, both}, {3, 0, both}, {1, 15, both}, {2, 15, both}, {1, 30, both}, {3, 30, both}, {0, 45, both}, {2, 45, both},
		{0, 60, both}, {1, 60, both}, {3, 60, both}, {0, 77, both}, {2, 77, both}, {1, 94, both}, {2, 94, both}, {0, 111, both}, {3, 111, both},
	},
}

// NewCamellia returns the cipher of RFC 3713 with a key of 16 or 32 bytes; those of 24 are
// not in any suite. The cipher is safe for concurrent use.
func NewCamellia(key []byte) (cipher.Block, error) {
	turns := camelliaTurns[len(key)]
	if turns == nil {
		return nil, fmt.Errorf("block: a key of Camellia has %d bytes, want 16 or 32", len(key))
	}
	c := &camellia{s: camelliaBox()}
	var keys [4][2]uint64
	keys[0] = halves(key)
	if len(key) == 32 {
		keys[1] = halves(key[16:])
	}
	l, r := keys[0], keys[1]
	a, b := l[0]^r[0], l[1]^r[1]
	b ^= c.f(a, 0xa09e667f3bcc908b)
	a ^= c.f(b, 0xb67ae8584caa73b2)
	a, b = a^l[0], b^l[1]
	b ^= c.f(a, 0xc6ef372fe94f82be)
	a ^= c.f(b, 0x54ff53a5f1d36f1c)
	keys[2] = [2]uint64{a, b}
	a, b = a^r[0], b^r[1]
	b ^= c.f(a, 0x10e527fade682d1d)
	a ^= c.f(b, 0xb05688c2b3e6c1fd)
	keys[3] = [2]uint64{a, b}
	for _, t := range turns {
		k := rotate(keys[t.key], t.by)
		if t.half != low {
			c.encrypt = append(c.encrypt, k[0])
		}
		if t.half != high {
			c.encrypt = append(c.encrypt, k[1])
		}
	}
	c.decrypt = slices.Clone(c.encrypt)
	slices.Reverse(c.decrypt)
	n := len(c.decrypt)
	for _, i := range []int{0, n - 2} { // whiteners keep their sides
		c.decrypt[i], c.decrypt[i+1] = c.decrypt[i+1], c.decrypt[i]
	}
	return c, nil
}

// halves are 16 bytes as two numbers.
func halves(b []byte) [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// rotate turns 128 bits to the left, by 0 to 127.
func rotate(k [2]uint64, by int) [2]uint64 {
	if by >= 64 {
		k[0], k[1] = k[1], k[0]
		by -= 64
	}
	return [2]uint64{k[0]<<by | k[1]>>(64-by), k[1]<<by | k[0]>>(64-by)}
}

func (c *camellia) BlockSize() int          { return 16 }
func (c *camellia) Encrypt(dst, src []byte) { c.crypt(dst, src, c.encrypt) }
func (c *camellia) Decrypt(dst, src []byte) { c.crypt(dst, src, c.decrypt) }

func (c *camellia) crypt(dst, src []byte, keys []uint64) {
	d := halves(src)
	a, b := d[0]^keys[0], d[1]^keys[1]
	rest := keys[2:]
	for {
		for i := 0; i < 6; i += 2 {
			b ^= c.f(a, rest[i])
			a ^= c.f(b, rest[i+1])
		}
		rest = rest[6:]
		if len(rest) == 2 {
			break
		}
		a, b = layer(a, rest[0]), inverseLayer(b, rest[1])
		rest = rest[2:]
	}
	binary.BigEndian.PutUint64(dst, b^rest[0])
	binary.BigEndian.PutUint64(dst[8:], a^rest[1])
}

// layer is FL, and inverseLayer FLINV.
func layer(x, key uint64) uint64 {
	a, b, k, l := uint32(x>>32), uint32(x), uint32(key>>32), uint32(key)
	b ^= bits.RotateLeft32(a&k, 1)
	a ^= b | l
	return uint64(a)<<32 | uint64(b)
}

func inverseLayer(x, key uint64) uint64 {
	a, b, k, l := uint32(x>>32), uint32(x), uint32(key>>32), uint32(key)
	a ^= b | l
	b ^= bits.RotateLeft32(a&k, 1)
	return uint64(a)<<32 | uint64(b)
}

// f is F: a substitution, and sums of its bytes.
func (c *camellia) f(x, key uint64) uint64 {
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], x^key)
	s1 := func(x byte) byte { return c.s[x] }
	s2 := func(x byte) byte { return bits.RotateLeft8(c.s[x], 1) }
	s3 := func(x byte) byte { return bits.RotateLeft8(c.s[x], 7) }
	s4 := func(x byte) byte { return c.s[bits.RotateLeft8(x, 1)] }
	for i, s := range []func(byte) byte{s1, s2, s3, s4, s2, s3, s4, s1} {
		t[i] = s(t[i])
	}
	return binary.BigEndian.Uint64([]byte{
		t[0] ^ t[2] ^ t[3] ^ t[5] ^ t[6] ^ t[7],
		t[0] ^ t[1] ^ t[3] ^ t[4] ^ t[6] ^ t[7],
		t[0] ^ t[1] ^ t[2] ^ t[4] ^ t[5] ^ t[7],
		t[1] ^ t[2] ^ t[3] ^ t[4] ^ t[5] ^ t[6],
		t[0] ^ t[1] ^ t[5] ^ t[6] ^ t[7],
		t[1] ^ t[2] ^ t[4] ^ t[6] ^ t[7],
		t[2] ^ t[3] ^ t[4] ^ t[5] ^ t[7],
		t[0] ^ t[3] ^ t[4] ^ t[5] ^ t[6],
	})
}
