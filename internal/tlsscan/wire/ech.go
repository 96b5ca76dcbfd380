package wire

import "crypto/rand"

// An ECHConfig is one key for an Encrypted Client Hello, as far as it is read.
type ECHConfig struct {
	ID         byte
	KEM        uint16
	PublicName string
}

const echVersion = 0xfe0d

// ParseECHConfigs reads an ECHConfigList (RFC 9849 section 4). Configurations of other
// versions are left out.
func ParseECHConfigs(data []byte) ([]ECHConfig, error) {
	c := cursor{b: data}
	list := cursor{b: c.vec16()}
	if c.done() != nil || len(list.b) == 0 {
		return nil, ErrMalformed
	}
	var out []ECHConfig
	for len(list.b) > 0 && !list.bad {
		version := list.u16()
		body := cursor{b: list.vec16()}
		if version != echVersion {
			continue
		}
		e := ECHConfig{ID: byte(body.u8()), KEM: uint16(body.u16())}
		body.vec16() // the public key
		suites := body.vec16()
		body.u8() // the longest name
		e.PublicName = string(body.vec8())
		body.vec16() // extensions
		if body.done() != nil || len(suites) == 0 || len(suites)%4 != 0 {
			return nil, ErrMalformed
		}
		out = append(out, e)
	}
	if list.bad {
		return nil, ErrMalformed
	}
	return out, nil
}

// GreaseECH is an extension that looks like an Encrypted Client Hello and is none: 32
// bytes of a key of X25519 and a payload of a hello's length, both made up (RFC 9849
// section 6.2).
func GreaseECH() []byte {
	random := make([]byte, 1+32+176)
	rand.Read(random)
	b := []byte{0, 0, 1, 0, 1, random[0]} // outer; HKDF-SHA256, AES-128-GCM
	b = putVec16(b, random[1:33])
	return putVec16(b, random[33:])
}
