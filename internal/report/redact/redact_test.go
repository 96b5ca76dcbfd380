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
		{"json password", "{\"user\":\"ann\",\"password\" : \"s3cret\\\"s3cret\",\"n\":1}", "{\"user\":\"ann\",\"password\" : \"…\",\"n\":1}"},
		{"json password that was cut off", `{"password":"s3cret`, `{"password":"…`},
		{"json number", `{"sessionId":4711,"n":4711}`, `{"sessionId":…,"n":4711}`},
		{"json in json", `{"body":"{\"client_secret\":\"s3cret\",\"a\":1}"}`, `{"body":"{\"client_secret\":\"…\",\"a\":1}"}`},
		{"json tokens", `{"access_token":"s3cret","refresh_token":"s3cret","token_type":"Bearer"}`, `{"access_token":"…","refresh_token":"…","token_type":"…"}`},
		{"cookies in json", `{"cookie":"a=s3cret; b=s3cret","x":"y"}`, `{"cookie":"…","x":"y"}`},
		{"cookie within a page", "<pre>Cookie: a=s3cret; b=s3cret</pre>", "<pre>Cookie: a=…; b=…</pre>"},
		{"set-cookie within a page", "<li>Set-Cookie: a=s3cret; Path=/</li>", "<li>Set-Cookie: a=…; Path=/</li>"},
		{"secret in source", "app.use(session({ secret: 's3cret', name: 'sid' }))", "app.use(session({ secret: '…', name: 'sid' }))"},
		{"fallback in source", "const secret = process.env.SECRET || 's3cret'", "const secret = process.env.SECRET || '…'"},
		{"expression in source stays", "if (password === req.body.password) return", "if (password === req.body.password) return"},
		{"options in source stay", "session({ cookie: { secure: true } })", "session({ cookie: { secure: true } })"},
		{"form", "user=ann&password=s3cret&next=/", "user=ann&password=…&next=/"},
		{"form in a command", "curl --data-binary 'password=s3cret&a=b' http://h/", "curl --data-binary 'password=…&a=b' http://h/"},
		{"environment", "DB_PASSWORD=s3cret\nAWS_SECRET_ACCESS_KEY=s3cret\nPORT=3000", "DB_PASSWORD=…\nAWS_SECRET_ACCESS_KEY=…\nPORT=3000"},
		{"hidden field", `<input type="hidden" name="_csrf" value="s3cret"><input name="q" value="shoes">`, `<input type="hidden" name="_csrf" value="…"><input name="q" value="shoes">`},
		{"password field", `<input value='s3cret' type=password>`, `<input value="…" type=password>`},
		{"meta", `<meta name="csrf-token" content="s3cret">`, `<meta name="csrf-token" content="…">`},
		{"basic", "sent Basic YW5uOnMzY3JldA== to it", "sent Basic … to it"},
		{"basic is a word too", "Basic authentication over HTTP", "Basic authentication over HTTP"},
		{"challenge stays", `WWW-Authenticate: Basic realm="shop"`, `WWW-Authenticate: Basic realm="shop"`},
		{"bearer", "curl said Bearer abc.s3crets3cret here", "curl said Bearer … here"},
		{"bearer is a word too", "bearer authentication", "bearer authentication"},
		{"aws", "key AKIAIOSFODNN7EXAMPLE here", "key … here"},
		{"github", "ghp_s3crets3crets3crets3cret1234", "…"},
		{"stripe", "sk_live_s3crets3cret1234", "…"},
		{"pem", "a\n-----BEGIN RSA PRIVATE KEY-----\ns3crets3cret-\ns3cret\n-----END RSA PRIVATE KEY-----\nb", "a\n-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\nb"},
		{"pem that was cut off", "-----BEGIN PRIVATE KEY-----\ns3cret", "-----BEGIN PRIVATE KEY-----\n…\n"},
		{"servlet session", "GET /cart;jsessionid=s3cret HTTP/1.1", "GET /cart;jsessionid=… HTTP/1.1"},
		{"php session", "you have PHPSESSID=s3cret; lang=de", "you have PHPSESSID=…; lang=de"},
		{"policy stays", "Content-Security-Policy: script-src 'nonce-abc' 'self'; require-trusted-types-for 'script'", "Content-Security-Policy: script-src 'nonce-abc' 'self'; require-trusted-types-for 'script'"},
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
			if again := redact.Text(got); again != got {
				t.Errorf("Text(%q) = %q, want the same again", got, again)
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

// FuzzText holds that the output is bounded, printable, shows no credential line, and that
// what has passed once passes again unchanged, as texts do that go into two reports.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"Cookie: a=b; c", "Set-Cookie: =;;=", "?a=b&c#d ?e", "https://u:p@h/?x", "eyJaaaaaaaaaa.b.c", "\x1b]0;t\x07", "'Cookie: a'b'", `{"password":"a\"b"}`, "secret: 'a', token=b", "-----BEGIN PRIVATE KEY-----\nx", "<input name=csrf value=x>", `\"token\":\"x\"`, "Basic YTpi"} {
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
		if twice := redact.Text(once); twice != once && !strings.HasSuffix(once, "(cut)") {
			t.Fatalf("Text(%q) = %q, and again %q", in, once, twice)
		}
		for _, line := range strings.Split(once, "\n") {
			name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
			if ok && strings.EqualFold(name, "authorization") && strings.Trim(value, " …") != "" && !strings.Contains(value, "(cut)") {
				t.Fatalf("Text(%q) = %q, shows a credential", in, once)
			}
		}
	})
}
