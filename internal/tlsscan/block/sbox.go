package block

// A matrix maps bytes bit by bit: column i is what bit i, the lowest first, becomes.
type matrix [8]byte

func (m *matrix) apply(x byte) byte {
	var y byte
	for i, column := range m {
		if x>>i&1 == 1 {
			y ^= column
		}
	}
	return y
}

// A box is a substitution of bytes, as designers of ciphers make it: a power in a field
// of 256 elements, with a matrix and a constant behind it.
type box [256]byte

// newBox makes one. The field is that of the polynomial, without its leading term.
func newBox(polynomial byte, power int, m matrix, constant byte) *box {
	b := new(box)
	for x := range 256 {
		b[x] = m.apply(raise(byte(x), power, polynomial)) ^ constant
	}
	return b
}

func (b *box) inverse() *box {
	r := new(box)
	for x, y := range b {
		r[y] = byte(x)
	}
	return r
}

func raise(x byte, power int, polynomial byte) byte {
	y := byte(1)
	for ; power > 0; power >>= 1 {
		if power&1 == 1 {
			y = multiply(y, x, polynomial)
		}
		x = multiply(x, x, polynomial)
	}
	return y
}

func multiply(x, y, polynomial byte) byte {
	var z byte
	for ; y > 0; y >>= 1 {
		if y&1 == 1 {
			z ^= x
		}
		carry := x >> 7
		x = x<<1 ^ carry*polynomial
	}
	return z
}
