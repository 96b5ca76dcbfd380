package headers_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/headers"
)

type ctx = context.Context

func mustNew(t testing.TB, o headers.Options) *headers.Guard {
	t.Helper()
	g, err := headers.New(o)
	if err != nil {
		t.Fatalf("New() = %v, want nil", err)
	}
	return g
}

var _ http.Handler
