package session

import (
	"crypto/rand"
	"errors"
	"math/big"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// p448 is 2^448 - 2^224 - 1.
var p448 = func() *big.Int {
	one := big.NewInt(1)
	p := new(big.Int).Lsh(one, 448)
	p.Sub(p, new(big.Int).Lsh(one, 224))
	return p.Sub(p, one)
}()

// x448 multiplies a point by a scalar, both in 56 bytes of little endian (RFC 7748
// section 5). It takes no care for timing: its keys live for one probe.
func x448(scalar, point []byte) []byte {
	k := slices.Clone(scalar)
	k[0] &= 252
	k[55] |= 128
	x1 := fromLittle(point)
	x1.Mod(x1, p448)
	x2, z2, x3, z3 := big.NewInt(1), new(big.Int), new(big.Int).Set(x1), big.NewInt(1)
	mul := func(a, b *big.Int) *big.Int { x := new(big.Int).Mul(a, b); return x.Mod(x, p448) }
	add := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	sub := func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
	a24 := big.NewInt(39081)
	var swap byte
	for t := 447; t >= 0; t-- {
		bit := k[t/8] >> (t % 8) & 1
		if swap != bit {
			x2, x3, z2, z3 = x3, x2, z3, z2
		}
		swap = bit
		a, b := add(x2, z2), sub(x2, z2)
		aa, bb := mul(a, a), mul(b, b)
		e := sub(aa, bb)
		da, cb := mul(sub(x3, z3), a), mul(add(x3, z3), b)
		s, d := add(da, cb), sub(da, cb)
		x3, z3 = mul(s, s), mul(x1, mul(d, d))
		x2, z2 = mul(aa, bb), mul(e, add(aa, mul(a24, e)))
	}
	if swap == 1 {
		x2, z2 = x3, z3
	}
	inverse := new(big.Int).ModInverse(new(big.Int).Mod(z2, p448), p448)
	if inverse == nil {
		return make([]byte, 56)
	}
	return toLittle(mul(x2, inverse))
}

func fromLittle(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func toLittle(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 56))
	slices.Reverse(b)
	return b
}

func share448() *Share {
	scalar := make([]byte, 56)
	rand.Read(scalar)
	base := make([]byte, 56)
	base[0] = 5
	return &Share{wire.X448, x448(scalar, base), func(peer []byte) ([]byte, error) {
		if len(peer) != 56 {
			return nil, wire.ErrMalformed
		}
		out := x448(scalar, peer)
		if !slices.ContainsFunc(out, func(b byte) bool { return b != 0 }) {
			return nil, errors.New("the server's key has a small order")
		}
		return out, nil
	}}
}
