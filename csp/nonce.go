package csp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
)

type nonceKey struct{}

// slot holds a request's nonce, made when first asked for.
type slot struct {
	once  sync.Once
	value string
}

// Nonce returns the request's nonce for script and style tags: 144 random bits in 24
// characters of URL-safe base64, made on the first call and the same for the rest of
// the request. It is empty when no guard with a nonce in its policy and no [WithNonce]
// stands before the handler. It is safe for concurrent use.
//
// Give it to tags that your own template writes. Text that puts a nonce on every script
// tag of a finished page blesses the injected ones too.
//
// Practice: xss. Source: CSP Level 3 section 7.1.
func Nonce(ctx context.Context) string {
	s, _ := ctx.Value(nonceKey{}).(*slot)
	if s == nil {
		return ""
	}
	s.once.Do(func() {
		var raw [18]byte
		rand.Read(raw[:]) // never fails (crypto/rand)
		s.value = base64.RawURLEncoding.EncodeToString(raw[:])
	})
	return s.value
}

// WithNonce returns a context in which Nonce gives a nonce, for who uses a compiled
// policy without the headers guard. A nonce that ctx has already stays.
func WithNonce(ctx context.Context) context.Context {
	if ctx.Value(nonceKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, nonceKey{}, new(slot))
}

// A Carrier keeps values for one request and is found by its context.
type Carrier interface {
	Value(key any) any
	Set(key, value any)
}

// AttachNonce is WithNonce for a Carrier. The headers guard calls it.
func AttachNonce(c Carrier) {
	if c.Value(nonceKey{}) == nil {
		c.Set(nonceKey{}, new(slot))
	}
}
