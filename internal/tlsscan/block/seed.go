package block

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// seedBoxes are S1 and S2.
var seedBoxes = sync.OnceValue(func() *[2]*box {
	return &[2]*box{
		newBox(0x63, 247, matrix{0x2c, 0xd0, 0x69, 0xc2, 0x41, 0x44, 0x58, 0xe2}, 169),
		newBox(0x63, 251, matrix{0xd0, 0x2a, 0xe1, 0x2c, 0x21, 0x30, 0xa2, 0x6c}, 56),
	}
})

// seed has two keys for each of its 16 rounds.
type seed struct {
	boxes            *[2]*box
	encrypt, decrypt [][2]uint32
}

// NewSEED returns the cipher of RFC 4269 with a key of 16 bytes. It is safe for
// concurrent use.
func NewSEED(key []byte) (cipher.Block, error) {
	if len(key) != 16 {
		return nil, fmt.Errorf("block: a key of SEED has %d bytes, want 16", len(key))
	}
	s := &seed{boxes: seedBoxes()}
	k := halves(key)
	constant := uint32(0x9e3779b9)
	for i := range 16 {
		a, b, c, d := uint32(k[0]>>32), uint32(k[0]), uint32(k[1]>>32), uint32(k[1])
		s.encrypt = append(s.encrypt, [2]uint32{s.g(a + c - constant), s.g(b - d + constant)})
		if i%2 == 0 {
			k[0] = bits.RotateLeft64(k[0], -8)
		} else {
			k[1] = bits.RotateLeft64(k[1], 8)
		}
		constant = bits.RotateLeft32(constant, 1)
	}
	s.decrypt = slices.Clone(s.encrypt)
	slices.Reverse(s.decrypt)
	return s, nil
}

// g substitutes four bytes and mixes their bits.
func (s *seed) g(x uint32) uint32 {
	var z uint32
	for i := range 4 {
		y := s.boxes[i%2][byte(x>>(8*i))]
		for j := range 4 {
			// Each byte goes to all four, without two of its bits each time.
			mask := bits.RotateLeft8(0xfc, 2*(i+j)%8)
			z ^= uint32(y&mask) << (8 * j)
		}
	}
	return z
}

func (s *seed) BlockSize() int          { return 16 }
func (s *seed) Encrypt(dst, src []byte) { s.crypt(dst, src, s.encrypt) }
func (s *seed) Decrypt(dst, src []byte) { s.crypt(dst, src, s.decrypt) }

func (s *seed) crypt(dst, src []byte, keys [][2]uint32) {
	d := halves(src)
	l, r := d[0], d[1]
	for _, k := range keys {
		a, b := uint32(r>>32)^k[0], uint32(r)^k[1]
		t := s.g(a ^ b)
		u := s.g(t + a)
		v := s.g(u + t)
		l, r = r, l^(uint64(v+u)<<32|uint64(v))
	}
	binary.BigEndian.PutUint64(dst, r) // the last round does not cross over
	binary.BigEndian.PutUint64(dst[8:], l)
}
