// Package weaksecret tells whether a signature was made with a secret that everybody
// tries: one of documentation, tutorials and examples.
//
//	secret, ok := weaksecret.OfSession(value) // the value of a connect.sid
//
// It works offline, on one cookie, as an attacker would who was handed it. What it does
// not find is every other weak secret: a short word of one's own is found by whoever
// tries all of them, and no list holds it.
//
// Sources: cookie-signature 1.2 (HMAC-SHA256 in base64 without padding), keygrip 1.1
// (HMAC-SHA1, or SHA-2, of name=value in base64url without padding), RFC 7515 section 3.1 (JWS).
package weaksecret

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"hash"
	"net/url"
	"strings"
	"sync"
)

//go:embed known.txt
var known string

// maxValue is the longest cookie that is looked at; browsers keep none that is longer.
const maxValue = 8192

var list = sync.OnceValue(func() []string {
	var all []string
	for line := range strings.Lines(known) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
})

var folded = sync.OnceValue(func() map[string]bool {
	all := make(map[string]bool)
	for _, s := range list() {
		all[fold(s)] = true
	}
	return all
})

// fold leaves letters and digits, in lower case: my-secret and "My Secret" are one guess.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// Known says whether a secret is one of those, in any case and with any separators.
func Known(secret string) bool { return len(secret) < 128 && folded()[fold(secret)] }

// OfSession returns the secret of an express-session cookie's value, escaped or not:
// s:ID.SIGNATURE.
func OfSession(value string) (secret string, ok bool) {
	if len(value) > maxValue {
		return "", false
	}
	if plain, err := url.QueryUnescape(strings.ReplaceAll(value, "+", "%2B")); err == nil {
		value = plain
	}
	value, ok = strings.CutPrefix(value, "s:")
	at := strings.LastIndexByte(value, '.')
	if !ok || at < 0 {
		return "", false
	}
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value[at+1:], "="))
	if err != nil {
		return "", false
	}
	return guess(sha256.New, value[:at], sum)
}

// OfKeygrip returns the secret of a cookie that has its signature beside it, in the
// cookie name.sig, as cookie-session and Koa make it.
func OfKeygrip(name, value, signature string) (secret string, ok bool) {
	if len(name)+len(value) > maxValue {
		return "", false
	}
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return "", false
	}
	// The algorithm is Keygrip's to choose, and the length of its sum tells which it is.
	made := map[int]func() hash.Hash{sha1.Size: sha1.New, sha256.Size: sha256.New, sha512.Size384: sha512.New384, sha512.Size: sha512.New}[len(sum)]
	if made == nil {
		return "", false
	}
	return guess(made, name+"="+value, sum)
}

// OfToken returns the secret of a JSON Web Token that is signed by HMAC.
func OfToken(token string) (secret string, ok bool) {
	head, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || len(token) > maxValue || strings.Contains(signature, ".") {
		return "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return "", false
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if json.Unmarshal(text, &header) != nil {
		return "", false
	}
	made := map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[header.Alg]
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	if made == nil || err != nil {
		return "", false
	}
	return guess(made, head+"."+body, sum)
}

// guess tries the list.
func guess(made func() hash.Hash, text string, sum []byte) (string, bool) {
	if len(sum) != made().Size() {
		return "", false
	}
	for _, secret := range list() {
		mac := hmac.New(made, []byte(secret))
		mac.Write([]byte(text))
		if hmac.Equal(mac.Sum(nil), sum) {
			return secret, true
		}
	}
	return "", false
}
