package tlsscan

import (
	"math/big"
	"sync"
)

// rocaSets are, by prime up to 167, the remainders that a power of 65537 can leave.
var rocaSets = sync.OnceValue(func() map[int64]map[int64]bool {
	sets := map[int64]map[int64]bool{}
	for p := int64(3); p <= 167; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		powers := map[int64]bool{}
		for x := int64(1); !powers[x]; x = x * 65537 % p {
			powers[x] = true
		}
		sets[p] = powers
	}
	return sets
})

// roca says that a modulus was made by Infineon's broken generator: its factors, and so
// the modulus, are powers of 65537 to many small primes at once. By chance that happens
// to one modulus in about 2^27. CVE-2017-15361.
//
// Source: Nemec and others, The Return of Coppersmith's Attack, 2017, section 3.
func roca(n *big.Int) bool {
	rest := new(big.Int)
	for p, powers := range rocaSets() {
		if !powers[rest.Mod(n, big.NewInt(p)).Int64()] {
			return false
		}
	}
	return true
}

// closePrimes says that the factors of a modulus are so near each other that a hundred
// steps of Fermat's find them. CVE-2022-26320.
func closePrimes(n *big.Int) bool {
	if n.Sign() <= 0 || n.Bit(0) == 0 {
		return n.Sign() > 0 // an even modulus is no secret at all
	}
	a := new(big.Int).Sqrt(n)
	rest, root := new(big.Int), new(big.Int)
	for range 100 {
		rest.Sub(rest.Mul(a, a), n)
		if rest.Sign() >= 0 && root.Mul(root.Sqrt(rest), root).Cmp(rest) == 0 {
			return true
		}
		a.Add(a, big.NewInt(1))
	}
	return false
}
