package csrf

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

// CsrfCsrf are the options that an app gave to csrf-csrf 4, as far as its tokens depend on
// them.
type CsrfCsrf struct {
	// Secrets are what getSecret returns. All are good.
	Secrets []string
	// SessionID is getSessionIdentifier. It has to differ between people: where it is
	// empty, no token is taken. An error refuses with 503.
	SessionID func(*http.Request) (string, error)
	// CookieName is cookieName; empty is "__Host-psifi.x-csrf-token".
	CookieName string
	// Header is the one that getCsrfTokenFromRequest reads; empty is "X-Csrf-Token". Where
	// it reads the body, Field names the field, and Header has to be empty.
	Header, Field string
	// MessageDelimiter and TokenDelimiter are messageDelimiter and csrfTokenDelimiter;
	// empty are "!" and ".".
	MessageDelimiter, TokenDelimiter string
	// Hash is hmacAlgorithm; nil is sha256.New.
	Hash func() hash.Hash
}

func (c CsrfCsrf) effective() CsrfCsrf {
	c.Secrets = slices.Clone(c.Secrets)
	if c.CookieName == "" {
		c.CookieName = "__Host-psifi.x-csrf-token"
	}
	if c.Header == "" && c.Field == "" {
		c.Header = DefaultTokenHeader
	}
	if c.MessageDelimiter == "" {
		c.MessageDelimiter = "!"
	}
	if c.TokenDelimiter == "" {
		c.TokenDelimiter = "."
	}
	if c.Hash == nil {
		c.Hash = sha256.New
	}
	return c
}

func (c *CsrfCsrf) check(p *guard.Problems) {
	const prefix = "Migrate.CsrfCsrf."
	if len(c.Secrets) == 0 {
		p.Add(prefix+"Secrets", "empty", "what getSecret returns", "")
	}
	for i, secret := range c.Secrets {
		if secret == "" {
			p.Add(prefix+"Secrets["+strconv.Itoa(i)+"]", "empty", "a secret", "everybody can sign with it")
		}
	}
	if c.SessionID == nil {
		p.Add(prefix+"SessionID", "nil", "what getSessionIdentifier does", "")
	}
	if !isName(c.CookieName, "!#$%&'*+-.^_`|~") {
		p.Add(prefix+"CookieName", c.CookieName, "a cookie's name", "")
	}
	switch {
	case c.Field == "":
		checkHeaderName(prefix+"Header", c.Header, p)
		c.Header = http.CanonicalHeaderKey(c.Header)
	case c.Header != "":
		p.Add(prefix+"Header", c.Header, "empty with Field", "csrf-csrf reads one place")
	}
}

// VerifyCsrfCsrf tells whether csrf-csrf 4 with its default options takes a token: that of
// the request has to be the cookie's, and signed by one of the secrets for the session id.
// It compares in constant time, which csrf-csrf does not.
func VerifyCsrfCsrf(secrets []string, sessionID, cookie, token string) bool {
	c := CsrfCsrf{Secrets: secrets}.effective()
	return c.verify(sessionID, cookie, token)
}

func (c *CsrfCsrf) verify(sessionID, cookie, token string) bool {
	if cookie == "" || subtle.ConstantTimeCompare([]byte(cookie), []byte(token)) != 1 {
		return false
	}
	signature, random, _ := strings.Cut(cookie, c.TokenDelimiter)
	random, _, _ = strings.Cut(random, c.TokenDelimiter) // what follows is not looked at
	if signature == "" || random == "" {
		return false
	}
	message := strings.Join([]string{
		strconv.Itoa(units(sessionID)), sessionID, strconv.Itoa(units(random)), random,
	}, c.MessageDelimiter)
	for _, secret := range c.Secrets {
		mac := hmac.New(c.Hash, []byte(secret))
		mac.Write([]byte(message))
		if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature)) == 1 {
			return true
		}
	}
	return false
}

// units is JavaScript's length of a text.
func units(s string) int {
	n := 0
	for _, c := range s {
		n++
		if c > 0xffff {
			n++
		}
	}
	return n
}

// csrfCsrfToken returns the pair that csrf-csrf would read. What is there twice is "".
func (t *tokens) csrfCsrfToken(c *CsrfCsrf, r *http.Request) (inCookie, token string, there bool) {
	values := r.Header[c.Header]
	if c.Field != "" {
		values = t.fields(r, c.Field)
	}
	switch {
	case len(values) == 0, len(values) == 1 && values[0] == "":
		return "", "", false
	case len(values) > 1:
		return "", "", true
	}
	raw, _ := cookie.Lookup(r.Header["Cookie"], c.CookieName)
	return cookie.Decode(raw), values[0], true
}
