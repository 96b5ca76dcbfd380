package limit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
)

// KeySize is the least length of a secret, in bytes.
const KeySize = 16

// A Hasher turns what is counted (an address, a user's name) into Keys that tell nobody
// what it was. It is safe for concurrent use.
type Hasher struct {
	seed   maphash.Seed
	secret []byte // nil: the seed, which is this process's
}

// NewHasher makes a Hasher. Without a secret its keys mean something in this process only
// and are fastest to make; with one they are the same wherever it is the same. The secret
// is at least KeySize bytes; Options.Secret is checked by New.
func NewHasher(secret []byte) *Hasher {
	h := &Hasher{}
	if len(secret) == 0 {
		h.seed = maphash.MakeSeed()
		return h
	}
	// A block of its own: what follows starts on a fresh one.
	sum := sha256.Sum256(append([]byte("panoply limit keys/1\x00"), secret...))
	h.secret = sum[:]
	return h
}

// A Subject is the hash of what is counted. Rule.Key makes the Key of a policy from it.
type Subject struct{ tag, id uint64 }

// Subject hashes s: with a secret by SHA-256 over secret and s, cut to half its length, so
// that nothing can be appended.
func (h *Hasher) Subject(s string) Subject {
	if h.secret == nil {
		sum := maphash.String(h.seed, s)
		return Subject{sum, sum} // one process's keys are few enough for 64 bits
	}
	var buf [192]byte
	return keyed(append(append(buf[:0], h.secret...), s...))
}

// subject is Subject for a text that is not a string.
func (h *Hasher) subject(b []byte) Subject {
	if h.secret == nil {
		sum := maphash.Bytes(h.seed, b)
		return Subject{sum, sum}
	}
	var buf [192]byte
	return keyed(append(append(buf[:0], h.secret...), b...))
}

func keyed(text []byte) Subject {
	sum := sha256.Sum256(text)
	return Subject{binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])}
}

// Key is the key of a subject under a policy. Its Tag is the subject's, so that all
// policies of one subject can be asked at once.
func (r *Rule) Key(s Subject) Key { return Key{Tag: s.tag, ID: mix64(s.id + r.salt)} }

// KeyAt is Key with a Tag of the caller's, for decisions on more than one subject.
func (r *Rule) KeyAt(tag uint64, s Subject) Key {
	// Both halves: what a Tag of the subject's own would have told apart is in the ID.
	return Key{Tag: tag, ID: mix64(mix64(s.id+r.salt) ^ s.tag)}
}

// mix64 spreads every bit over all (the finalizer of SplitMix64); it loses none.
func mix64(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
