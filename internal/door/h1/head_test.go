package h1

import (
	"bufio"
	"bytes"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// read parses raw as a connection would; n is 0 when the head is not whole.
func read(raw string) (r *http.Request, fr framing, n int, bad *fault) {
	b := []byte(raw)
	var s scanner
	n, bad = s.end(b)
	if n == 0 || bad != nil {
		return nil, fr, 0, bad
	}
	var h head
	if bad = h.parse(b[:n]); bad != nil {
		return nil, fr, n, bad
	}
	r = &http.Request{Header: http.Header{}, URL: new(url.URL)}
	var values []string
	fr, bad = h.fill(r, string(b[:n]), &values)
	return r, fr, n, bad
}

// FuzzHead holds that net/http reads what passes as we do.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /a%2fb?x=1&y HTTP/1.1\r\nhost: a:80\r\ncontent-length: 03\r\nx-y_z: 1 \t\r\nX-Y_z: 2\r\n\r\nabc",
		"POST http://a/b? HTTP/1.1\r\nHost: A\r\nTransfer-Encoding: Chunked\r\nTrailer: x, ,Y\r\n\r\n0\r\n\r\n",
		"OPTIONS * HTTP/1.0\r\nConnection: x, Keep-Alive\r\nPragma: no-cache\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nExpect: 100-continue\r\n\r\n",
		"GET //a@b:c/%zz HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n",
		"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\nX: \xff\x80\r\n\r\n", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET mailto:x HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, fr, n, bad := read(raw)
		if bad != nil || n == 0 {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw[:n])))
		if err != nil {
			t.Fatalf("%q passes; net/http: %v", raw[:n], err)
		}
		if len(want.Header["Content-Length"]) > 1 || fr.chunked && want.Header["Content-Length"] != nil {
			t.Fatalf("%q: two framings pass", raw[:n])
		}
		want.Body, got.Body, want.Pattern = nil, nil, ""
		if got.Trailer == nil {
			got.Trailer = want.Trailer // empty and nil say the same
		}
		if want.Trailer == nil && len(got.Trailer) == 0 {
			want.Trailer = got.Trailer
		}
		// The context is the one unexported difference.
		got = got.WithContext(want.Context())
		want = want.WithContext(want.Context())
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as\n%+v %+v, net/http reads\n%+v %+v", raw[:n], got, got.URL, want, want.URL)
		}
		// In pieces it is the same head.
		var s scanner
		for i := 1; i <= n; i++ {
			if end, bad := s.end([]byte(raw[:i])); bad != nil || (end != 0) != (i == n) {
				t.Fatalf("%q: end after %d of %d bytes = %d, %v", raw, i, n, end, bad)
			}
		}
	})
}

func TestHeadAllocates(t *testing.T) {
	raw := []byte(browserHead)
	buf := make([]byte, len(raw))
	var h head
	r := &http.Request{Header: http.Header{}, URL: new(url.URL)}
	var values []string
	allocs := testing.AllocsPerRun(200, func() {
		copy(buf, raw)
		var s scanner
		n, bad := s.end(buf)
		if bad == nil {
			bad = h.parse(buf[:n])
		}
		if bad != nil {
			t.Fatal(bad)
		}
		clear(r.Header)
		if _, bad = h.fill(r, string(buf[:n]), &values); bad != nil {
			t.Fatal(bad)
		}
	})
	if allocs > 1 {
		t.Errorf("a head costs %v allocations, want its one string", allocs)
	}
}

// browserHead is what a browser sends, twelve fields.
const browserHead = "GET /shop/items?page=2 HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"140\"\r\nsec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: navigate\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: __Host-sid=s%3Aabcdef.ghi\r\n\r\n"

func BenchmarkHead(b *testing.B) {
	raw := []byte(browserHead)
	buf := make([]byte, len(raw))
	var h head
	r := &http.Request{Header: http.Header{}, URL: new(url.URL)}
	var values []string
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			copy(buf, raw)
			var s scanner
			n, _ := s.end(buf)
			_ = h.parse(buf[:n])
			clear(r.Header)
			_, _ = h.fill(r, string(buf[:n]), &values)
		}
	})
	b.Run("net_http", func(b *testing.B) {
		b.ReportAllocs()
		in := bufio.NewReader(nil)
		for b.Loop() {
			in.Reset(bytes.NewReader(raw))
			_, _ = http.ReadRequest(in)
		}
	})
}
