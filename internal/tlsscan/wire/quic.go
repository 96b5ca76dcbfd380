package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// QUICProbe is a packet of QUIC in a version that nobody has, as long as a server demands
// of a first one: what it can only answer with the versions that it has (RFC 9000 section
// 6, RFC 8999 section 5).
func QUICProbe(destination, source [8]byte) []byte {
	b := append([]byte{0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8}, destination[:]...)
	b = append(append(b, 8), source[:]...)
	return append(b, make([]byte, 1200-len(b))...)
}

// MaxQUICVersions is how many versions of an answer are read.
const MaxQUICVersions = 32

// ParseVersionNegotiation reads the answer to a QUICProbe: it has to return both
// connection ids, so that nothing else is taken for one. Made-up versions are left out.
func ParseVersionNegotiation(packet []byte, destination, source [8]byte) ([]uint32, error) {
	c := cursor{b: packet}
	first, version := c.u8(), c.u32()
	to, from := c.vec8(), c.vec8()
	if c.bad || first&0x80 == 0 || version != 0 || !bytes.Equal(to, source[:]) || !bytes.Equal(from, destination[:]) || len(c.b) == 0 || len(c.b)%4 != 0 {
		return nil, ErrMalformed
	}
	var out []uint32
	for b := c.b; len(b) > 0 && len(out) < MaxQUICVersions; b = b[4:] {
		if v := binary.BigEndian.Uint32(b); v&0x0f0f0f0f != 0x0a0a0a0a && v != 0 {
			out = append(out, v)
		}
	}
	return out, nil
}

// QUICVersion is the name of a version of QUIC.
func QUICVersion(v uint32) string {
	switch {
	case v == 1:
		return "QUICv1"
	case v == 0x6b3343cf:
		return "QUICv2"
	case v&0xffffff00 == 0xff000000:
		return fmt.Sprintf("draft-%d", v&0xff)
	}
	return fmt.Sprintf("0x%08x", v)
}
