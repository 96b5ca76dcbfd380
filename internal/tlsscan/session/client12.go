package session

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A Client12 is a connection of SSLv3 to TLS 1.2.
type Client12 struct {
	Hello   *wire.ServerHello
	Cert    *wire.Certificate
	Key     *wire.KeyExchange
	Staple  []byte
	Request bool
	// Ticket is that of RFC 5077, empty where none came.
	Ticket []byte
	// Verify is our Finished, which a renegotiation has to repeat.
	Verify []byte

	conn       io.ReadWriter
	version    wire.Version
	suite      wire.Suite
	messages   wire.Messages
	transcript []byte
	in, out    protection
	next       protection // of the server, until its ChangeCipherSpec
	plain      []byte
}

// Handshake12 makes a connection with a full handshake.
func Handshake12(conn io.ReadWriter, h *wire.ClientHello) (*Client12, error) {
	c := &Client12{conn: conn, version: h.Version}
	raw := h.Marshal()
	if _, err := conn.Write(h.Records()); err != nil {
		return c, err
	}
	c.transcript = append(c.transcript, raw...)
	if err := c.flight(); err != nil {
		return c, err
	}
	if !Computes12(c.suite) || c.version < wire.SSL3 || c.version > wire.TLS12 || c.Hello.Compression != 0 {
		return c, fmt.Errorf("%v with %v is not computed", c.version, c.suite)
	}
	return c, c.keys(h)
}

// flight reads to ServerHelloDone.
func (c *Client12) flight() error {
	for {
		raw, err := c.message()
		if err != nil {
			return err
		}
		body := raw[4:]
		if raw[0] == wire.TypeHelloRequest {
			continue
		}
		if (raw[0] == wire.TypeServerHello) != (c.Hello == nil) {
			return unexpected(raw)
		}
		switch raw[0] {
		case wire.TypeServerHello:
			if c.Hello, err = wire.ParseServerHello(body); err == nil {
				c.version, c.suite = c.Hello.Version, c.Hello.Suite
			}
		case wire.TypeCertificate:
			c.Cert, err = wire.ParseCertificate(body)
		case wire.TypeCertificateStatus:
			c.Staple, _ = wire.ParseStatus(body)
		case wire.TypeServerKeyExchange:
			c.Key, err = wire.ParseKeyExchange(body, c.suite, c.version)
		case wire.TypeCertificateRequest:
			c.Request = true
		case wire.TypeServerHelloDone:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// exchange returns the secret and our ClientKeyExchange.
func (c *Client12) exchange(offered wire.Version) (secret, body []byte, err error) {
	if c.suite.StaticRSA() {
		if c.Cert == nil || len(c.Cert.Chain) == 0 {
			return nil, nil, errors.New("no certificate came")
		}
		leaf, err := x509.ParseCertificate(c.Cert.Chain[0])
		if err != nil {
			return nil, nil, err
		}
		pub, ok := leaf.PublicKey.(*rsa.PublicKey)
		if !ok {
			return nil, nil, errors.New("the certificate has no RSA key")
		}
		if c.Key != nil && len(c.Key.Modulus) > 0 { // the small key of an export suite
			pub = &rsa.PublicKey{N: new(big.Int).SetBytes(c.Key.Modulus), E: int(new(big.Int).SetBytes(c.Key.Exponent).Uint64() & 0x7fffffff)}
		}
		secret = make([]byte, 48)
		rand.Read(secret)
		secret[0], secret[1] = byte(offered>>8), byte(offered)
		sealed, err := EncryptRSA(pub, secret)
		if c.version <= wire.SSL3 {
			return secret, sealed, err
		}
		return secret, append([]byte{byte(len(sealed) >> 8), byte(len(sealed))}, sealed...), err
	}
	key := c.Key
	if c.suite.StaticECDH() {
		if key, err = keyOf(c.Cert); err != nil {
			return nil, nil, err
		}
	}
	if key == nil {
		return nil, nil, errors.New("no key of the server came")
	}
	if c.suite.Elliptic() || c.suite.StaticECDH() {
		share, err := NewShare(key.Group)
		if err != nil {
			return nil, nil, err
		}
		secret, err = share.Secret(key.Public)
		return secret, append([]byte{byte(len(share.Public))}, share.Public...), err
	}
	share, err := finite(0, new(big.Int).SetBytes(key.P), new(big.Int).SetBytes(key.G))
	if err != nil {
		return nil, nil, err
	}
	secret, err = share.Secret(key.Public)
	n := len(share.Public)
	return bytes.TrimLeft(secret, "\x00"), append([]byte{byte(n >> 8), byte(n)}, share.Public...), err
}

// keyOf reads the server's half of static ECDH, which is the key in its certificate.
func keyOf(cert *wire.Certificate) (*wire.KeyExchange, error) {
	if cert == nil || len(cert.Chain) == 0 {
		return nil, errors.New("no certificate came")
	}
	leaf, err := x509.ParseCertificate(cert.Chain[0])
	if err != nil {
		return nil, err
	}
	pub, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("the certificate has no key on a curve")
	}
	for _, g := range []wire.Group{wire.Secp256r1, wire.Secp384r1, wire.Secp521r1} {
		if g.Bits() == pub.Params().BitSize {
			point, err := pub.Bytes()
			return &wire.KeyExchange{Group: g, Public: point}, err
		}
	}
	return nil, fmt.Errorf("%s is not computed", pub.Params().Name)
}

// EncryptRSA pads by PKCS #1 v1.5 and encrypts, for keys of any size: the library
// refuses small ones, and a scanner has to reach servers that have them.
func EncryptRSA(pub *rsa.PublicKey, secret []byte) ([]byte, error) {
	n := (pub.N.BitLen() + 7) / 8
	if n < len(secret)+11 || n > 2048 {
		return nil, fmt.Errorf("an RSA key of %d bits is not computed", pub.N.BitLen())
	}
	block := make([]byte, n)
	rand.Read(block)
	for i, b := range block {
		if b == 0 {
			block[i] = 0x5a
		}
	}
	block[0], block[1], block[n-len(secret)-1] = 0, 2, 0
	copy(block[n-len(secret):], secret)
	return RawRSA(pub, block), nil
}

// RawRSA encrypts a block as it is.
func RawRSA(pub *rsa.PublicKey, block []byte) []byte {
	x := new(big.Int).SetBytes(block)
	return x.Exp(x, big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, (pub.N.BitLen()+7)/8))
}

func (c *Client12) keys(h *wire.ClientHello) error {
	secret, exchange, err := c.exchange(h.Version)
	if err != nil {
		return err
	}
	if c.Request {
		if err := c.send(wire.TypeCertificate, []byte{0, 0, 0}); err != nil {
			return err
		}
	}
	if err := c.send(wire.TypeClientKeyExchange, exchange); err != nil {
		return err
	}
	randoms := append(append([]byte(nil), h.Random[:]...), c.Hello.Random[:]...)
	var master []byte
	if _, ems := c.Hello.Extensions[wire.ExtExtendedMaster]; ems {
		master = prf(c.version, c.suite, secret, "extended master secret", digest(c.version, c.suite, c.transcript), 48)
	} else {
		master = prf(c.version, c.suite, secret, "master secret", randoms, 48)
	}
	mac, key, iv, _ := sizes(c.suite)
	turned := append(append([]byte(nil), c.Hello.Random[:]...), h.Random[:]...)
	block := prf(c.version, c.suite, master, "key expansion", turned, 2*(mac+key+iv))
	cut := func(n int) []byte { out := block[:n]; block = block[n:]; return out }
	cm, sm, ck, sk, ci, si := cut(mac), cut(mac), cut(key), cut(key), cut(iv), cut(iv)
	if exported(c.suite) > 0 {
		ck, sk, ci, si = export(c.version, c.suite, ck, sk, h.Random[:], c.Hello.Random[:], iv)
	}
	out, err := newProtection(c.version, c.suite, cm, ck, ci, false)
	if err != nil {
		return err
	}
	if c.next, err = newProtection(c.version, c.suite, sm, sk, si, true); err != nil {
		return err
	}
	if err := c.writeRecord(wire.RecordCCS, []byte{1}); err != nil {
		return err
	}
	c.out = out
	c.Verify = finished(c.version, c.suite, master, c.transcript, true)
	if err := c.send(wire.TypeFinished, c.Verify); err != nil {
		return err
	}
	return c.end(master)
}

// end reads the server's ticket and Finished.
func (c *Client12) end(master []byte) error {
	for {
		want := finished(c.version, c.suite, master, c.transcript, false)
		raw, err := c.message()
		if err != nil {
			return err
		}
		switch raw[0] {
		case wire.TypeNewSessionTicket:
			c.Ticket, err = wire.ParseTicket12(raw[4:])
		case wire.TypeFinished:
			if c.in == nil || !hmac.Equal(raw[4:], want) {
				return errors.New("the server's Finished is wrong")
			}
			return nil
		default:
			return unexpected(raw)
		}
		if err != nil {
			return err
		}
	}
}

func (c *Client12) send(typ byte, body []byte) error {
	raw := wire.Handshake(typ, body)
	c.transcript = append(c.transcript, raw...)
	return c.writeRecord(wire.RecordHandshake, raw)
}

func (c *Client12) writeRecord(typ byte, data []byte) error {
	if c.out != nil {
		data = c.out.seal(typ, c.version, data)
	}
	_, err := c.conn.Write(wire.AppendRecords(nil, typ, min(c.version, wire.TLS12), data))
	return err
}

func (c *Client12) message() ([]byte, error) {
	for {
		if raw, ok := c.messages.Next(); ok {
			if raw[0] != wire.TypeHelloRequest {
				c.transcript = append(c.transcript, raw...)
			}
			return raw, nil
		}
		typ, data, err := c.read()
		if err != nil {
			return nil, err
		}
		switch {
		case typ == wire.RecordCCS && c.next != nil && len(data) == 1:
			c.in, c.next = c.next, nil
		case typ == wire.RecordHandshake:
			if err := c.messages.Add(data); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a record of type %d came in the handshake", typ)
		}
	}
}

// read returns the next record, opened; an alert is an error.
func (c *Client12) read() (byte, []byte, error) {
	for range 64 {
		rec, err := wire.ReadRecord(c.conn)
		if err != nil {
			return 0, nil, err
		}
		data := rec.Data
		if c.in != nil {
			if data, err = c.in.open(rec.Type, c.version, data); err != nil {
				return 0, nil, err
			}
		}
		switch rec.Type {
		case wire.RecordAlert:
			a, err := wire.ReadAlert(data)
			switch {
			case err != nil:
				return 0, nil, err
			case a.Description == 0:
				return 0, nil, io.EOF
			case a.Level == 1 && a.Description == wire.AlertUnrecognizedName:
				continue
			}
			return 0, nil, a
		case wire.RecordData:
			if len(data) == 0 { // the empty fragment against BEAST
				continue
			}
		}
		return rec.Type, data, nil
	}
	return 0, nil, wire.ErrTooMuch
}

// Version is what was agreed on.
func (c *Client12) Version() wire.Version { return c.version }

// Write sends application data.
func (c *Client12) Write(p []byte) (int, error) {
	return writeData(p, c.writeRecord)
}

// Read returns application data.
func (c *Client12) Read(p []byte) (int, error) {
	for range 64 {
		if len(c.plain) > 0 {
			n := copy(p, c.plain)
			c.plain = c.plain[n:]
			return n, nil
		}
		typ, data, err := c.read()
		if err != nil {
			return 0, err
		}
		if typ == wire.RecordData {
			c.plain = data
		}
	}
	return 0, wire.ErrTooMuch
}

// Renegotiate makes a second handshake inside the connection, with the proof of the first
// where secure is true, and says whether it came to its end. An error is the server's
// refusal, or what it did instead.
func (c *Client12) Renegotiate(h *wire.ClientHello, secure bool) (bool, error) {
	again := *h
	again.Extensions = nil
	again.SessionID = nil
	rand.Read(again.Random[:])
	for _, e := range h.Extensions {
		switch e.ID {
		case wire.ExtRenegotiation, wire.ExtTicket:
			continue
		}
		again.Extensions = append(again.Extensions, e)
	}
	if secure {
		again.Add(wire.ExtRenegotiation, append([]byte{byte(len(c.Verify))}, c.Verify...))
	}
	raw := again.Marshal()
	if err := c.writeRecord(wire.RecordHandshake, raw); err != nil {
		return false, err
	}
	hello, cert, key, request := c.Hello, c.Cert, c.Key, c.Request // what was agreed on first stays told
	defer func() { c.Hello, c.Cert, c.Key, c.Request = hello, cert, key, request }()
	c.transcript, c.Hello, c.Cert, c.Key, c.Request = append([]byte(nil), raw...), nil, nil, nil, false
	if err := c.flight(); err != nil {
		return false, err
	}
	if !Computes12(c.suite) {
		return false, fmt.Errorf("%v is not computed", c.suite)
	}
	err := c.keys(&again)
	return err == nil, err
}
