package session

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A Share is our half of a key exchange.
type Share struct {
	Group  wire.Group
	Public []byte
	secret func(peer []byte) ([]byte, error)
}

// Secret joins the server's half.
func (s *Share) Secret(peer []byte) ([]byte, error) { return s.secret(peer) }

// Computes says that NewShare knows the group.
func Computes(g wire.Group) bool {
	switch g {
	case wire.X25519, wire.Secp256r1, wire.Secp384r1, wire.Secp521r1, wire.X25519MLKEM768, wire.SecP256r1MLKEM768,
		wire.SecP384r1MLKEM1024, wire.MLKEM512, wire.MLKEM768, wire.MLKEM1024, wire.X448:
		return true
	}
	return g.FiniteField() || curves[g] != nil
}

// NewShare makes a key of a group.
func NewShare(g wire.Group) (*Share, error) {
	switch g {
	case wire.X25519:
		return elliptic(g, ecdh.X25519())
	case wire.Secp256r1:
		return elliptic(g, ecdh.P256())
	case wire.Secp384r1:
		return elliptic(g, ecdh.P384())
	case wire.Secp521r1:
		return elliptic(g, ecdh.P521())
	case wire.X448:
		return share448(), nil
	case wire.MLKEM512:
		return share512(), nil
	case wire.MLKEM768:
		return kem768(g)
	case wire.MLKEM1024:
		return kem1024(g)
	case wire.X25519MLKEM768: // ML-KEM stands first only here
		return hybrid(g, wire.MLKEM768, wire.X25519, mlkem.CiphertextSize768)
	case wire.SecP256r1MLKEM768:
		return hybrid(g, wire.Secp256r1, wire.MLKEM768, 65)
	case wire.SecP384r1MLKEM1024:
		return hybrid(g, wire.Secp384r1, wire.MLKEM1024, 97)
	}
	if c := curves[g]; c != nil {
		return c.share(g)
	}
	if g.FiniteField() {
		p := prime7919(g)
		return finite(g, p, big.NewInt(2))
	}
	return nil, fmt.Errorf("no key can be made for %v", g)
}

func elliptic(g wire.Group, curve ecdh.Curve) (*Share, error) {
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Share{g, key.PublicKey().Bytes(), func(peer []byte) ([]byte, error) {
		pub, err := curve.NewPublicKey(peer)
		if err != nil {
			return nil, err
		}
		return key.ECDH(pub)
	}}, nil
}

func kem768(g wire.Group) (*Share, error) {
	key, err := mlkem.GenerateKey768()
	if err != nil {
		return nil, err
	}
	return &Share{g, key.EncapsulationKey().Bytes(), key.Decapsulate}, nil
}

func kem1024(g wire.Group) (*Share, error) {
	key, err := mlkem.GenerateKey1024()
	if err != nil {
		return nil, err
	}
	return &Share{g, key.EncapsulationKey().Bytes(), key.Decapsulate}, nil
}

// hybrid joins two groups; first is how long the first part of the server's half is.
func hybrid(g, a, b wire.Group, first int) (*Share, error) {
	x, err := NewShare(a)
	if err != nil {
		return nil, err
	}
	y, err := NewShare(b)
	if err != nil {
		return nil, err
	}
	return &Share{g, append(x.Public, y.Public...), func(peer []byte) ([]byte, error) {
		if len(peer) < first {
			return nil, wire.ErrMalformed
		}
		s, err := x.Secret(peer[:first])
		if err != nil {
			return nil, err
		}
		t, err := y.Secret(peer[first:])
		return append(s, t...), err
	}}, nil
}

// maxPrime bounds the work that a server can demand.
const maxPrime = 8192

// finite is Diffie-Hellman in a field. The secret of TLS 1.3 is padded to the length of
// the prime; TLS 1.2 strips it again (RFC 5246 section 8.1.2).
func finite(g wire.Group, p, base *big.Int) (*Share, error) {
	if p.BitLen() < 16 || p.BitLen() > maxPrime || p.Bit(0) == 0 {
		return nil, errors.New("the server's prime is unusable")
	}
	x, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(min(p.BitLen()-1, 512))))
	if err != nil {
		return nil, err
	}
	x.Add(x, big.NewInt(2))
	size := (p.BitLen() + 7) / 8
	public := new(big.Int).Exp(base, x, p).FillBytes(make([]byte, size))
	return &Share{g, public, func(peer []byte) ([]byte, error) {
		y := new(big.Int).SetBytes(peer)
		if y.Cmp(big.NewInt(1)) <= 0 || y.Cmp(p) >= 0 {
			return nil, errors.New("the server's key is out of range")
		}
		return new(big.Int).Exp(y, x, p).FillBytes(make([]byte, size)), nil
	}}, nil
}

// prime7919 is the prime of a named group.
func prime7919(g wire.Group) *big.Int {
	switch g {
	case 257:
		return fieldPrime(3072, 2625351, true)
	case 258:
		return fieldPrime(4096, 5736041, true)
	case 259:
		return fieldPrime(6144, 15705020, true)
	case wire.FFDHE8192:
		return fieldPrime(8192, 10965728, true)
	}
	return fieldPrime(2048, 560316, true)
}
