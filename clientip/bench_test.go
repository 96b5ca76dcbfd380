package clientip_test

import (
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/clientip"
)

// browserLines are what a browser sends beside Host.
var browserLines = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: en-US,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br, zstd", "Referer: https://shop.example/", "Cookie: sid=0123456789abcdef", "Connection: keep-alive",
	"Upgrade-Insecure-Requests: 1", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Sec-Fetch-User: ?1",
}

func BenchmarkResolve(b *testing.B) {
	direct := request("203.0.113.7:40000", true, browserLines...)
	chain := request("10.0.0.1:40000", false, append([]string{"X-Forwarded-For: 6.6.6.6, 2001:db8::7, 10.0.0.2",
		"X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example"}, browserLines...)...)
	rfc := request("10.0.0.1:40000", false, append([]string{`Forwarded: for=6.6.6.6, for="[2001:db8::7]";proto=https;host=shop.example, for=10.0.0.2`}, browserLines...)...)
	tests := []struct {
		name string
		v    *clientip.Resolver
		r    *http.Request
	}{
		{"direct", resolver(b, clientip.XForwardedFor), direct},
		{"x-forwarded-for", resolver(b, clientip.XForwardedFor, "10.0.0.0/8"), chain},
		{"forwarded", resolver(b, clientip.Forwarded, "10.0.0.0/8"), rfc},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				test.v.Resolve(test.r)
			}
		})
	}
}

func BenchmarkStrip(b *testing.B) {
	v := resolver(b, clientip.XForwardedFor)
	r := request("203.0.113.7:40000", true, browserLines...)
	b.ReportAllocs()
	for b.Loop() {
		v.Strip(r)
	}
}

func BenchmarkWriteForwarded(b *testing.B) {
	r := request("203.0.113.7:40000", true, browserLines...)
	c := clientip.Of(r)
	out := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		clientip.WriteForwarded(out, r, c)
	}
}
