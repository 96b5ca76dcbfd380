package cookie_test

import (
	"testing"

	"github.com/panoplysec/panoply/cookie"
)

// FuzzKeygrip: a signature is taken when it is, byte for byte, what one of the keys makes,
// and no other spelling of it is.
func FuzzKeygrip(f *testing.F) {
	first, second := []byte("the key of this year"), []byte("the key of last year")
	grip := func(keys ...[]byte) *cookie.Keygrip {
		k, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: keys})
		if err != nil {
			f.Fatal(err)
		}
		return k
	}
	both, one, two := grip(first, second), grip(first), grip(second)
	f.Add("session=e30=", one.Sign("session=e30="))
	f.Add("session=e30=", two.Sign("session=e30=")+"=")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, data, signature string) {
		want := -1
		switch signature {
		case one.Sign(data):
			want = 0
		case two.Sign(data):
			want = 1
		}
		if got := both.Index(data, signature); got != want {
			t.Errorf("Index(%q, %q) = %d, want %d", data, signature, got, want)
		}
		if got := both.Verify(data, signature); got != (want >= 0) {
			t.Errorf("Verify(%q, %q) = %v, want %v", data, signature, got, want >= 0)
		}
	})
}
