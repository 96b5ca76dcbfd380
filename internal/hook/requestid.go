package hook

import (
	"context"
	"crypto/rand"
	"encoding/hex"
)

type requestIDKey struct{}

// RequestID returns the request's id: 128 random bits in 32 hexadecimal digits, made
// on first use. It is Panoply's own; a client's X-Request-Id never becomes it. Outside
// an exchange it is empty.
func RequestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		return id
	}
	x, ok := ctx.Value(exchangeKey{}).(*Exchange)
	if !ok {
		return ""
	}
	var raw [16]byte
	rand.Read(raw[:]) // never fails (crypto/rand)
	id := hex.EncodeToString(raw[:])
	x.Set(requestIDKey{}, id)
	return id
}
