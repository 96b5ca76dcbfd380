package audit_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
)

func ExampleRun() {
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Express")
		io.WriteString(w, "welcome")
	}))
	defer shop.Close()

	report, err := audit.Run(context.Background(), []check.Target{{URL: shop.URL}}, standard.Checks(), audit.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range report.Practices[:4] {
		fmt.Println(p.ID, "is", p.Status)
	}
	// Output:
	// supported-versions is not proven
	// tls is broken
	// headers is broken
	// fingerprint is broken
}

// terminal stands for the *testing.T of a test function.
type terminal struct{}

func (terminal) Helper()                  {}
func (terminal) Context() context.Context { return context.Background() }
func (terminal) Errorf(format string, args ...any) {
	message, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Println(message)
}

func ExampleTest() {
	var t terminal // in a test of your own: func TestShop(t *testing.T)
	shop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "x", Secure: true, SameSite: http.SameSiteLaxMode})
		io.WriteString(w, "{}")
	})
	audit.Test(t, shop)
	// Output:
	// headers/nosniff (medium): content types can be guessed: no X-Content-Type-Options: nosniff (3 of 3 answers: 3 API answers)
	// cookies/httponly (medium): the cookie sid has no HttpOnly
}
