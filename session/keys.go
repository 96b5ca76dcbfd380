package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sync"
)

const (
	idLen    = 32 // 256 bits
	macLen   = 16
	tokenLen = (idLen + macLen) / 3 * 4 // in base64url, without padding
	minKey   = 32
)

// A prf is HMAC-SHA256 under one derived key. Its state is reused: setting one up costs
// more than a message.
type prf struct{ pool sync.Pool }

type prfState struct {
	h   hash.Hash
	sum [sha256.Size]byte
}

// derive makes a key for one use, so that no output means anything elsewhere.
func derive(secret []byte, use string) []byte {
	d := hmac.New(sha256.New, secret)
	d.Write([]byte("panoply session/1 " + use))
	return d.Sum(nil)
}

func newPRF(secret []byte, use string) *prf {
	key := derive(secret, use)
	p := &prf{}
	p.pool.New = func() any { return &prfState{h: hmac.New(sha256.New, key)} }
	return p
}

func (p *prf) sum(message []byte) [sha256.Size]byte {
	s := p.pool.Get().(*prfState)
	s.h.Reset()
	s.h.Write(message)
	s.h.Sum(s.sum[:0])
	out := s.sum
	p.pool.Put(s)
	return out
}

// ringKey is one secret of Options.Keys, taken apart by use.
type ringKey struct {
	number uint32 // written into what is sealed, so that opening need not try all
	token  *cmac  // signs the cookie, so that a forged one costs no call to the store
	data   *prf   // makes each session's own key of its id
	label  *prf   // makes the key of a label
	owner  *prf   // names users
	event  *prf   // names sessions in events
}

func newRingKey(secret []byte) *ringKey {
	number := newPRF(secret, "number").sum(nil)
	return &ringKey{
		number: binary.BigEndian.Uint32(number[:]),
		token:  newCMAC(derive(secret, "token")), data: newPRF(secret, "data"), label: newPRF(secret, "label"),
		owner: newPRF(secret, "owner"), event: newPRF(secret, "event"),
	}
}

func newID() (id [idLen]byte) {
	rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

// keyOf names a session in a store. The id is random and long, so a plain hash cannot be
// turned round.
func keyOf(id *[idLen]byte) Key {
	var message [7 + idLen]byte
	copy(message[:], "id to k")
	copy(message[7:], id[:])
	return sha256.Sum256(message[:])
}

// appendToken writes the cookie's value: the id and its signature, for which mac is room.
func (k *ringKey) appendToken(b []byte, id *[idLen]byte, mac *[macLen]byte) []byte {
	var raw [idLen + macLen]byte
	copy(raw[:], id[:])
	k.token.sum(mac, id)
	copy(raw[idLen:], mac[:])
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

// openToken reads what appendToken wrote into id, and tells which key signed it.
func openToken(ring []*ringKey, value string, id *[idLen]byte, mac *[macLen]byte) (index int, ok bool) {
	if len(value) != tokenLen {
		return 0, false
	}
	var raw [idLen + macLen]byte
	var text [tokenLen]byte
	copy(text[:], value)
	// 48 bytes fill 64 characters, so every spelling is the only one of its bytes.
	if _, err := base64.RawURLEncoding.Decode(raw[:], text[:]); err != nil {
		return 0, false
	}
	copy(id[:], raw[:])
	for i, k := range ring {
		k.token.sum(mac, id)
		if subtle.ConstantTimeCompare(mac[:], raw[idLen:]) == 1 {
			return i, true
		}
	}
	return 0, false
}

const (
	nonceLen = 12
	sealHead = 4 + nonceLen
)

// aead makes the cipher of one session: of a secret and of the id, which the store does
// not have. A key seals one session's changes only, so random nonces last.
func aead(p *prf, of []byte) cipher.AEAD {
	key := p.sum(of)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length is that of AES-256
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the block is that of AES
	}
	return gcm
}

// seal returns the number of the key, a nonce and plain, encrypted. Plain is what prefix
// left room for: see sealBuffer.
func seal(number uint32, c cipher.AEAD, plain, bound []byte) []byte {
	b := make([]byte, sealHead, sealHead+len(plain)+c.Overhead())
	binary.BigEndian.PutUint32(b, number)
	rand.Read(b[4:])
	return c.Seal(b, b[4:sealHead], plain, bound)
}

// open undoes seal. A sealed text that was changed, or belongs to another record, is not
// opened.
func open(c cipher.AEAD, sealed, bound []byte) ([]byte, bool) {
	if len(sealed) < sealHead {
		return nil, false
	}
	plain, err := c.Open(nil, sealed[4:sealHead], sealed[sealHead:], bound)
	return plain, err == nil
}

// numberOf returns which key sealed a text.
func numberOf(sealed []byte) (uint32, bool) {
	if len(sealed) < sealHead {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed), true
}

// hashed names a session for a person: keyed, so that a log opens nothing, and the same
// over a session's life.
func (k *ringKey) hashed(key *Key) string {
	sum := k.event.sum(key[:])
	return hex.EncodeToString(sum[:8])
}
