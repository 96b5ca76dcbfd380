package clientip_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
)

func TestCleanHost(t *testing.T) {
	tests := []struct {
		host, scheme string
		want         string
		ok           bool
	}{
		{"shop.example", "https", "shop.example", true},
		{"SHOP.example.", "https", "shop.example.", true},
		{"shop.example:443", "https", "shop.example", true},
		{"shop.example:443", "http", "shop.example:443", true},
		{"shop.example:80", "http", "shop.example", true},
		{"shop.example:", "http", "shop.example", true},
		{"localhost:3000", "http", "localhost:3000", true},
		{"my_app.internal", "http", "my_app.internal", true},
		{"192.0.2.1:8080", "http", "192.0.2.1:8080", true},
		{"[2001:DB8::1]:8080", "http", "[2001:db8::1]:8080", true},
		{"[::1]", "http", "[::1]", true},
		{"", "http", "", false},
		{":80", "http", "", false},
		{".", "http", "", false},
		{"a..b", "http", "", false},
		{".a", "http", "", false},
		{"a b", "http", "", false},
		{"a,b", "http", "", false},
		{"a/b", "http", "", false},
		{"user@a", "http", "", false},
		{"a%2eb", "http", "", false},
		{"ä.example", "http", "", false},
		{"a:b", "http", "", false},
		{"a:0", "http", "", false},
		{"a:0443", "https", "", false},
		{"a:65536", "http", "", false},
		{"a:80:80", "http", "", false},
		{"::1", "http", "", false},
		{"[::1", "http", "", false},
		{"[::1]x", "http", "", false},
		{"[::1%25lo]", "http", "", false},
		{"[192.0.2.1]", "http", "", false},
		{strings.Repeat("a.", 200), "http", "", false},
	}
	for _, test := range tests {
		got, ok := clientip.CleanHost(test.host, test.scheme)
		if got != test.want || ok != test.ok {
			t.Errorf("CleanHost(%q, %q) = %q, %v, want %q, %v", test.host, test.scheme, got, ok, test.want, test.ok)
		}
	}
}
