package session

import (
	"fmt"
	"math/big"
)

// KnownPrime names the primes of RFC 2409, 3526 and 7919, which many servers share: the
// costly part of breaking a small one is done once for all of them. Others are "".
func KnownPrime(p *big.Int) string {
	for _, k := range []struct {
		bits   uint
		x      int64
		e      bool
		source string
	}{
		{768, 149686, false, "RFC 2409's"}, {1024, 129093, false, "RFC 2409's"}, {1536, 741804, false, "RFC 3526's"},
		{2048, 124476, false, "RFC 3526's"}, {3072, 1690314, false, "RFC 3526's"}, {4096, 240904, false, "RFC 3526's"},
		{6144, 929484, false, "RFC 3526's"}, {8192, 4743158, false, "RFC 3526's"},
		{2048, 560316, true, "RFC 7919's"}, {3072, 2625351, true, "RFC 7919's"}, {4096, 5736041, true, "RFC 7919's"},
		{6144, 15705020, true, "RFC 7919's"}, {8192, 10965728, true, "RFC 7919's"},
	} {
		if uint(p.BitLen()) == k.bits && p.Cmp(fieldPrime(k.bits, k.x, k.e)) == 0 {
			return fmt.Sprintf("%s %d-bit group", k.source, k.bits)
		}
	}
	return ""
}

// fieldPrime computes 2^b - 2^(b-64) + ([2^(b-130) c] + x) 2^64 - 1, with pi or e for c.
func fieldPrime(b uint, x int64, e bool) *big.Int {
	const guard = 64
	shift := b - 130 + guard
	c := pi(shift)
	if e {
		c = euler(shift)
	}
	c.Rsh(c, guard)
	c.Add(c, big.NewInt(x))
	p := new(big.Int).Lsh(big.NewInt(1), b)
	p.Sub(p, new(big.Int).Lsh(big.NewInt(1), b-64))
	p.Add(p, c.Lsh(c, 64))
	return p.Sub(p, big.NewInt(1))
}

func euler(shift uint) *big.Int {
	term := new(big.Int).Lsh(big.NewInt(1), shift)
	sum := new(big.Int).Set(term)
	for n := int64(1); term.Sign() > 0; n++ {
		term.Quo(term, big.NewInt(n))
		sum.Add(sum, term)
	}
	return sum
}

// pi is 16 arctan(1/5) - 4 arctan(1/239), by Machin.
func pi(shift uint) *big.Int {
	a := arctan(5, shift)
	b := arctan(239, shift)
	return a.Sub(a.Lsh(a, 4), b.Lsh(b, 2))
}

func arctan(inverse int64, shift uint) *big.Int {
	term := new(big.Int).Lsh(big.NewInt(1), shift)
	term.Quo(term, big.NewInt(inverse))
	sum, square, part := new(big.Int).Set(term), big.NewInt(inverse*inverse), new(big.Int)
	for n, sign := int64(3), int64(-1); ; n, sign = n+2, -sign {
		term.Quo(term, square)
		if part.Quo(term, big.NewInt(n)).Sign() == 0 {
			return sum
		}
		sum.Add(sum, part.Mul(part, big.NewInt(sign)))
	}
}
