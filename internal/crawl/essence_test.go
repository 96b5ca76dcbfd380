package crawl_test

import (
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

// TestAlike holds what may differ between two answers that say the same: of tokens also
// those that chance gave no digit.
func TestAlike(t *testing.T) {
	page := func(word string) *check.Exchange {
		return &check.Exchange{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<meta name=nonce content=" + word + "><p>welcome back")}
	}
	for _, tt := range []struct {
		name, a, b string
		alike      bool
	}{
		{"base32", "KRUGS4ZANFZSA5DIMUQHGZLDOI", "MFZWQZLBNRWGK5BAON2HEZLFOQ", true},
		{"base32 without digits", "KRUGSXZANFZSAYDIMUQHGZLDOI", "MFZWQZLBNRWGKYBAONCHEZLFOQ", true},
		{"base32 in small letters", "krugsxzanfzsaydimuqhgzldoi", "mfzwqzlbnrwgkybaonchezlfoq", true},
		{"an assignment", "state=KRUGSXZANFZSAYDIMUQHGZLDOI", "state=MFZWQZLBNRWGKYBAONCHEZLFOQ", true},
		{"hex", "6d1f0e9ab2c4d5e6", "99aabbccddeeff00", true},
		{"numbers", "12", "7", true},
		{"words", "authenticated", "unauthenticated", false},
		{"names of classes", "site-navigation-of-visitors", "site-navigation-of-customers", false},
		{"paths", "/account/settings/of/visitors", "/account/settings/of/customers", false},
	} {
		if got := crawl.Alike(page(tt.a), page(tt.b)); got != tt.alike {
			t.Errorf("%s: Alike(%s, %s) = %v, want %v", tt.name, tt.a, tt.b, got, tt.alike)
		}
	}
}
