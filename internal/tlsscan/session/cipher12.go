package session

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A protection seals and opens the records of one direction.
type protection interface {
	seal(typ byte, v wire.Version, plain []byte) []byte
	open(typ byte, v wire.Version, data []byte) ([]byte, error)
}

var errMAC = errors.New("a record of the server has a wrong MAC")

// sizes are the bytes of MAC, key and IV that a suite takes from the key block.
func sizes(s wire.Suite) (mac, key, iv int, ok bool) {
	k := s.Kind()
	switch k.Cipher {
	case "CHACHA20_POLY1305":
		return 0, 32, 12, true
	case "RC4_128":
		key = 16
	case "RC4_40":
		key = 5
	case "RC4_56":
		key = 7
	case "NULL":
	default:
		b, mode, known := blockOf(k.Cipher)
		if !known {
			return 0, 0, 0, false
		}
		if mode != "CBC" {
			return 0, b.key, 4, true
		}
		key, iv = b.key, b.size
	}
	h := macHash(k.MAC)
	if h == nil {
		return 0, 0, 0, false
	}
	return h().Size(), key, iv, true
}

func macHash(name string) func() hash.Hash {
	switch name {
	case "MD5":
		return md5.New
	case "SHA":
		return sha1.New
	case "SHA256":
		return sha256.New
	case "SHA384":
		return sha512.New384
	}
	return nil
}

// Computes12 says that this package can make a connection with the suite.
func Computes12(s wire.Suite) bool {
	_, _, _, ok := sizes(s)
	x := s.Kind().Exchange
	return ok && (x == "RSA" || x == "ECDHE" || x == "DHE" || s.StaticECDH() || s.Anonymous() && (s.Elliptic() || s.DiffieHellman()))
}

func newProtection(v wire.Version, s wire.Suite, mac, key, iv []byte, read bool) (protection, error) {
	k := s.Kind()
	maker, mode, known := blockOf(k.Cipher)
	if known && mode != "CBC" || k.Cipher == "CHACHA20_POLY1305" {
		a, err := newAEAD(k.Cipher, key)
		return &aeadState{aead: a, iv: iv, explicit: len(iv) == 4}, err
	}
	m := &macState{mac: hmac.New(macHash(k.MAC), mac)}
	if v <= wire.SSL3 {
		m.mac = newMAC3(macHash(k.MAC), mac)
	}
	if !known {
		var err error
		if strings.HasPrefix(k.Cipher, "RC4") {
			m.stream, err = rc4.NewCipher(key)
		}
		return m, err
	}
	b, err := maker.make(key)
	if err != nil {
		return nil, err
	}
	m.size = b.BlockSize()
	m.block = b
	if read {
		m.chain = cipher.NewCBCDecrypter(b, iv)
	} else {
		m.chain = cipher.NewCBCEncrypter(b, iv)
	}
	return m, nil
}

// macState is a stream, a block or no cipher, with the MAC before it.
type macState struct {
	mac    hash.Hash
	seq    uint64
	stream cipher.Stream
	block  cipher.Block
	chain  cipher.BlockMode
	size   int
}

func (m *macState) sum(typ byte, v wire.Version, plain []byte) []byte {
	m.mac.Reset()
	m.mac.Write(additional(m.seq, typ, v, len(plain)))
	m.mac.Write(plain)
	m.seq++
	return m.mac.Sum(nil)
}

func (m *macState) seal(typ byte, v wire.Version, plain []byte) []byte {
	out := append(plain[:len(plain):len(plain)], m.sum(typ, v, plain)...)
	switch {
	case m.stream != nil:
		m.stream.XORKeyStream(out, out)
	case m.block != nil:
		pad := m.size - len(out)%m.size
		for range pad {
			out = append(out, byte(pad-1))
		}
		if v < wire.TLS11 {
			m.chain.CryptBlocks(out, out)
			break
		}
		iv := make([]byte, m.size, m.size+len(out))
		rand.Read(iv)
		cipher.NewCBCEncrypter(m.block, iv).CryptBlocks(out, out)
		out = append(iv, out...)
	}
	return out
}

// open checks padding and MAC without care for timing: there is no secret to guard.
func (m *macState) open(typ byte, v wire.Version, data []byte) ([]byte, error) {
	switch {
	case m.stream != nil:
		m.stream.XORKeyStream(data, data)
	case m.block != nil:
		if len(data) == 0 || len(data)%m.size != 0 {
			return nil, wire.ErrMalformed
		}
		if v < wire.TLS11 {
			m.chain.CryptBlocks(data, data)
		} else {
			cipher.NewCBCDecrypter(m.block, data[:m.size]).CryptBlocks(data[m.size:], data[m.size:])
			if data = data[m.size:]; len(data) == 0 {
				return nil, wire.ErrMalformed
			}
		}
		pad := int(data[len(data)-1]) + 1
		if pad > len(data) {
			return nil, errMAC
		}
		data = data[:len(data)-pad]
	}
	n := len(data) - m.mac.Size()
	if n < 0 || !hmac.Equal(data[n:], m.sum(typ, v, data[:n])) {
		return nil, errMAC
	}
	return data[:n], nil
}
