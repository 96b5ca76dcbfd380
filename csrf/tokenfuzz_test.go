package csrf_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/panoplysec/panoply/csrf"
)

// isToken is a second reading of what a token is.
func isToken(text, who string, keys ...[]byte) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 48 || base64.RawURLEncoding.EncodeToString(raw) != text {
		return false
	}
	for _, key := range keys {
		if text == writtenToken(raw[:16], who, key) {
			return true
		}
	}
	return false
}

// writtenToken makes a token of a nonce, as another program would.
func writtenToken(nonce []byte, who string, key []byte) string {
	derived := hmac.New(sha256.New, key)
	io.WriteString(derived, "panoply/csrf/1 token")
	mac := hmac.New(sha256.New, derived.Sum(nil))
	mac.Write(nonce)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(who))))
	io.WriteString(mac, who)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(bytes.Clone(nonce)))
}

// A token is good exactly where a second reading says so, for the one who has it and in the
// one spelling it has.
func FuzzToken(f *testing.F) {
	g := tokenGuard(f, nil)
	for _, who := range []string{"", "ann", "bob"} {
		token := writtenToken([]byte("sixteen of nonce"), who, tokenKeyA)
		f.Add(token, who)
		f.Add(token[:63], who)
		f.Add(token+"=", who)
		f.Add(token, who+"\x00")
		f.Add(token[:32]+"\r\n"+token[34:], who)
	}
	f.Add(strings.Repeat("A", 64), "")
	f.Fuzz(func(t *testing.T, text, who string) {
		if who == "down" {
			return
		}
		r := sent("", "")
		r.Header["Test-Session"] = []string{who}
		r.Header["X-Csrf-Token"] = []string{text}
		got := ruleOf(t, g, r)
		want := csrf.RuleTokenInvalid
		switch {
		case text == "":
			want = csrf.RuleTokenMissing
		case isToken(text, who, tokenKeyA):
			want = ""
		}
		if got != want {
			t.Errorf("rule of %q for %q = %q, want %q", text, who, got, want)
		}
		r.Header["X-Csrf-Token"] = []string{tokenFor(t, g, who)}
		if got := ruleOf(t, g, r); got != "" {
			t.Errorf("rule of a token made for %q = %q, want none", who, got)
		}
		// One byte of a good token more, less or other is another token.
		if want == "" {
			for i := range text {
				r.Header["X-Csrf-Token"] = []string{text[:i] + string(text[i]^1) + text[i+1:]}
				if ruleOf(t, g, r) == "" {
					t.Errorf("%q passes, changed at %d", text, i)
				}
			}
		}
	})
}

// simpleCsurf does what csrf 3.1 does, in its own steps.
func simpleCsurf(secret, token string) bool {
	at := strings.Index(token, "-")
	if secret == "" || at < 0 {
		return false
	}
	var ascii []byte
	for _, unit := range utf16.Encode([]rune(token[:at] + "-" + secret)) {
		ascii = append(ascii, byte(unit))
	}
	sum := sha1.Sum(ascii)
	text := base64.StdEncoding.EncodeToString(sum[:])
	text = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)
	return token[:at]+"-"+text == token
}

func FuzzCsurf(f *testing.F) {
	var v csurfVectors
	readRecorded(f, "csurf.json", &v)
	for _, row := range v.Verify {
		secret, _ := row.Secret.(string)
		token, _ := row.Token.(string)
		f.Add(secret, token)
	}
	f.Add("a\U0001F600b", "\U0001F600\xff-x")
	f.Fuzz(func(t *testing.T, secret, token string) {
		if got, want := csrf.VerifyCsurf(secret, token), simpleCsurf(secret, token); got != want {
			t.Errorf("VerifyCsurf(%q, %q) = %v, want %v", secret, token, got, want)
		}
		salt, _, _ := strings.Cut(token, "-")
		made := csrf.TokenizeCsurf(secret, salt)
		if got := csrf.VerifyCsurf(secret, made); got != (secret != "") {
			t.Errorf("VerifyCsurf(%q, %q) = %v, want what was made to be good", secret, made, got)
		}
	})
}

// Whatever a body is: nothing passes that does not hold a token, and the app gets it whole.
func FuzzTokenBody(f *testing.F) {
	const maxBody = 300
	own := tokenGuard(f, func(o *csrf.Options) { o.MaxBody = maxBody })
	migrating := tokenGuard(f, func(o *csrf.Options) {
		o.MaxBody = maxBody
		o.Migrate.Csurf = noSecret
		o.Migrate.CsrfCsrf = &csrf.CsrfCsrf{Secrets: []string{"s"}, SessionID: noSecret, Field: "_csrf"}
	})
	token := writtenToken([]byte("the same for all"), "ann", tokenKeyA) // in all of a fuzzer's processes
	boundary, text := parts(f, 0, "_csrf", token)
	f.Add(boundary, text, "")
	f.Add(urlencoded, "_csrf="+token, "")
	f.Add(urlencoded, "a=%&_csrf="+token+"&_csrf[]=1", "a=1;_csrf=2&%zz")
	f.Add("application/json", `{"_csrf":["`+token+`"]}`, "_csrf[a]=1")
	f.Add("application/x+json", `{"_csrf":`, "_csrf=x-123456789012345678901234567")
	f.Fuzz(func(t *testing.T, contentType, text, query string) {
		for _, g := range []*csrf.Guard{own, migrating} {
			r := formPost("ann", contentType, text)
			r.URL.RawQuery = query
			err := g.Check(r)
			if err == nil && !strings.Contains(text, token[:8]) && !strings.Contains(text, "%") {
				t.Errorf("%q of %q passes", text, contentType)
			}
			if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != text {
				t.Errorf("the app reads %q, %v, want %q", rest, err, text)
			}
			// The same token, from somebody else.
			r = formPost("bob", contentType, text)
			r.URL.RawQuery = query
			if g.Check(r) == nil {
				t.Errorf("%q of %q passes for another", text, contentType)
			}
		}
	})
}
