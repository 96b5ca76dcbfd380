package csp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Compiled is a policy ready to be sent. It is safe for concurrent use.
type Compiled struct {
	static string
	parts  []part
	size   int
}

// part is fixed text followed by what one directive adds for a request.
type part struct {
	text  string
	name  string
	nonce bool
	f     func(*http.Request) ([]string, error)
}

// Compile prepares p. It does not judge it: see [Policy.Validate].
func (p Policy) Compile() *Compiled {
	c := &Compiled{}
	var b strings.Builder
	for i, d := range p {
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(d.Name)
		for _, s := range d.Sources {
			b.WriteByte(' ')
			b.WriteString(latin1(s))
		}
		if d.Nonce || d.Func != nil {
			c.parts = append(c.parts, part{b.String(), d.Name, d.Nonce, d.Func})
			c.size += b.Len() + 40
			b.Reset()
		}
	}
	c.static = b.String()
	c.size += b.Len()
	return c
}

// Static returns the policy's text when it is the same for every request.
func (c *Compiled) Static() (string, bool) { return c.static, len(c.parts) == 0 }

// ErrNoNonce is returned by Value when the policy needs a nonce and the request's
// context carries none: neither the headers guard nor WithNonce was before.
var ErrNoNonce = errors.New("csp: the policy needs a nonce and the request carries none; wrap the handler with the headers guard or use csp.WithNonce")

// Value returns the policy's text for one request. It fails when a Func fails or gives
// what cannot be sent, and then names the directive; a policy without these sources
// might be weaker than the one meant (a nonce switches 'unsafe-inline' off), so none
// should be sent.
func (c *Compiled) Value(r *http.Request) (string, error) {
	if len(c.parts) == 0 {
		return c.static, nil
	}
	var b strings.Builder
	b.Grow(c.size)
	for i := range c.parts {
		part := &c.parts[i]
		b.WriteString(part.text)
		if part.nonce {
			nonce := Nonce(r.Context())
			if nonce == "" {
				return "", ErrNoNonce
			}
			b.WriteString(" 'nonce-")
			b.WriteString(nonce)
			b.WriteByte('\'')
		}
		if part.f == nil {
			continue
		}
		sources, err := part.f(r)
		if err != nil {
			return "", fmt.Errorf("csp: sources of %s: %w", part.name, err)
		}
		for _, s := range sources {
			if err := CheckSource(s); err != nil {
				return "", fmt.Errorf("csp: a source of %s for this request must be %w", part.name, err)
			}
			b.WriteByte(' ')
			b.WriteString(latin1(s))
		}
	}
	b.WriteString(c.static)
	return b.String(), nil
}

// latin1 writes the characters of Latin-1 as one byte each, as Node does. Beyond it
// nothing passes CheckSource.
func latin1(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			b := make([]byte, 0, len(s))
			for _, r := range s {
				b = append(b, byte(r))
			}
			return string(b)
		}
	}
	return s
}
