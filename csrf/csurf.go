package csrf

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/internal/body"
)

// csurfHashLen is the length of SHA-1 in base64 without padding.
const csurfHashLen = 27

// TokenizeCsurf returns the token that csurf 1.11 (csrf 3.1) makes of a secret and a salt:
//
//	salt + "-" + base64url(SHA-1(salt + "-" + secret))
//
// It is for tests and for apps in transition; [Guard.Token] makes better ones. As JavaScript
// does there, it hashes the low byte of each UTF-16 unit: beyond Latin-1 secrets collide.
func TokenizeCsurf(secret, salt string) string {
	var out [csurfHashLen]byte
	csurfHash(&out, secret, salt)
	return salt + "-" + string(out[:])
}

// VerifyCsurf tells whether csurf 1.11 takes a token with a secret. An empty secret has no
// tokens. It takes the same time for every token of one length.
func VerifyCsurf(secret, token string) bool {
	salt, sum, found := strings.Cut(token, "-")
	if secret == "" || !found || len(sum) != csurfHashLen {
		return false
	}
	var want, got [csurfHashLen]byte
	csurfHash(&want, secret, salt)
	copy(got[:], sum)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

func csurfHash(out *[csurfHashLen]byte, secret, salt string) {
	var room [128]byte // more than real ones take
	text := appendLowBytes(room[:0], salt)
	text = append(text, '-')
	text = appendLowBytes(text, secret)
	sum := sha1.Sum(text)
	base64.RawURLEncoding.Encode(out[:], sum[:])
}

// appendLowBytes appends the low byte of each UTF-16 unit of s, which is what Node calls
// 'ascii'.
func appendLowBytes(b []byte, s string) []byte {
	for _, c := range s {
		if c > 0xffff {
			c -= 0x10000
			b = append(b, byte(c>>10)) // the high surrogate: its own bits are above these
			c &= 0x3ff
		}
		b = append(b, byte(c))
	}
	return b
}

var csurfHeaders = [...]string{"Csrf-Token", "Xsrf-Token", "X-Csrf-Token", "X-Xsrf-Token"}

// csurfToken returns the token that csurf would read. What is there and no text, such as a
// list, hides what would come later, and is good for nothing: it is "".
func (t *tokens) csurfToken(r *http.Request) (token string, there bool) {
	if token, there = t.csurfBody(r); there {
		return token, true
	}
	if r.URL != nil && r.URL.RawQuery != "" {
		if token, there = oneOf(r.URL.Query()); there {
			return token, true
		}
	}
	for _, name := range csurfHeaders {
		switch values := r.Header[name]; {
		case len(values) > 1:
			return "", true // Node joins them
		case len(values) == 1 && values[0] != "":
			return values[0], true
		}
	}
	return "", false
}

const csurfField = "_csrf"

func (t *tokens) csurfBody(r *http.Request) (token string, there bool) {
	form, isJSON := holds(r.Header)
	switch {
	case len(r.PostForm[csurfField]) > 0:
		return oneOf(r.PostForm)
	case !form && !isJSON:
		return "", false
	}
	b, err := body.Look(r, t.maxBody)
	if err != nil {
		return "", false
	}
	if form {
		// With an error come the fields before it, and to take fewer than csurf does is safe.
		values, _ := b.Form()
		return oneOf(values)
	}
	members, err := b.JSON()
	if err != nil {
		return "", false // not seen whole, or what Node refuses
	}
	if token = members[csurfField]; token != "" {
		return token, true
	}
	return "", otherMember(b.Bytes)
}

// oneOf returns the one value of the field; "_csrf[]" and the like make a list or an object.
func oneOf(values map[string][]string) (token string, there bool) {
	for name := range values {
		if strings.HasPrefix(name, csurfField+"[") {
			return "", true
		}
	}
	switch found := values[csurfField]; {
	case len(found) > 1:
		return "", true
	case len(found) == 1 && found[0] != "":
		return found[0], true
	}
	return "", false
}

// otherMember tells whether a JSON object has a _csrf that is no text and that JavaScript
// takes for true.
func otherMember(text []byte) bool {
	var members map[string]any
	if json.Unmarshal(text, &members) != nil {
		return false
	}
	switch v := members[csurfField].(type) {
	case nil, string:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	}
	return true
}
