package session

import (
	"crypto/rand"
	"errors"
	"math/big"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A curve is y² = x³ + ax + b over a prime field, for the groups that the library has not.
// Points are affine, and nothing takes care for timing: keys live for one probe.
type curve struct{ p, a, b, gx, gy, n *big.Int }

func hexCurve(p, a, b, gx, gy, n string) *curve {
	num := func(s string) *big.Int {
		x, ok := new(big.Int).SetString(s, 16)
		if !ok {
			panic("session: constant of a curve: " + s)
		}
		return x
	}
	return &curve{num(p), num(a), num(b), num(gx), num(gy), num(n)}
}

// curves are secp224r1 and secp256k1 (SEC 2) and Brainpool's (RFC 5639), the latter under
// the numbers of TLS 1.2 and of TLS 1.3 (RFC 8734).
var curves = func() map[wire.Group]*curve {
	b256 := hexCurve("A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
		"7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
		"26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
		"8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262",
		"547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
		"A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7")
	b384 := hexCurve("8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53",
		"7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A503AD4EB04A8C7DD22CE2826",
		"04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB4390295DBC9943AB78696FA504C11",
		"1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8E826E03436D646AAEF87B2E247D4AF1E",
		"8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF99129280E4646217791811142820341263C5315",
		"8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565")
	b512 := hexCurve("AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA703308717D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3",
		"7830A3318B603B89E2327145AC234CC594CBDD8D3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA",
		"3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CADC083E67984050B75EBAE5DD2809BD638016F723",
		"81AEE4BDD82ED9645A21322E9C4C6A9385ED9F70B5D916C1B43B62EEF4D0098EFF3B1F78E2D0D48D50D1687B93B97D5F7C6D5047406A5E688B352209BCB9F822",
		"7DDE385D566332ECC0EABFA9CF7822FDF209F70024A57B1AA000C55B881F8111B2DCDE494A5F485E5BCA4BD88A2763AED1CA2B2FA8F0540678CD1E0F3AD80892",
		"AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069")
	return map[wire.Group]*curve{
		wire.Secp224r1: hexCurve("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000000000000000000000001", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFE",
			"B4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4", "B70E0CBD6BB4BF7F321390B94A03C1D356C21122343280D6115C1D21",
			"BD376388B5F723FB4C22DFE6CD4375A05A07476444D5819985007E34", "FFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D"),
		wire.Secp256k1: hexCurve("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F", "0", "7",
			"79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798", "483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8",
			"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141"),
		wire.Brainpool256: b256, 31: b256, wire.Brainpool384: b384, 32: b384, wire.Brainpool512: b512, 33: b512,
	}
}()

func (c *curve) on(x, y *big.Int) bool {
	if x.Cmp(c.p) >= 0 || y.Cmp(c.p) >= 0 {
		return false
	}
	right := new(big.Int).Mul(x, x)
	right.Add(right, c.a).Mul(right, x).Add(right, c.b)
	left := new(big.Int).Mul(y, y)
	return left.Sub(left, right).Mod(left, c.p).Sign() == 0
}

// add adds two points; a nil x is the point at infinity.
func (c *curve) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	if x1 == nil {
		return x2, y2
	}
	if x2 == nil {
		return x1, y1
	}
	over, under := new(big.Int).Sub(y2, y1), new(big.Int).Sub(x2, x1)
	if under.Sign() == 0 {
		if over.Sign() != 0 || y1.Sign() == 0 {
			return nil, nil
		}
		over.Mul(x1, x1).Mul(over, big.NewInt(3)).Add(over, c.a)
		under.Lsh(y1, 1)
	}
	slope := over.Mul(over, under.ModInverse(under.Mod(under, c.p), c.p))
	x = new(big.Int).Mul(slope, slope)
	x.Sub(x, x1).Sub(x, x2).Mod(x, c.p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, slope).Sub(y, y1).Mod(y, c.p)
	return x, y
}

func (c *curve) mul(k, x, y *big.Int) (rx, ry *big.Int) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		rx, ry = c.add(rx, ry, rx, ry)
		if k.Bit(i) == 1 {
			rx, ry = c.add(rx, ry, x, y)
		}
	}
	return rx, ry
}

func (c *curve) share(g wire.Group) (*Share, error) {
	k, err := rand.Int(rand.Reader, new(big.Int).Sub(c.n, big.NewInt(1)))
	if err != nil {
		return nil, err
	}
	k.Add(k, big.NewInt(1))
	size := (c.p.BitLen() + 7) / 8
	x, y := c.mul(k, c.gx, c.gy)
	public := append(append([]byte{4}, x.FillBytes(make([]byte, size))...), y.FillBytes(make([]byte, size))...)
	return &Share{g, public, func(peer []byte) ([]byte, error) {
		if len(peer) != 1+2*size || peer[0] != 4 {
			return nil, wire.ErrMalformed
		}
		px, py := new(big.Int).SetBytes(peer[1:1+size]), new(big.Int).SetBytes(peer[1+size:])
		if !c.on(px, py) {
			return nil, errors.New("the server's key is no point of the curve")
		}
		sx, _ := c.mul(k, px, py)
		if sx == nil {
			return nil, errors.New("the server's key has a small order")
		}
		return sx.FillBytes(make([]byte, size)), nil
	}}, nil
}
