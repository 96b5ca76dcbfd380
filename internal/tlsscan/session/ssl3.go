package session

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"hash"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// SSLv3 derives, hashes and authenticates by MD5 and SHA-1 in ways of its own (RFC 6101
// sections 5.2.3, 5.6.9, 6.1 and 6.2).

// spread makes n bytes of a secret and a seed.
func spread(secret, seed []byte, n int) []byte {
	var out []byte
	for i := 1; len(out) < n; i++ {
		t := sha1.New()
		t.Write(bytes.Repeat([]byte{byte('A' + i - 1)}, i))
		t.Write(secret)
		t.Write(seed)
		m := md5.New()
		m.Write(secret)
		m.Write(t.Sum(nil))
		out = m.Sum(out)
	}
	return out[:n]
}

// padding is how long the pads beside a hash are.
func padding(h hash.Hash) int {
	if h.Size() == md5.Size {
		return 48
	}
	return 40
}

// finished3 is the content of a Finished; sender is CLNT or SRVR.
func finished3(transcript, master []byte, sender string) []byte {
	var out []byte
	for _, h := range []func() hash.Hash{md5.New, sha1.New} {
		inner, outer := h(), h()
		inner.Write(transcript)
		inner.Write([]byte(sender))
		inner.Write(master)
		inner.Write(bytes.Repeat([]byte{0x36}, padding(inner)))
		outer.Write(master)
		outer.Write(bytes.Repeat([]byte{0x5c}, padding(outer)))
		outer.Write(inner.Sum(nil))
		out = outer.Sum(out)
	}
	return out
}

// mac3 is the MAC of records, in the form of a hash.
type mac3 struct {
	hash.Hash
	outer  hash.Hash
	secret []byte
}

func newMAC3(h func() hash.Hash, secret []byte) hash.Hash {
	m := &mac3{Hash: h(), outer: h(), secret: secret}
	m.Reset()
	return m
}

func (m *mac3) Reset() {
	m.Hash.Reset()
	m.Hash.Write(m.secret)
	m.Hash.Write(bytes.Repeat([]byte{0x36}, padding(m.Hash)))
}

func (m *mac3) Sum(b []byte) []byte {
	m.outer.Reset()
	m.outer.Write(m.secret)
	m.outer.Write(bytes.Repeat([]byte{0x5c}, padding(m.outer)))
	m.outer.Write(m.Hash.Sum(nil))
	return m.outer.Sum(b)
}

// exported says how long the keys of an export suite really are: what came from the key
// block is only their secret part.
func exported(s wire.Suite) int {
	k := s.Kind()
	switch {
	case !k.Export:
		return 0
	case k.Cipher == "RC4_40", k.Cipher == "RC4_56":
		return 16
	case k.Cipher == "DES40_CBC":
		return 8
	}
	return 0
}

// export stretches the keys of an export suite and makes vectors that everybody can know
// (RFC 2246 section 6.3.1, RFC 6101 section 6.2.2.1).
func export(v wire.Version, s wire.Suite, client, server, clientRandom, serverRandom []byte, iv int) (ck, sk, ci, si []byte) {
	n := exported(s)
	both := append(bytes.Clone(clientRandom), serverRandom...)
	if v > wire.SSL3 {
		ck, sk = prf(v, s, client, "client write key", both, n), prf(v, s, server, "server write key", both, n)
		block := prf(v, s, nil, "IV block", both, 2*iv)
		return ck, sk, block[:iv], block[iv:]
	}
	turned := append(bytes.Clone(serverRandom), clientRandom...)
	sum := func(parts ...[]byte) []byte { x := md5.Sum(bytes.Join(parts, nil)); return x[:] }
	return sum(client, both)[:n], sum(server, turned)[:n], sum(both)[:iv], sum(turned)[:iv]
}
