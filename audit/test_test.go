package audit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
)

var _ audit.TB = (*testing.T)(nil)

// judged collects what Test says.
type judged struct{ said []string }

func (j *judged) Helper() {}
func (j *judged) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}
func (j *judged) Context() context.Context { return context.Background() }

func TestTest(t *testing.T) {
	has := func(said []string, text string) bool {
		return slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, text) })
	}
	t.Run("guarded", func(t *testing.T) { audit.Test(t, http.HandlerFunc(guarded)) })
	t.Run("naked", func(t *testing.T) {
		j := new(judged)
		audit.Test(j, http.HandlerFunc(naked))
		for _, want := range []string{"headers/nosniff (medium)", "headers/csp-absent", "cookies/secure", "fingerprint/banner", "fix: g, err := headers.New(headers.Options{})"} {
			if !has(j.said, want) {
				t.Errorf("Test() said %q, want it to say %q", j.said, want)
			}
		}
		if has(j.said, "tls/") || has(j.said, "not proven") {
			t.Errorf("Test() said %q, want nothing on its own listener nor on what is not proven", j.said)
		}
	})
	t.Run("exceptions", func(t *testing.T) {
		j := new(judged)
		audit.Test(j, http.HandlerFunc(naked),
			audit.Exception{ID: "headers", Reason: "set by the proxy"}, audit.Exception{ID: "fingerprint/banner", Reason: "wanted"},
			audit.Exception{ID: "csrf", Reason: "stale"}, audit.Exception{ID: "cookies"})
		if has(j.said, "headers/") || has(j.said, "fingerprint/banner") {
			t.Errorf("Test() said %q, want nothing on what is excepted", j.said)
		}
		if !has(j.said, "the exception for csrf matches no finding") || !has(j.said, "the exception for cookies gives no reason") {
			t.Errorf("Test() said %q, want the bad exceptions named", j.said)
		}
	})
	t.Run("panics", func(t *testing.T) {
		j := new(judged)
		audit.Test(j, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("always")) }))
		if !has(j.said, "the handler gave no answer") {
			t.Errorf("Test() said %q, want that the handler gave no answer", j.said)
		}
	})
}
