package wire

import (
	"fmt"
	"io"
)

// ssl2Suites are all suites of SSLv2.
var ssl2Suites = []struct {
	id   uint32
	name string
}{
	{0x010080, "SSL_CK_RC4_128_WITH_MD5"}, {0x020080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"},
	{0x030080, "SSL_CK_RC2_128_CBC_WITH_MD5"}, {0x040080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"},
	{0x050080, "SSL_CK_IDEA_128_CBC_WITH_MD5"}, {0x060040, "SSL_CK_DES_64_CBC_WITH_MD5"},
	{0x0700c0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"}, {0x080080, "SSL_CK_RC4_64_WITH_MD5"},
}

// SSL2Hello is a CLIENT-HELLO of SSLv2 with all its suites.
func SSL2Hello(challenge [16]byte) []byte {
	var suites []byte
	for _, s := range ssl2Suites {
		suites = put24(suites, int(s.id))
	}
	b := []byte{1, 0, 2}
	b = put16(b, len(suites))
	b = put16(b, 0)
	b = put16(b, len(challenge))
	b = append(append(b, suites...), challenge[:]...)
	return append([]byte{0x80 | byte(len(b)>>8), byte(len(b))}, b...)
}

// An SSL2ServerHello is a SERVER-HELLO of SSLv2.
type SSL2ServerHello struct {
	Certificate []byte
	Suites      []string
}

// ReadSSL2Hello reads a SERVER-HELLO. Anything else is an error.
func ReadSSL2Hello(r io.Reader) (*SSL2ServerHello, error) {
	var h [3]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return nil, err
	}
	n := int(h[0]&0x7f)<<8 | int(h[1])
	padding := 0
	if h[0]&0x80 == 0 { // the header of three bytes, with padding
		if _, err := io.ReadFull(r, h[2:]); err != nil {
			return nil, err
		}
		n, padding = int(h[0]&0x3f)<<8|int(h[1]), int(h[2])
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if padding > len(body) {
		return nil, ErrMalformed
	}
	return ParseSSL2Hello(body[:len(body)-padding])
}

// ParseSSL2Hello reads the message within.
func ParseSSL2Hello(body []byte) (*SSL2ServerHello, error) {
	c := cursor{b: body}
	typ := c.u8()
	c.u8() // whether it knows our session: never
	c.u8() // the type of certificate
	version, cert, specs, id := c.u16(), c.u16(), c.u16(), c.u16()
	if c.bad || typ != 4 || version != int(SSL2) || specs%3 != 0 {
		return nil, ErrMalformed
	}
	h := &SSL2ServerHello{Certificate: c.take(cert)}
	list := cursor{b: c.take(specs)}
	c.take(id)
	for len(list.b) > 0 {
		h.Suites = append(h.Suites, ssl2Name(uint32(list.u24())))
	}
	return h, c.done()
}

func ssl2Name(id uint32) string {
	for _, s := range ssl2Suites {
		if s.id == id {
			return s.name
		}
	}
	return fmt.Sprintf("SSL_CK_0x%06x", id)
}
