package report_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

func har(t *testing.T, x []*check.Exchange) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.HAR(&out, x, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// exchanges holds the word s3cret in every place where one can be.
func exchanges() []*check.Exchange {
	return []*check.Exchange{
		{URL: shop + "?token=s3cret-query", Status: 200, Body: []byte("<p>hello</p>"), Header: http.Header{
			"Set-Cookie": {"sid=s3cret-cookie-value; Path=/; HttpOnly", "theme=dark"}, "Content-Type": {"text/html; charset=utf-8"},
		}},
		{
			Request: check.Request{Method: "POST", Path: "/login", Secret: true, Headers: "Content-Type: application/json", Body: `{"user":"ann@shop.example","password":"s3cret-password"}`},
			URL:     shop + "login", Status: 303, Header: http.Header{"Location": {"/account?code=s3cret"}},
		},
		{
			Request: check.Request{As: check.User, Headers: "Cookie: sid=s3cret-cookie-value\nAuthorization: Bearer s3cret-bearer.1", Path: "/account"},
			URL:     shop + "account", Status: 200, Truncated: true,
			Body:   []byte(`{"you sent":"s3cret-cookie-value","echo":"s3cret-password","jwt":"eyJhbGciOiJIUzI1NiJ9.e30.s3cret","csrfToken":"s3cret"}`),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Echo": {"s3cret-bearer.1"}},
		},
		{URL: shop + "logo.png", Status: 200, Body: []byte("\x89PNG\r\n\x1a\n\x00s3cret"), Header: http.Header{"Content-Type": {"image/png"}}},
		{
			Request: check.Request{Method: "POST", Headers: "Content-Type: application/x-www-form-urlencoded", Body: "user=ann&password=s3cret&item=1", Path: "/cart"},
			URL:     shop + "cart", Status: 200, Header: http.Header{}, Body: []byte("a page without a type"),
		},
		nil,
		{URL: shop + "silent", Status: 204},
	}
}

func TestHAR(t *testing.T) {
	got := har(t, exchanges())
	golden(t, "exchanges.har", got)
	if bytes.Contains(got, []byte("s3cret")) {
		t.Errorf("HAR() shows a secret")
	}
	if again := har(t, exchanges()); !bytes.Equal(got, again) {
		t.Error("HAR() differs between two calls")
	}
}

func TestHARCutsBodies(t *testing.T) {
	long := &check.Exchange{URL: shop, Status: 200, Header: http.Header{}, Body: []byte(strings.Repeat("é", 1<<20))}
	if got := har(t, []*check.Exchange{long}); len(got) > 10<<10 || !bytes.Contains(got, []byte(`"comment": "cut"`)) {
		t.Errorf("HAR() of a body of 2 MiB has %d bytes, want it cut and said so", len(got))
	}
}

func TestHAROfNothing(t *testing.T) {
	if got := string(har(t, nil)); !strings.Contains(got, `"entries": []`) {
		t.Errorf("HAR(nil) = %s, want no entries", got)
	}
	if err := report.HAR(failing{}, nil, ""); err == nil {
		t.Error("HAR() to a closed file gave no error")
	}
}

// FuzzHAR: whatever an answer says, the archive is JSON, and the value of a cookie that
// it set is nowhere in it.
func FuzzHAR(f *testing.F) {
	f.Add("text/html", "hello abcdefgh12345", "abcdefgh12345", "X-A: b")
	f.Add("application/json", `{"sid":"abcdefgh12345`, "abcdefgh12345", "Cookie: x")
	f.Add("", "\xff\x00", "", ":\n:")
	f.Fuzz(func(t *testing.T, kind, body, cookie, headers string) {
		x := &check.Exchange{
			URL: shop + "?" + cookie, Status: 200, Body: []byte(body), Request: check.Request{Method: "POST", Headers: headers, Body: body},
			Header: http.Header{"Content-Type": {kind}, "Set-Cookie": {"sid=" + cookie + "; Path=/"}, "X-Echo": {body}},
		}
		got := har(t, []*check.Exchange{x})
		if !json.Valid(got) {
			t.Fatalf("HAR() is no JSON: %s", got)
		}
		plain := len(cookie) >= 12 && !strings.ContainsFunc(cookie, func(r rune) bool { return r > 'z' || r < '0' || r > '9' && r < 'a' })
		if plain && !strings.Contains("abcdefghijklmnopqrstuvwxyz0123456789", cookie) && bytes.Contains(got, []byte(cookie)) && !strings.Contains(harOf(t, "another-value"), cookie) {
			t.Fatalf("HAR() shows the cookie %q: %s", cookie, got)
		}
	})
}

// harOf is the archive of an exchange that says nothing but a cookie.
func harOf(t *testing.T, cookie string) string {
	return string(har(t, []*check.Exchange{{URL: shop, Header: http.Header{"Set-Cookie": {"sid=" + cookie}}}}))
}
