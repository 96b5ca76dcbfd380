package session

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// ccm is AES-CCM (RFC 3610) with nonces of 12 bytes, as TLS uses it (RFC 6655).
type ccm struct {
	block cipher.Block
	tag   int // 16, or 8 for the suites that end in CCM_8
}

var _ cipher.AEAD = ccm{}

func (c ccm) NonceSize() int { return 12 }
func (c ccm) Overhead() int  { return c.tag }

// mac is the tag before it is encrypted.
func (c ccm) mac(nonce, plain, additional []byte) []byte {
	x := make([]byte, 16)
	mix := func(b []byte) {
		for len(b) > 0 {
			n := subtle.XORBytes(x, x, b)
			c.block.Encrypt(x, x)
			b = b[n:]
		}
	}
	first := append([]byte{byte((c.tag-2)/2<<3 | 2)}, nonce...)
	if len(additional) > 0 {
		first[0] |= 0x40
	}
	mix(append(first, byte(len(plain)>>16), byte(len(plain)>>8), byte(len(plain))))
	if len(additional) > 0 {
		mix(append(binary.BigEndian.AppendUint16(nil, uint16(len(additional))), additional...))
	}
	mix(plain)
	return x[:c.tag]
}

// crypt counts from 1 over the text, and from 0 over the tag.
func (c ccm) crypt(nonce, text, tag []byte) {
	counter := append(append([]byte{2}, nonce...), 0, 0, 0)
	zero := make([]byte, 16)
	c.block.Encrypt(zero, counter)
	subtle.XORBytes(tag, tag, zero)
	counter[15] = 1
	cipher.NewCTR(c.block, counter).XORKeyStream(text, text)
}

func (c ccm) Seal(dst, nonce, plain, additional []byte) []byte {
	n := len(dst)
	dst = append(dst, plain...)
	tag := c.mac(nonce, plain, additional)
	c.crypt(nonce, dst[n:], tag)
	return append(dst, tag...)
}

func (c ccm) Open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	if len(sealed) < c.tag {
		return nil, errMAC
	}
	n, cut := len(dst), len(sealed)-c.tag
	dst = append(dst, sealed[:cut]...)
	tag := append([]byte(nil), sealed[cut:]...)
	c.crypt(nonce, dst[n:], tag)
	if subtle.ConstantTimeCompare(tag, c.mac(nonce, dst[n:], additional)) != 1 {
		return nil, errMAC
	}
	return dst, nil
}
