package session

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// schedule is the key schedule of TLS 1.3 for one hash.
type schedule struct {
	hash       func() hash.Hash
	transcript hash.Hash
	secret     []byte
}

func (k *schedule) expand(secret []byte, label string, context []byte, n int) []byte {
	info := []byte{byte(n >> 8), byte(n), byte(6 + len(label))}
	info = append(append(info, "tls13 "...), label...)
	info = append(append(info, byte(len(context))), context...)
	out, err := hkdf.Expand(k.hash, secret, string(info), n)
	if err != nil {
		panic(err) // only for lengths that no suite has
	}
	return out
}

func (k *schedule) extract(in []byte) {
	salt := make([]byte, k.hash().Size())
	if k.secret != nil {
		salt = k.expand(k.secret, "derived", k.hash().Sum(nil), len(salt))
	}
	if in == nil {
		in = make([]byte, len(salt))
	}
	out, err := hkdf.Extract(k.hash, in, salt)
	if err != nil {
		panic(err) // the inputs are long enough for any mode of the library
	}
	k.secret = out
}

func (k *schedule) traffic(label string) []byte {
	return k.expand(k.secret, label, k.transcript.Sum(nil), k.hash().Size())
}

func (k *schedule) cipher(s wire.Suite, traffic []byte) (*aeadState, error) {
	n := 32
	if strings.HasPrefix(s.Kind().Cipher, "AES_128") {
		n = 16
	}
	a, err := newAEAD(s.Kind().Cipher, k.expand(traffic, "key", nil, n))
	return &aeadState{aead: a, iv: k.expand(traffic, "iv", nil, 12)}, err
}

func (k *schedule) finished(traffic []byte) []byte {
	m := hmac.New(k.hash, k.expand(traffic, "finished", nil, k.hash().Size()))
	m.Write(k.transcript.Sum(nil))
	return m.Sum(nil)
}

// ErrRetry is returned when a server that got a key of the one group that was offered asks
// for a key.
var ErrRetry = errors.New("the server asks for another key of a group")

// A Client13 is a connection of TLS 1.3.
type Client13 struct {
	Hello      *wire.ServerHello
	Extensions map[uint16][]byte
	Cert       *wire.Certificate
	Scheme     wire.SignatureScheme
	// Request says that the server asks for a certificate.
	Request bool
	Tickets []*wire.Ticket

	conn      io.ReadWriter
	keys      schedule
	in, out   *aeadState
	messages  wire.Messages
	plain     []byte
	changedCS bool
}

// Suites13 are the suites of TLS 1.3 that this package computes.
var Suites13 = []wire.Suite{0x1301, 0x1302, 0x1303, 0x1304, 0x1305}

// Handshake13 makes a connection. The hello has to offer the share's group alone, so
// that the server has nothing to ask for; its certificate and signature are not judged.
func Handshake13(conn io.ReadWriter, h *wire.ClientHello, share *Share) (*Client13, error) {
	c := &Client13{conn: conn}
	if _, err := conn.Write(h.Records()); err != nil {
		return nil, err
	}
	raw, err := c.message()
	if err != nil {
		return nil, err
	}
	if raw[0] != wire.TypeServerHello {
		return nil, unexpected(raw)
	}
	if c.Hello, err = wire.ParseServerHello(raw[4:]); err != nil {
		return nil, err
	}
	switch {
	case c.Hello.Version != wire.TLS13:
		return c, fmt.Errorf("the server agreed to %v", c.Hello.Version)
	case c.Hello.Retry && c.Hello.Group == 0:
		return c, errors.New("the server asks for a cookie")
	case c.Hello.Retry:
		return c, fmt.Errorf("%w: %v", ErrRetry, c.Hello.Group)
	case c.Hello.Group != share.Group:
		return c, fmt.Errorf("the server takes %v, which was not offered", c.Hello.Group)
	}
	c.keys.hash = sha256.New
	if c.Hello.Suite == 0x1302 {
		c.keys.hash = sha512.New384
	}
	c.keys.transcript = c.keys.hash()
	c.keys.transcript.Write(h.Marshal())
	c.keys.transcript.Write(raw)
	secret, err := share.Secret(c.Hello.Share)
	if err != nil {
		return c, fmt.Errorf("the server's key: %w", err)
	}
	c.keys.extract(nil)
	c.keys.extract(secret)
	client, server := c.keys.traffic("c hs traffic"), c.keys.traffic("s hs traffic")
	if c.in, err = c.keys.cipher(c.Hello.Suite, server); err != nil {
		return c, err
	}
	if c.out, err = c.keys.cipher(c.Hello.Suite, client); err != nil {
		return c, err
	}
	return c, c.finish(client, server)
}

// finish reads the encrypted flight and sends ours.
func (c *Client13) finish(client, server []byte) error {
	for {
		raw, err := c.message()
		if err != nil {
			return err
		}
		body := raw[4:]
		switch raw[0] {
		case wire.TypeEncryptedExtensions:
			c.Extensions, err = wire.ParseEncryptedExtensions(body)
		case wire.TypeCertificateRequest:
			c.Request = true
		case wire.TypeCertificate:
			c.Cert, err = wire.ParseCertificate13(body)
		case wire.TypeCertificateVerify:
			if len(body) < 2 {
				err = wire.ErrMalformed
			} else {
				c.Scheme = wire.SignatureScheme(body[0])<<8 | wire.SignatureScheme(body[1])
			}
		case wire.TypeFinished:
			if !hmac.Equal(body, c.keys.finished(server)) {
				return errors.New("the server's Finished is wrong")
			}
			c.keys.transcript.Write(raw)
			return c.answer(client)
		default:
			return unexpected(raw)
		}
		if err != nil {
			return err
		}
		c.keys.transcript.Write(raw)
	}
}

func (c *Client13) answer(client []byte) error {
	handshake := c.keys
	c.keys.extract(nil)
	cap, sap := c.keys.traffic("c ap traffic"), c.keys.traffic("s ap traffic")
	if c.Request { // we have none
		none := wire.Handshake(wire.TypeCertificate, []byte{0, 0, 0, 0})
		if err := c.write(wire.RecordHandshake, none); err != nil {
			return err
		}
		c.keys.transcript.Write(none)
	}
	mine := wire.Handshake(wire.TypeFinished, handshake.finished(client))
	if err := c.write(wire.RecordHandshake, mine); err != nil {
		return err
	}
	var err error
	if c.in, err = c.keys.cipher(c.Hello.Suite, sap); err != nil {
		return err
	}
	c.out, err = c.keys.cipher(c.Hello.Suite, cap)
	return err
}

func unexpected(raw []byte) error { return fmt.Errorf("message %d came out of turn", raw[0]) }

// message returns the next handshake message.
func (c *Client13) message() ([]byte, error) {
	for {
		if raw, ok := c.messages.Next(); ok {
			return raw, nil
		}
		typ, data, err := c.read()
		if err != nil {
			return nil, err
		}
		if typ != wire.RecordHandshake {
			return nil, fmt.Errorf("a record of type %d came in the handshake", typ)
		}
		if err := c.messages.Add(data); err != nil {
			return nil, err
		}
	}
}

// read returns the next record's content; an alert is an error.
func (c *Client13) read() (byte, []byte, error) {
	for range 64 {
		rec, err := wire.ReadRecord(c.conn)
		if err != nil {
			return 0, nil, err
		}
		typ, data := rec.Type, rec.Data
		if typ == wire.RecordCCS {
			continue
		}
		if c.in != nil && typ == wire.RecordData {
			if data, err = c.in.open13(data); err != nil {
				return 0, nil, err
			}
			for len(data) > 0 && data[len(data)-1] == 0 {
				data = data[:len(data)-1]
			}
			if len(data) == 0 {
				return 0, nil, wire.ErrMalformed
			}
			typ, data = data[len(data)-1], data[:len(data)-1]
		}
		if typ == wire.RecordAlert {
			a, err := wire.ReadAlert(data)
			if err != nil {
				return 0, nil, err
			}
			if a.Description == 0 {
				return 0, nil, io.EOF
			}
			return 0, nil, a
		}
		return typ, data, nil
	}
	return 0, nil, wire.ErrTooMuch
}

func (c *Client13) write(typ byte, data []byte) error {
	var out []byte
	if !c.changedCS { // as middle boxes expect it
		out = append(out, wire.RecordCCS, 3, 3, 0, 1, 1)
		c.changedCS = true
	}
	out = append(out, c.out.seal13(append(data[:len(data):len(data)], typ))...)
	_, err := c.conn.Write(out)
	return err
}

// Write sends application data.
func (c *Client13) Write(p []byte) (int, error) {
	return writeData(p, c.write)
}

// writeData sends application data in as many records as it takes.
func writeData(p []byte, write func(typ byte, data []byte) error) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), wire.MaxPlain)
		if err := write(wire.RecordData, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// Read returns application data, and keeps the tickets that come between.
func (c *Client13) Read(p []byte) (int, error) {
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
		switch typ {
		case wire.RecordData:
			c.plain = data
		case wire.RecordHandshake:
			if err := c.messages.Add(data); err != nil {
				return 0, err
			}
			for raw, ok := c.messages.Next(); ok; raw, ok = c.messages.Next() {
				if raw[0] != wire.TypeNewSessionTicket {
					continue
				}
				if t, err := wire.ParseTicket13(raw[4:]); err == nil && len(c.Tickets) < 8 {
					c.Tickets = append(c.Tickets, t)
				}
			}
		default:
			return 0, fmt.Errorf("a record of type %d came among data", typ)
		}
	}
	return 0, wire.ErrTooMuch
}
