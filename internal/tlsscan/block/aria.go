package block

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"sync"
)

// ariaBoxes are SB1 to SB4: that of AES, another of the same field, and their inverses.
var ariaBoxes = sync.OnceValue(func() *[4]*box {
	one := newBox(0x1b, 254, matrix{0x1f, 0x3e, 0x7c, 0xf8, 0xf1, 0xe3, 0xc7, 0x8f}, 0x63)
	two := newBox(0x1b, 247, matrix{0xac, 0xc5, 0x12, 0xcf, 0x5b, 0x5f, 0x85, 0xee}, 0xe2)
	return &[4]*box{one, two, one.inverse(), two.inverse()}
})

// ariaSums are the bytes that each byte behind the diffusion layer is the sum of.
var ariaSums = [16][7]byte{
	{3, 4, 6, 8, 9, 13, 14}, {2, 5, 7, 8, 9, 12, 15}, {1, 4, 6, 10, 11, 12, 15}, {0, 5, 7, 10, 11, 13, 14},
	{0, 2, 5, 8, 11, 14, 15}, {1, 3, 4, 9, 10, 14, 15}, {0, 2, 7, 9, 10, 12, 13}, {1, 3, 6, 8, 11, 12, 13},
	{0, 1, 4, 7, 10, 13, 15}, {0, 1, 5, 6, 11, 12, 14}, {2, 3, 5, 6, 8, 13, 15}, {2, 3, 4, 7, 9, 12, 14},
	{1, 2, 6, 7, 9, 11, 12}, {0, 3, 6, 7, 8, 10, 13}, {0, 3, 4, 5, 9, 11, 14}, {1, 2, 4, 5, 8, 10, 15},
}

// ariaConstants are C1 to C3.
var ariaConstants = [3][2]uint64{
	{0x517cc1b727220a94, 0xfe13abe8fa9a6ee0}, {0x6db14acc9e21c820, 0xff28b1d5ef5de2b0}, {0xdb92371d2126e970, 0x0324977504e8c90e},
}

type ariaBlock [16]byte

// aria has a key for each round, and one for the end.
type aria struct {
	boxes            *[4]*box
	encrypt, decrypt []ariaBlock
}

// NewARIA returns the cipher of RFC 5794 with a key of 16 or 32 bytes; those of 24 are not
// in any suite. The cipher is safe for concurrent use.
func NewARIA(key []byte) (cipher.Block, error) {
	var rounds, first int
	switch len(key) {
	case 16:
		rounds, first = 12, 0
	case 32:
		rounds, first = 16, 2
	default:
		return nil, fmt.Errorf("block: a key of ARIA has %d bytes, want 16 or 32", len(key))
	}
	a := &aria{boxes: ariaBoxes()}
	constant := func(i int) ariaBlock { return whole(ariaConstants[(first+i)%3]) }
	var w [4]ariaBlock
	var right ariaBlock
	copy(w[0][:], key)
	copy(right[:], key[16:])
	w[1] = plus(a.round(w[0], constant(0), 0), right)
	w[2] = plus(a.round(w[1], constant(1), 2), w[0])
	w[3] = plus(a.round(w[2], constant(2), 0), w[1])
	for i := range rounds + 1 {
		by := []int{128 - 19, 128 - 31, 61, 31, 19}[i/4] // to the left
		a.encrypt = append(a.encrypt, plus(w[i%4], whole(rotate(halves(w[(i+1)%4][:]), by))))
		if i%4 == 3 { // here it is W0 that is turned, and W3 that is not
			a.encrypt[i] = plus(whole(rotate(halves(w[0][:]), by)), w[3])
		}
	}
	for i := range rounds + 1 {
		k := a.encrypt[rounds-i]
		if i > 0 && i < rounds {
			k = diffuse(k)
		}
		a.decrypt = append(a.decrypt, k)
	}
	return a, nil
}

func whole(k [2]uint64) (b ariaBlock) {
	binary.BigEndian.PutUint64(b[:], k[0])
	binary.BigEndian.PutUint64(b[8:], k[1])
	return b
}

func plus(x, y ariaBlock) ariaBlock {
	subtle.XORBytes(x[:], x[:], y[:])
	return x
}

// substitute is SL1 where the first box is 0, and SL2 where it is 2.
func (a *aria) substitute(x ariaBlock, first int) ariaBlock {
	for i := range x {
		x[i] = a.boxes[(first+i)%4][x[i]]
	}
	return x
}

func diffuse(x ariaBlock) (y ariaBlock) {
	for i, sum := range ariaSums {
		for _, j := range sum {
			y[i] ^= x[j]
		}
	}
	return y
}

// round is FO where the first box is 0, and FE where it is 2.
func (a *aria) round(x, key ariaBlock, first int) ariaBlock {
	return diffuse(a.substitute(plus(x, key), first))
}

func (a *aria) BlockSize() int          { return 16 }
func (a *aria) Encrypt(dst, src []byte) { a.crypt(dst, src, a.encrypt) }
func (a *aria) Decrypt(dst, src []byte) { a.crypt(dst, src, a.decrypt) }

func (a *aria) crypt(dst, src []byte, keys []ariaBlock) {
	x := ariaBlock(src[:16])
	last := len(keys) - 2
	for i, k := range keys[:last] {
		x = a.round(x, k, i%2*2)
	}
	x = plus(a.substitute(plus(x, keys[last]), 2), keys[last+1])
	copy(dst, x[:])
}
