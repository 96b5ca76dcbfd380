package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// A cmac signs ids: AES-CMAC with a 256-bit key, over messages of two blocks and no
// others. Beside HMAC-SHA256 it takes a fifth of the time on each request with a cookie.
//
// Source: RFC 4493; NIST SP 800-38B.
type cmac struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // of the RFC: for a message of whole blocks
}

func newCMAC(key []byte) *cmac {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the length is that of a derived key
	}
	m := &cmac{block: block}
	block.Encrypt(m.k1[:], m.k1[:])
	carry := byte(0)
	for i := len(m.k1) - 1; i >= 0; i-- {
		m.k1[i], carry = m.k1[i]<<1|carry, m.k1[i]>>7
	}
	m.k1[len(m.k1)-1] ^= 0x87 & -carry
	return m
}

// sum writes the MAC of id to mac. Mac stays on the heap of its owner: what is passed to
// a cipher.Block escapes.
func (m *cmac) sum(mac *[macLen]byte, id *[idLen]byte) {
	copy(mac[:], id[:])
	m.block.Encrypt(mac[:], mac[:])
	subtle.XORBytes(mac[:], mac[:], id[aes.BlockSize:])
	subtle.XORBytes(mac[:], mac[:], m.k1[:])
	m.block.Encrypt(mac[:], mac[:])
}
