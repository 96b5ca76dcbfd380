package session

import (
	"crypto/rand"
	"crypto/sha3"
	"errors"
	"sync"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// ML-KEM-512 (FIPS 203), as far as a client needs it: to make a key and to open what a
// server sealed to it. The standard library has the other two sizes. Two things are left
// out that guard a secret which lasts, for here each key is used once and for nothing: what
// was opened is not sealed again to see that it is the same, and time tells of the key.

const (
	kemN = 256
	kemQ = 3329
)

// kemSize is what the three sizes of ML-KEM differ in: the rank, the noise of secrets, and
// the bits that are left of each number of a sealed key.
type kemSize struct{ k, eta, du, dv int }

var mlkem512 = kemSize{k: 2, eta: 3, du: 10, dv: 4}

type kemPoly [kemN]int32

// kemKey is a secret, in the form of its transform, and its public half.
type kemKey struct {
	kemSize
	secret []kemPoly
	public []byte
}

// kemZetas are the powers of 17 in the order of the transform, and of its products.
var kemZetas = sync.OnceValue(func() *[128]int32 {
	z := new([128]int32)
	for i := range z {
		turned := 0
		for b := range 7 {
			turned |= i >> b & 1 << (6 - b)
		}
		z[i] = 1
		for range turned {
			z[i] = z[i] * 17 % kemQ
		}
	}
	return z
})

func (f *kemPoly) transform() {
	z, i := kemZetas(), 1
	for n := 128; n >= 2; n /= 2 {
		for start := 0; start < kemN; start += 2 * n {
			for j := start; j < start+n; j++ {
				t := z[i] * f[j+n] % kemQ
				f[j+n] = (f[j] - t + kemQ) % kemQ
				f[j] = (f[j] + t) % kemQ
			}
			i++
		}
	}
}

func (f *kemPoly) back() {
	z, i := kemZetas(), 127
	for n := 2; n <= 128; n *= 2 {
		for start := 0; start < kemN; start += 2 * n {
			for j := start; j < start+n; j++ {
				t := f[j]
				f[j] = (t + f[j+n]) % kemQ
				f[j+n] = z[i] * (f[j+n] - t + kemQ) % kemQ
			}
			i--
		}
	}
	for j := range f {
		f[j] = f[j] * 3303 % kemQ // 1/128
	}
}

// addProduct adds the product of two transforms.
func (f *kemPoly) addProduct(a, b *kemPoly) {
	zetas := kemZetas()
	for i := range 128 {
		z := zetas[64+i/2]
		if i%2 == 1 {
			z = kemQ - z
		}
		x, y := 2*i, 2*i+1
		f[x] = (f[x] + a[x]*b[x] + a[y]*b[y]%kemQ*z) % kemQ
		f[y] = (f[y] + a[x]*b[y] + a[y]*b[x]) % kemQ
	}
}

// uniform is SampleNTT: the entry of the matrix in a row and a column.
func uniform(seed []byte, column, row int) (f kemPoly) {
	h := sha3.NewSHAKE128()
	h.Write(seed)
	h.Write([]byte{byte(column), byte(row)})
	var b [3]byte
	for n := 0; n < kemN; {
		h.Read(b[:])
		for _, x := range []int32{int32(b[0]) | int32(b[1]&15)<<8, int32(b[1])>>4 | int32(b[2])<<4} {
			if x < kemQ && n < kemN {
				f[n] = x
				n++
			}
		}
	}
	return f
}

// noise is SamplePolyCBD: differences of sums of eta bits.
func noise(seed []byte, eta, nonce int) (f kemPoly) {
	h := sha3.NewSHAKE256()
	h.Write(seed)
	h.Write([]byte{byte(nonce)})
	b := make([]byte, 64*eta)
	h.Read(b)
	at := 0
	sum := func() (x int32) {
		for range eta {
			x += int32(b[at/8] >> (at % 8) & 1)
			at++
		}
		return x
	}
	for i := range f {
		first := sum()
		f[i] = (first - sum() + kemQ) % kemQ
	}
	return f
}

// pack appends the lowest bits of each number, and unpack reads them.
func (f *kemPoly) pack(b []byte, bits int) []byte {
	out := make([]byte, 32*bits)
	for i, x := range f {
		for j := range bits {
			out[(i*bits+j)/8] |= byte(x>>j&1) << ((i*bits + j) % 8)
		}
	}
	return append(b, out...)
}

func unpack(b []byte, bits int) (f kemPoly) {
	for i := range f {
		for j := range bits {
			f[i] |= int32(b[(i*bits+j)/8]>>((i*bits+j)%8)&1) << j
		}
	}
	return f
}

// unpackRounded undoes the rounding to some bits, as far as it can be undone.
func unpackRounded(b []byte, bits int) kemPoly {
	f := unpack(b, bits)
	for i := range f {
		f[i] = (f[i]*kemQ + 1<<(bits-1)) >> bits
	}
	return f
}

// newKey makes a key of 32 random bytes (K-PKE.KeyGen; the public half is that of ML-KEM).
func (s kemSize) newKey(seed []byte) *kemKey {
	g := sha3.Sum512(append(append([]byte(nil), seed...), byte(s.k)))
	rho, sigma := g[:32], g[32:]
	key := &kemKey{kemSize: s}
	for i := range s.k {
		f := noise(sigma, s.eta, i)
		f.transform()
		key.secret = append(key.secret, f)
	}
	for i := range s.k {
		t := noise(sigma, s.eta, s.k+i)
		t.transform()
		for j := range s.k {
			a := uniform(rho, j, i)
			t.addProduct(&a, &key.secret[j])
		}
		key.public = t.pack(key.public, 12)
	}
	key.public = append(key.public, rho...)
	return key
}

// open returns the secret that was sealed to the key.
func (key *kemKey) open(sealed []byte) ([]byte, error) {
	n := 32 * key.du
	if len(sealed) != key.k*n+32*key.dv {
		return nil, errors.New("the server's half of ML-KEM has a wrong length")
	}
	var w kemPoly
	for i := range key.k {
		u := unpackRounded(sealed[i*n:], key.du)
		u.transform()
		w.addProduct(&key.secret[i], &u)
	}
	w.back()
	v := unpackRounded(sealed[key.k*n:], key.dv)
	for i := range w {
		x := (v[i] - w[i] + kemQ) % kemQ
		w[i] = (x<<1 + kemQ/2) / kemQ & 1
	}
	hash := sha3.Sum256(key.public)
	g := sha3.Sum512(append(w.pack(nil, 1), hash[:]...))
	return g[:32], nil
}

// share512 is a key of ML-KEM-512.
func share512() *Share {
	seed := make([]byte, 32)
	rand.Read(seed)
	key := mlkem512.newKey(seed)
	return &Share{wire.MLKEM512, key.public, key.open}
}
