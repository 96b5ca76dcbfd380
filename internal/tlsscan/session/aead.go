package session

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// aeadState is one direction of an AEAD suite.
type aeadState struct {
	aead cipher.AEAD
	iv   []byte
	seq  uint64
	// explicit is for AES-GCM and AES-CCM of TLS 1.2, whose records carry half of the nonce.
	explicit bool
}

func newAEAD(name string, key []byte) (cipher.AEAD, error) {
	if name == "CHACHA20_POLY1305" {
		return chacha20poly1305.New(key)
	}
	maker, mode, ok := blockOf(name)
	if !ok || mode == "CBC" {
		return nil, fmt.Errorf("cipher %s is not computed", name)
	}
	b, err := maker.make(key)
	if err != nil {
		return nil, err
	}
	switch mode {
	case "GCM":
		return cipher.NewGCM(b)
	case "CCM_8":
		return ccm{b, 8}, nil
	}
	return ccm{b, 16}, nil
}

func (s *aeadState) nonce() []byte {
	n := make([]byte, 12)
	copy(n, s.iv)
	if s.explicit {
		binary.BigEndian.PutUint64(n[4:], s.seq)
		return n
	}
	for i := range 8 {
		n[4+i] ^= byte(s.seq >> (56 - 8*i))
	}
	return n
}

func (s *aeadState) seal13(inner []byte) []byte {
	n := len(inner) + s.aead.Overhead()
	h := []byte{wire.RecordData, 3, 3, byte(n >> 8), byte(n)}
	out := s.aead.Seal(h, s.nonce(), inner, h)
	s.seq++
	return out
}

func (s *aeadState) open13(data []byte) ([]byte, error) {
	h := []byte{wire.RecordData, 3, 3, byte(len(data) >> 8), byte(len(data))}
	out, err := s.aead.Open(nil, s.nonce(), data, h)
	s.seq++
	return out, err
}

// additional is what TLS 1.2 and before authenticate beside the text.
func additional(seq uint64, typ byte, v wire.Version, n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, seq)
	if v <= wire.SSL3 {
		return append(b, typ, byte(n>>8), byte(n))
	}
	return append(b, typ, byte(v>>8), byte(v), byte(n>>8), byte(n))
}

func (s *aeadState) seal(typ byte, v wire.Version, plain []byte) []byte {
	nonce := s.nonce()
	var out []byte
	if s.explicit {
		out = append(out, nonce[4:]...)
	}
	out = s.aead.Seal(out, nonce, plain, additional(s.seq, typ, v, len(plain)))
	s.seq++
	return out
}

func (s *aeadState) open(typ byte, v wire.Version, data []byte) ([]byte, error) {
	nonce := s.nonce()
	if s.explicit {
		if len(data) < 8 {
			return nil, wire.ErrMalformed
		}
		copy(nonce[4:], data[:8])
		data = data[8:]
	}
	if len(data) < s.aead.Overhead() {
		return nil, wire.ErrMalformed
	}
	out, err := s.aead.Open(nil, nonce, data, additional(s.seq, typ, v, len(data)-s.aead.Overhead()))
	s.seq++
	return out, err
}
