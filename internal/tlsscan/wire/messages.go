package wire

import "bytes"

// The types of handshake messages.
const (
	TypeHelloRequest        = 0
	TypeClientHello         = 1
	TypeServerHello         = 2
	TypeNewSessionTicket    = 4
	TypeEncryptedExtensions = 8
	TypeCertificate         = 11
	TypeServerKeyExchange   = 12
	TypeCertificateRequest  = 13
	TypeServerHelloDone     = 14
	TypeCertificateVerify   = 15
	TypeClientKeyExchange   = 16
	TypeFinished            = 20
	TypeCertificateStatus   = 22
	TypeMessageHash         = 254
)

// A ServerHello, or the HelloRetryRequest that looks like one.
type ServerHello struct {
	// Version is what was agreed on: that of the extension where it has one.
	Version     Version
	Random      [32]byte
	SessionID   []byte
	Suite       Suite
	Compression byte
	Extensions  map[uint16][]byte
	// Order has the numbers of the extensions as they came.
	Order []uint16
	Retry bool
	// Group is what was chosen in TLS 1.3, Share the server's key, empty in a retry.
	Group Group
	Share []byte
}

// retryRandom is SHA-256 of "HelloRetryRequest".
var retryRandom = []byte("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")

// ParseServerHello reads the body of a ServerHello.
func ParseServerHello(body []byte) (*ServerHello, error) {
	c := cursor{b: body}
	h := &ServerHello{Version: Version(c.u16())}
	copy(h.Random[:], c.take(32))
	h.SessionID = c.vec8()
	h.Suite = Suite(c.u16())
	h.Compression = byte(c.u8())
	if c.bad || len(h.SessionID) > 32 {
		return nil, ErrMalformed
	}
	var err error
	if h.Extensions, h.Order, err = extensions(&c, true); err != nil {
		return nil, err
	}
	h.Retry = bytes.Equal(h.Random[:], retryRandom)
	if v, ok := h.Extensions[ExtSupportedVersions]; ok {
		if len(v) != 2 {
			return nil, ErrMalformed
		}
		h.Version = Version(v[0])<<8 | Version(v[1])
	}
	if k, ok := h.Extensions[ExtKeyShare]; ok {
		kc := cursor{b: k}
		h.Group = Group(kc.u16())
		if len(kc.b) > 0 {
			h.Share = kc.vec16()
		}
		if kc.done() != nil {
			return nil, ErrMalformed
		}
	}
	return h, nil
}

// extensions reads a list to the end of the message, and tells the order; a list that may
// be missing is optional. Of two with one number the first counts.
func extensions(c *cursor, optional bool) (m map[uint16][]byte, order []uint16, err error) {
	m = map[uint16][]byte{}
	if optional && len(c.b) == 0 {
		return m, nil, nil
	}
	list := cursor{b: c.vec16()}
	for len(list.b) > 0 && !list.bad {
		id := uint16(list.u16())
		data := list.vec16()
		if _, twice := m[id]; !twice {
			m[id] = data
			order = append(order, id)
		}
	}
	if list.bad || c.done() != nil {
		return nil, nil, ErrMalformed
	}
	return m, order, nil
}

// A Certificate message, of either form.
type Certificate struct {
	Chain [][]byte
	// OCSP and SCTs stand beside the first certificate in TLS 1.3.
	OCSP, SCTs []byte
}

// MaxChain is how many certificates of a chain are read.
const MaxChain = 32

// ParseCertificate reads the form of TLS 1.2 and before.
func ParseCertificate(body []byte) (*Certificate, error) {
	c := cursor{b: body}
	list := cursor{b: c.vec24()}
	out := new(Certificate)
	for len(list.b) > 0 && !list.bad && len(out.Chain) < MaxChain {
		out.Chain = append(out.Chain, list.vec24())
	}
	if list.bad || c.done() != nil {
		return nil, ErrMalformed
	}
	return out, nil
}

// ParseCertificate13 reads the form of TLS 1.3.
func ParseCertificate13(body []byte) (*Certificate, error) {
	c := cursor{b: body}
	c.vec8() // the request's context, empty from a server
	list := cursor{b: c.vec24()}
	out := new(Certificate)
	for len(list.b) > 0 && !list.bad && len(out.Chain) < MaxChain {
		der := list.vec24()
		xc := cursor{b: list.b}
		x := xc.vec16()
		if xc.bad {
			return nil, ErrMalformed
		}
		list.b = xc.b
		one := cursor{b: putVec16(nil, x)}
		m, _, err := extensions(&one, false)
		if err != nil {
			return nil, err
		}
		if len(out.Chain) == 0 {
			out.OCSP, _ = ParseStatus(m[ExtStatusRequest])
			out.SCTs = m[ExtSCT]
		}
		out.Chain = append(out.Chain, der)
	}
	if list.bad || c.done() != nil {
		return nil, ErrMalformed
	}
	return out, nil
}

// ParseStatus reads a CertificateStatus and returns the OCSP response in it.
func ParseStatus(body []byte) ([]byte, error) {
	c := cursor{b: body}
	if c.u8() != 1 {
		return nil, ErrMalformed
	}
	der := c.vec24()
	return der, c.done()
}

// ParseEncryptedExtensions reads the server's extensions of TLS 1.3.
func ParseEncryptedExtensions(body []byte) (map[uint16][]byte, error) {
	m, _, err := extensions(&cursor{b: body}, false)
	return m, err
}

// ParseALPN returns the protocol that a server chose.
func ParseALPN(data []byte) (string, error) {
	c := cursor{b: data}
	list := cursor{b: c.vec16()}
	name := list.vec8()
	if list.done() != nil || c.done() != nil {
		return "", ErrMalformed
	}
	return string(name), nil
}

// A Ticket of TLS 1.3.
type Ticket struct {
	Lifetime, AgeAdd uint32
	Nonce, Ticket    []byte
	// EarlyData is how many bytes the server takes before the handshake ends; zero none.
	EarlyData uint32
}

// ParseTicket13 reads a NewSessionTicket of TLS 1.3.
func ParseTicket13(body []byte) (*Ticket, error) {
	c := cursor{b: body}
	t := &Ticket{Lifetime: c.u32(), AgeAdd: c.u32(), Nonce: c.vec8(), Ticket: c.vec16()}
	x, _, err := extensions(&c, false)
	if err != nil {
		return nil, err
	}
	if d := x[ExtEarlyData]; len(d) == 4 {
		ec := cursor{b: d}
		t.EarlyData = ec.u32()
	}
	return t, nil
}

// ParseTicket12 reads a NewSessionTicket of RFC 5077.
func ParseTicket12(body []byte) ([]byte, error) {
	c := cursor{b: body}
	c.u32()
	t := c.vec16()
	return t, c.done()
}
