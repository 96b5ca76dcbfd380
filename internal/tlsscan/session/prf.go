package session

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// pHash is P_hash of RFC 5246 section 5.
func pHash(out, secret, seed []byte, h func() hash.Hash) {
	m := hmac.New(h, secret)
	m.Write(seed)
	a := m.Sum(nil)
	for len(out) > 0 {
		m.Reset()
		m.Write(a)
		m.Write(seed)
		out = out[copy(out, m.Sum(nil)):]
		m.Reset()
		m.Write(a)
		a = m.Sum(nil)
	}
}

// suiteHash is the hash of TLS 1.2's PRF.
func suiteHash(s wire.Suite) func() hash.Hash {
	if s.Kind().MAC == "SHA384" {
		return sha512.New384
	}
	return sha256.New
}

func prf(v wire.Version, s wire.Suite, secret []byte, label string, seed []byte, n int) []byte {
	if v <= wire.SSL3 {
		return spread(secret, seed, n)
	}
	out := make([]byte, n)
	seed = append([]byte(label), seed...)
	if v >= wire.TLS12 {
		pHash(out, secret, seed, suiteHash(s))
		return out
	}
	half := (len(secret) + 1) / 2
	other := make([]byte, n)
	pHash(out, secret[:half], seed, md5.New)
	pHash(other, secret[len(secret)-half:], seed, sha1.New)
	for i := range out {
		out[i] ^= other[i]
	}
	return out
}

// finished is the content of a Finished after the transcript.
func finished(v wire.Version, s wire.Suite, master, transcript []byte, client bool) []byte {
	label, sender := "server finished", "SRVR"
	if client {
		label, sender = "client finished", "CLNT"
	}
	if v <= wire.SSL3 {
		return finished3(transcript, master, sender)
	}
	return prf(v, s, master, label, digest(v, s, transcript), 12)
}

// digest is the hash of the handshake so far.
func digest(v wire.Version, s wire.Suite, transcript []byte) []byte {
	if v >= wire.TLS12 {
		h := suiteHash(s)()
		h.Write(transcript)
		return h.Sum(nil)
	}
	m, t := md5.Sum(transcript), sha1.Sum(transcript)
	return append(m[:], t[:]...)
}
