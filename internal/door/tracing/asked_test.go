package tracing

import "testing"

func TestAsked(t *testing.T) {
	for _, tt := range []struct{ scheme, upstream, want string }{
		{"", "app:3000", "http://app:3000/cart?token"},
		{"http", "app:3000", "http://app:3000/cart?token"},
		{"h2c", "app:3000", "http://app:3000/cart?token"},
		{"https", "app:3443", "https://app:3443/cart?token"},
		{"http", "/run/app.sock", "http://localhost/cart?token"},
	} {
		r := Request{UpstreamScheme: tt.scheme, Upstream: tt.upstream, Path: "/cart", Query: "?token"}
		if got := r.asked(); got != tt.want {
			t.Errorf("asked() at %s %s = %s, want %s", tt.scheme, tt.upstream, got, tt.want)
		}
	}
}
