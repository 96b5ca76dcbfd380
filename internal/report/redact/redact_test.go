package redact_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/internal/report/redact"
)

func ExampleText() {
	fmt.Println(redact.Text("GET /search?q=shoes&user=ann HTTP/1.1\nCookie: sid=abc; theme=dark\nAuthorization: Bearer x.y.z"))
	// Output:
	// GET /search?q=…&user=… HTTP/1.1
	// Cookie: sid=…; theme=…
	// Authorization: …
}

func TestText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"set-cookie keeps attributes", "Set-Cookie: sid=s3cret; Path=/; HttpOnly", "Set-Cookie: sid=…; Path=/; HttpOnly"},
		{"set-cookie without a name", "set-cookie: s3cret; Path=/", "set-cookie: =…; Path=/"},
		{"set-cookie with a quote in the value", "Set-Cookie: a='s3cret'; Secure", "Set-Cookie: a=…; Secure"},
		{"set-cookie without a blank", "Set-Cookie:a=s3cret", "Set-Cookie: a=…"},
		{"cookie", "Cookie: a=s3cret; b=s3cret", "Cookie: a=…; b=…"},
		{"cookie in a command", "curl -H 'Cookie: a=s3cret' https://h/", "curl -H 'Cookie: a=…' https://h/"},
		{"cookie in an error of Go", `malformed MIME header line: "Set-Cookie: a=s3cret\"s3cret\x1b; Path=/"`, `malformed MIME header line: "Set-Cookie: a=…; Path=/"`},
		{"authorization in an error of Go", `malformed MIME header line: "Authorization: s3cret"`, `malformed MIME header line: "Authorization: …`},
		{"authorization", "authorization: Basic s3cret", "authorization: …"},
		{"authorization in a command", "curl -H 'Authorization: Bearer s3cret' https://h/", "curl -H 'Authorization: …' https://h/"},
		{"authorization within a page", "<pre>Authorization: Bearer s3cret</pre>", "<pre>Authorization: …</pre>"},
		{"authorization in json", `{"headers":{"authorization":"Basic s3cret","a":"b"}}`, `{"headers":{"authorization":"…","a":"b"}}`},
		{"api key", "X-Api-Key: s3cret", "X-Api-Key: …"},
		{"query", "https://h/p?a=s3cret&b=s3cret#f", "https://h/p?a=…&b=…#f"},
		{"query without a name", "https://h/p?s3cret", "https://h/p?…"},
		{"userinfo", "https://ann:s3cret@h/", "https://…@h/"},
		{"jwt in a body", `{"t":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s3cret"}`, `{"t":"…"}`},
		{"signed session id", "x s%3AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.s3crets3crets3crets3crets3crets3crets3cret y", "x … y"},
		{"terminal escape", "a\x1b[31mred\x1b[0m\x07\r\x00b", "a[31mred[0mb"},
		{"csi in utf-8", "a\u009b31mb", "a31mb"},
		{"bidi override", "a\u202eb", "ab"},
		{"invalid utf-8", "a\xffb", "a\uFFFDb"},
		{"plain text stays", "X-Frame-Options: DENY\n\tat f (a.js:1:2)", "X-Frame-Options: DENY\n\tat f (a.js:1:2)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := redact.Text(tt.in)
			if got != tt.want {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if strings.Contains(got, "s3cret") {
				t.Errorf("Text(%q) = %q, still holds the secret", tt.in, got)
			}
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	for _, unit := range []string{"a", "é", "…", "\xff", "?a=b "} {
		got := redact.Text(strings.Repeat(unit, 1<<18))
		if len(got) > redact.Limit || !utf8.ValidString(got) {
			t.Errorf("Text(1 MB of %q) has %d bytes, valid %v, want at most %d valid bytes", unit, len(got), utf8.ValidString(got), redact.Limit)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := redact.Line("a\r\nb\tc\n"), "a b c"; got != want {
		t.Errorf("Line() = %q, want %q", got, want)
	}
}

// FuzzText holds that the output is bounded, printable, and shows no credential line.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"Cookie: a=b; c", "Set-Cookie: =;;=", "?a=b&c#d ?e", "https://u:p@h/?x", "eyJaaaaaaaaaa.b.c", "\x1b]0;t\x07", "'Cookie: a'b'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once := redact.Text(in)
		if len(once) > redact.Limit || !utf8.ValidString(once) {
			t.Fatalf("Text(%q) = %d bytes, valid %v", in, len(once), utf8.ValidString(once))
		}
		if strings.ContainsFunc(once, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
			t.Fatalf("Text(%q) = %q, holds a control character", in, once)
		}
		for _, line := range strings.Split(once, "\n") {
			name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
			if ok && strings.EqualFold(name, "authorization") && strings.Trim(value, " …") != "" && !strings.Contains(value, "(cut)") {
				t.Fatalf("Text(%q) = %q, shows a credential", in, once)
			}
		}
	})
}
