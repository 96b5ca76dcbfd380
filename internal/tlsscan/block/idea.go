package block

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

const ideaRounds = 8

// idea has six keys for each round, and four for the end.
type idea struct{ encrypt, decrypt [6*ideaRounds + 4]uint16 }

// NewIDEA returns IDEA (Lai and Massey, 1991) with a key of 16 bytes, in blocks of 8. It
// is safe for concurrent use.
func NewIDEA(key []byte) (cipher.Block, error) {
	if len(key) != 16 {
		return nil, fmt.Errorf("block: a key of IDEA has %d bytes, want 16", len(key))
	}
	c := new(idea)
	k := halves(key)
	for i := range c.encrypt {
		if i > 0 && i%8 == 0 {
			k = rotate(k, 25)
		}
		c.encrypt[i] = uint16(k[i%8/4] >> (48 - 16*(i%4)))
	}
	// The way back has the inverses from the end, and of each round the pair for the
	// middle as it is. The two keys of sums cross over in all rounds but the outer ones.
	for r := range ideaRounds + 1 {
		from := c.encrypt[6*(ideaRounds-r):]
		to := c.decrypt[6*r:]
		to[0], to[1], to[2], to[3] = inverse(from[0]), -from[2], -from[1], inverse(from[3])
		if r == 0 || r == ideaRounds {
			to[1], to[2] = to[2], to[1]
		}
		if r < ideaRounds {
			before := c.encrypt[6*(ideaRounds-1-r):]
			to[4], to[5] = before[4], before[5]
		}
	}
	return c, nil
}

// times multiplies modulo 65537, where 0 stands for 65536.
func times(x, y uint16) uint16 {
	wide := func(v uint16) uint64 {
		if v == 0 {
			return 65536
		}
		return uint64(v)
	}
	return uint16(wide(x) * wide(y) % 65537)
}

// inverse is x to the power of 65535.
func inverse(x uint16) uint16 {
	y := uint16(1)
	for range 16 {
		y = times(times(y, y), x)
	}
	return y
}

func (c *idea) BlockSize() int          { return 8 }
func (c *idea) Encrypt(dst, src []byte) { ideaCrypt(dst, src, c.encrypt[:]) }
func (c *idea) Decrypt(dst, src []byte) { ideaCrypt(dst, src, c.decrypt[:]) }

func ideaCrypt(dst, src []byte, k []uint16) {
	x := binary.BigEndian.Uint64(src)
	a, b, c, d := uint16(x>>48), uint16(x>>32), uint16(x>>16), uint16(x)
	for range ideaRounds {
		a, b, c, d = times(a, k[0]), b+k[1], c+k[2], times(d, k[3])
		s := times(a^c, k[4])
		t := times((b^d)+s, k[5])
		s += t
		a, b, c, d = a^t, c^t, b^s, d^s
		k = k[6:]
	}
	out := []uint16{times(a, k[0]), c + k[1], b + k[2], times(d, k[3])}
	for i, v := range out {
		binary.BigEndian.PutUint16(dst[2*i:], v)
	}
}
