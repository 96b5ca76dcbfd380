package wire

// A KeyExchange is a ServerKeyExchange of TLS 1.2 and before.
type KeyExchange struct {
	// Group and Public are set for elliptic curves; P, G and Public for finite fields;
	// Modulus and Exponent for the temporary RSA key of export suites.
	Group             Group
	Public            []byte
	P, G              []byte
	Modulus, Exponent []byte
	// Params is what the signature covers, with both randoms before it.
	Params    []byte
	Scheme    SignatureScheme // zero before TLS 1.2 and for anonymous suites
	Signature []byte
}

// ParseKeyExchange reads the message of a suite in a version. Suites with a password or a
// ticket of Kerberos, and those whose only key is shared before, give ErrMalformed: nothing
// is read of them.
func ParseKeyExchange(body []byte, s Suite, v Version) (*KeyExchange, error) {
	c := cursor{b: body}
	k := new(KeyExchange)
	kind := s.Kind()
	shared := s.Shared()
	if shared {
		c.vec16() // a hint at which key
	}
	switch {
	case s.Elliptic() && (kind.Exchange == "ECDHE" || kind.Exchange == "ECDH" || shared):
		if c.u8() != 3 { // only named curves are read
			return nil, ErrMalformed
		}
		k.Group = Group(c.u16())
		k.Public = c.vec8()
	case s.DiffieHellman() && (kind.Exchange == "DHE" || kind.Exchange == "DH" || shared):
		k.P, k.G, k.Public = c.vec16(), c.vec16(), c.vec16()
		if !c.bad && len(k.P) == 0 {
			return nil, ErrMalformed
		}
	case kind.Export && kind.Exchange == "RSA":
		k.Modulus, k.Exponent = c.vec16(), c.vec16()
	default:
		return nil, ErrMalformed
	}
	if c.bad {
		return nil, ErrMalformed
	}
	k.Params = body[:len(body)-len(c.b)]
	if s.Anonymous() || shared { // nothing is signed
		return k, c.done()
	}
	if v >= TLS12 {
		k.Scheme = SignatureScheme(c.u16())
	}
	if v == SSL3 && len(c.b) > 0 {
		// SSLv3 signs MD5 and SHA-1 together for RSA, in a vector as TLS 1.0 has it.
		k.Signature = c.vec16()
		return k, c.done()
	}
	k.Signature = c.vec16()
	return k, c.done()
}
