package csrf_test

import (
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/csrf"
)

// BenchmarkCheck is the decision beside that of net/http.
func BenchmarkCheck(b *testing.B) {
	trusted := []string{"https://a.example", "https://partner.example:8443"}
	patterns := []string{"POST /hook/", "/public/{id}", "PUT /files/{path...}"}
	o := csrf.Options{TrustedOrigins: trusted}
	peer := http.NewCrossOriginProtection()
	for _, t := range trusted {
		if err := peer.AddTrustedOrigin(t); err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range patterns {
		o.Routes = append(o.Routes, csrf.Route{Pattern: p, Exempt: "x"})
		peer.AddInsecureBypassPattern(p)
	}
	g := newGuard(b, o)
	for _, test := range []struct {
		name   string
		header []string
	}{
		{"metadata", []string{form, cookie, "Sec-Fetch-Site: same-origin", "Origin: https://shop.example"}},
		{"origin", []string{form, cookie, "Origin: https://shop.example"}},
		{"deny", []string{form, cookie, "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}},
	} {
		r := request(b, "POST https://shop.example/pay", test.header...)
		b.Run(test.name+"/panoply", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = g.Check(r)
			}
		})
		b.Run(test.name+"/net-http", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = peer.Check(r)
			}
		})
	}
}
