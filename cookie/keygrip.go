package cookie

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// KeygripOptions are the arguments of the npm package keygrip, in its words.
type KeygripOptions struct {
	// Keys are the secrets: the first signs, all verify. At least one is required.
	Keys [][]byte
	// Algorithm is the hash of the HMAC: "sha1" (the default, as keygrip's), "sha256",
	// "sha384", "sha512", or "md5" for applications that still say so. In any case.
	Algorithm string
	// Encoding is "base64" (the default) or "hex".
	Encoding string
}

// A Keygrip signs as the npm packages keygrip, cookies and cookie-session do. It is
// safe for concurrent use.
type Keygrip struct {
	keys   [][]byte
	hash   func() hash.Hash
	encode func([]byte) string
}

// NewKeygrip returns an error that joins one [guard.OptionError] for each wrong option.
func NewKeygrip(o KeygripOptions) (*Keygrip, error) {
	p := guard.Problems{Package: "cookie"}
	k := &Keygrip{}
	if len(o.Keys) == 0 {
		p.Add("Keygrip.Keys", "", "one key or more", "")
	}
	for i, key := range o.Keys {
		if len(key) == 0 {
			p.Add(fmt.Sprintf("Keygrip.Keys[%d]", i), "", "not empty", "anybody could sign; is its environment variable set?")
		}
		k.keys = append(k.keys, append([]byte(nil), key...))
	}
	switch strings.ToLower(o.Algorithm) {
	case "", "sha1":
		k.hash = sha1.New
	case "sha256":
		k.hash = sha256.New
	case "sha384":
		k.hash = sha512.New384
	case "sha512":
		k.hash = sha512.New
	case "md5":
		k.hash = md5.New
	default:
		p.Add("Keygrip.Algorithm", o.Algorithm, "sha1, sha256, sha384, sha512 or md5", "")
	}
	switch o.Encoding {
	case "", "base64":
		k.encode = base64.RawURLEncoding.EncodeToString
	case "hex":
		k.encode = hex.EncodeToString
	default:
		p.Add("Keygrip.Encoding", o.Encoding, "base64 or hex", "")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return k, nil
}

// Sign returns the signature of data by the first key: base64 in the URL alphabet
// without padding, or hex. For a cookie, data is name + "=" + value, and the
// signature travels in a second cookie called name + ".sig".
func (k *Keygrip) Sign(data string) string { return k.sign(data, k.keys[0]) }

func (k *Keygrip) sign(data string, key []byte) string {
	mac := hmac.New(k.hash, key)
	mac.Write([]byte(data))
	return k.encode(mac.Sum(nil))
}

// Index returns which key made the signature, or -1. Above 0 an application signs
// anew. The comparison takes the same time wherever a forgery differs.
func (k *Keygrip) Index(data, signature string) int {
	for i, key := range k.keys {
		if subtle.ConstantTimeCompare([]byte(k.sign(data, key)), []byte(signature)) == 1 {
			return i
		}
	}
	return -1
}

// Verify tells whether any of the keys made the signature.
func (k *Keygrip) Verify(data, signature string) bool { return k.Index(data, signature) >= 0 }
