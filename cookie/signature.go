package cookie

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// signatureLen is the length of an HMAC-SHA256 in base64 without padding.
const signatureLen = 43

// Sign returns value + "." + signature as the npm package cookie-signature does:
// HMAC-SHA256 over the value in standard base64 without padding.
func Sign(value string, secret []byte) string {
	return value + "." + signature(value, secret)
}

func signature(value string, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(value))
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify splits signed at its last dot and returns the value and the index of the first
// secret that signed it. With ok false both are zero. The comparison takes the same
// time wherever a forgery differs; only the one spelling that Sign writes is accepted.
func Verify(signed string, secrets ...[]byte) (value string, index int, ok bool) {
	dot := strings.LastIndexByte(signed, '.')
	if dot < 0 {
		return "", 0, false
	}
	value, given := signed[:dot], signed[dot+1:]
	for i, secret := range secrets {
		if subtle.ConstantTimeCompare([]byte(signature(value, secret)), []byte(given)) == 1 {
			return value, i, true
		}
	}
	return "", 0, false
}

// EncodeSigned returns the cookie value that express-session and cookie-parser write:
// "s:" and the signed value, percent-encoded.
func EncodeSigned(value string, secret []byte) string {
	return encodeURIComponent("s:" + Sign(value, secret))
}

// DecodeSigned reads a raw cookie value that EncodeSigned wrote, as express-session
// reads it: through [Decode], with the prefix "s:" required. Express-session takes an
// empty value for no session; cookie-parser does not, so it is returned with ok true.
func DecodeSigned(raw string, secrets ...[]byte) (value string, index int, ok bool) {
	signed, ok := strings.CutPrefix(Decode(raw), "s:")
	if !ok {
		return "", 0, false
	}
	return Verify(signed, secrets...)
}

// looksSigned tells whether a raw value has the shape that EncodeSigned writes: "s:",
// anything, a dot and 43 characters of base64.
func looksSigned(raw string) bool {
	if !strings.HasPrefix(raw, "s%3A") && !strings.HasPrefix(raw, "s:") && !strings.HasPrefix(raw, "s%3a") {
		return false
	}
	decoded := Decode(raw)
	dot := strings.LastIndexByte(decoded, '.')
	if dot < 2 || len(decoded)-dot-1 != signatureLen {
		return false
	}
	for _, c := range []byte(decoded[dot+1:]) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}
