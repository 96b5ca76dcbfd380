package cookie

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/panoplysec/panoply/guard"
)

// minSealKey is the least length of a secret in SealerOptions.Keys: 128 bits.
const minSealKey = 16

const (
	sealIDSize    = 4  // which key, in clear
	sealNonceSize = 24 // of XAES-256-GCM
	sealTagSize   = 16

	sealDerivedSize = 32 // of the key for AES-256-GCM
)

// SealOverhead is how many bytes sealing adds before base64: the key's id, the nonce
// and the tag.
const SealOverhead = sealIDSize + sealNonceSize + sealTagSize

// sealText is the only spelling that is read: no padding, no stray bits at the end.
var sealText = base64.RawURLEncoding.Strict()

// SealedLen returns the length of the text that [Sealer.Seal] appends for n bytes. It
// depends on nothing else, so the length of what was sealed can be read off a cookie.
func SealedLen(n int) int { return sealText.EncodedLen(SealOverhead + n) }

// SealerOptions configure a [Sealer].
type SealerOptions struct {
	// Keys are the secrets: the first seals, all open. Each is 16 bytes or more that
	// nobody can guess; use 32 random ones, never a password. At least one is required.
	// To rotate, put the new one in front where every process already opens with it,
	// and drop the old one when no sealed value that is still wanted can be older.
	Keys [][]byte
	// Use says what the values are for, such as "session", and is part of every key: a
	// value sealed for one use never opens for another, even with the same secret.
	// Empty is a use of its own.
	Use string
}

// A Sealer encrypts and authenticates cookie values, so that a client can keep one but
// neither read it nor change it nor put it under another cookie's name. It is safe for
// concurrent use.
//
// It does not stop a client from bringing an older value back, nor two clients from
// sharing one: put a time or a server-side id inside when that matters. The length of
// the plain text shows.
//
// Each secret and Use give a key and its id by HKDF-SHA-256. A value is the id, a
// random nonce of 24 bytes, and the text under XAES-256-GCM with the cookie's name as
// additional data, in base64 of the URL alphabet. The first half of the nonce, from
// which XAES-256-GCM derives the key of AES-256-GCM, serves up to 256 values in a row;
// the second is fresh for each. So one key seals 2^57 values before the chance that
// any two share a nonce comes to 2^-32: a million a second for 4,000 years.
//
// Sources: C2SP XAES-256-GCM, NIST SP 800-38D, NIST SP 800-108r1, RFC 5869, RFC 4648
// section 5.
type Sealer struct {
	keys    []sealKey
	sealing atomic.Pointer[sealing]
	opened  [64]atomic.Pointer[opening] // by the first byte of half: what opened lately
}

// opening is a cipher that has opened a value. Values of one sealing share it, and a
// client brings the same value many times.
type opening struct {
	key  *sealKey
	half [sealNonceSize / 2]byte
	gcm  cipher.AEAD
}

// sealing is the first half of a nonce and the cipher derived from it. Deriving is half
// of the cost of sealing a session, so a few values in a row share it.
type sealing struct {
	half [sealNonceSize / 2]byte
	gcm  cipher.AEAD
	left atomic.Int32
}

// sealRun is how many values share a sealing.
const sealRun = 256

// sealKey is one secret made ready.
type sealKey struct {
	id    [sealIDSize]byte
	block cipher.Block
	k1    [aes.BlockSize]byte // the CMAC subkey
}

// NewSealer returns an error that joins one [guard.OptionError] for each wrong option.
// The secrets are copied.
func NewSealer(o SealerOptions) (*Sealer, error) {
	p := guard.Problems{Package: "cookie"}
	if len(o.Keys) == 0 {
		p.Add("Sealer.Keys", "", "one key or more", "")
	}
	s := &Sealer{keys: make([]sealKey, 0, len(o.Keys))}
	for i, secret := range o.Keys {
		field := fmt.Sprintf("Sealer.Keys[%d]", i)
		if len(secret) < minSealKey {
			p.Add(field, strconv.Itoa(len(secret))+" bytes", fmt.Sprintf("%d bytes or more", minSealKey), "use 32 random bytes")
			continue
		}
		for j, earlier := range o.Keys[:i] {
			if bytes.Equal(earlier, secret) {
				p.Add(field, strconv.Itoa(len(secret))+" bytes", "different from every other key", fmt.Sprintf("it is the same as Keys[%d]", j))
				break
			}
		}
		okm, err := hkdf.Key(sha256.New, secret, nil, "panoply sealed cookie 1\x00"+o.Use, 32+sealIDSize)
		if err != nil {
			p.Note(fmt.Errorf("cookie: deriving from %s: %w", field, err))
			continue
		}
		k, err := newSealKey(okm[:32], [sealIDSize]byte(okm[32:]))
		if err != nil {
			p.Note(fmt.Errorf("cookie: making a cipher of %s: %w", field, err))
			continue
		}
		s.keys = append(s.keys, k)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// newSealKey takes the 32 bytes of a key of XAES-256-GCM.
func newSealKey(key []byte, id [sealIDSize]byte) (sealKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealKey{}, err
	}
	k := sealKey{id: id, block: block}
	block.Encrypt(k.k1[:], k.k1[:])
	// Doubling in GF(2^128), without a branch on the secret.
	var carry byte
	for i := len(k.k1) - 1; i >= 0; i-- {
		carry, k.k1[i] = k.k1[i]>>7, k.k1[i]<<1|carry
	}
	k.k1[len(k.k1)-1] ^= carry * 0x87
	return k, nil
}

// aead returns the AES-256-GCM of the nonces that begin with half. derived is room for
// its key, which is cleared.
func (k *sealKey) aead(half, derived []byte) (cipher.AEAD, error) {
	for counter := range 2 {
		m := derived[counter*aes.BlockSize:][:aes.BlockSize]
		copy(m, k.k1[:])
		m[1] ^= byte(counter + 1)
		m[2] ^= 'X'
		for i, b := range half {
			m[4+i] ^= b
		}
		k.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(derived)
	clear(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// next returns what the next value is sealed with.
func (s *Sealer) next() *sealing {
	if g := s.sealing.Load(); g != nil && g.left.Add(-1) >= 0 {
		return g
	}
	g := &sealing{}
	// Read cannot fail: it ends the program where no random bytes are to be had.
	rand.Read(g.half[:])
	gcm, err := s.keys[0].aead(g.half[:], make([]byte, sealDerivedSize))
	if err != nil {
		// The lengths are ours, so this is the program's error, never the input's.
		panic("cookie: sealing: " + err.Error())
	}
	g.gcm = gcm
	g.left.Store(sealRun - 1)
	s.sealing.Store(g)
	return g
}

// Seal appends plain, sealed for the cookie called name, to dst and returns the longer
// slice. What it appends is [SealedLen](len(plain)) bytes of A-Z, a-z, 0-9, '-' and '_'.
// Sealing the same bytes twice gives different text. plain must not overlap the room
// behind dst.
func (s *Sealer) Seal(dst []byte, name string, plain []byte) []byte {
	size := SealOverhead + len(plain)
	end := len(dst) + sealText.EncodedLen(size)
	// One allocation for the text and, behind it, for what makes it.
	dst = slices.Grow(dst, end-len(dst)+size+len(name))
	work := dst[end:cap(dst)]
	raw, ad := work[:size], work[size:][:len(name)]
	copy(ad, name)

	g := s.next()
	copy(raw, s.keys[0].id[:])
	nonce := raw[sealIDSize:][:sealNonceSize]
	copy(nonce, g.half[:])
	rand.Read(nonce[len(g.half):])
	g.gcm.Seal(raw[:sealIDSize+sealNonceSize], nonce[len(g.half):], plain, ad)
	sealText.Encode(dst[len(dst):end], raw)
	return dst[:end]
}

// Open appends to dst what [Sealer.Seal] was given and returns the longer slice, and
// which of the keys opened it: above 0 the value is to be sealed anew. When ok is false
// the value was not sealed for this name and use by any of the keys, or was changed
// since; dst is then returned as it was. It never fails otherwise, whatever value is,
// and takes time and room in proportion to its length.
func (s *Sealer) Open(dst []byte, name, value string) (plain []byte, key int, ok bool) {
	size := sealText.DecodedLen(len(value))
	// Decode skips line breaks: text that has one is longer than its bytes need, and so
	// is text whose last group is one character.
	if size < SealOverhead || sealText.EncodedLen(size) != len(value) {
		return dst, 0, false
	}
	var id [6]byte // what 8 characters hold
	if n, err := sealText.Decode(id[:], []byte(value[:8])); err != nil || n != len(id) {
		return dst, 0, false
	}
	for i := range s.keys {
		k := &s.keys[i]
		if [sealIDSize]byte(id[:]) != k.id {
			continue
		}
		// Two secrets may share an id, and a failed try leaves nothing of the text.
		if plain, ok := s.open(k, dst, name, value, size); ok {
			return plain, i, true
		}
	}
	return dst, 0, false
}

func (s *Sealer) open(k *sealKey, dst []byte, name, value string, size int) ([]byte, bool) {
	begin := len(dst)
	// One allocation for the bytes, the text they are read from and what opens them.
	grown := slices.Grow(dst, size+sealDerivedSize+len(name)+len(value))
	work := grown[begin:cap(grown)]
	raw, derived, ad := work[:size], work[size:][:sealDerivedSize], work[size+sealDerivedSize:][:len(name)]
	encoded := work[size+sealDerivedSize+len(name):][:len(value)]
	copy(ad, name)
	copy(encoded, value)
	if n, err := sealText.Decode(raw, encoded); err != nil || n != size {
		return nil, false
	}
	nonce, text := raw[sealIDSize:][:sealNonceSize], raw[sealIDSize+sealNonceSize:]
	half := [sealNonceSize / 2]byte(nonce)
	place := &s.opened[half[0]%byte(len(s.opened))]
	o := place.Load()
	known := o != nil && o.key == k && o.half == half
	if !known {
		gcm, err := k.aead(half[:], derived)
		if err != nil {
			return nil, false
		}
		o = &opening{key: k, half: half, gcm: gcm}
	}
	text, err := o.gcm.Open(text[:0], nonce[sealNonceSize/2:], text, ad)
	if err != nil {
		return nil, false
	}
	if !known { // a forged value has no place here
		place.Store(o)
	}
	end := begin + copy(work, text)
	clear(work[end-begin : size])
	return grown[:end], true
}
