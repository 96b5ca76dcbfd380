package wire_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

func cookieApp(fields ...string) twin {
	lines := make([]string, len(fields))
	for i, f := range fields {
		lines[i] = "Set-Cookie: " + f
	}
	return twin{check: "cookies", handler: app("hello", lines...)}
}

// signed is a value as express-session writes it.
func signed(id, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(id))
	return url.QueryEscape("s:" + id + "." + base64.RawStdEncoding.EncodeToString(mac.Sum(nil)))
}

// packed is a value as cookie-session writes it.
func packed(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func named(name string, bad bool, tw twin, want ...string) twin {
	tw.name, tw.bad, tw.want = name, bad, want
	return tw
}

func unproven(name string, tw twin, want ...string) twin {
	tw = named(name, false, tw, want...)
	tw.status = check.Unproven
	return tw
}

var cookiesTwins = []twin{
	{check: "cookies", name: "set by the login alone", bad: true, target: recorded, handler: careless(), want: []string{"cookies/secure", "cookies/httponly", "cookies/samesite"}},
	named("express-session", true, cookieApp("connect.sid=s%3AAAAAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB; Path=/; HttpOnly"),
		"cookies/secure", "cookies/samesite", "cookies/default-name"),
	named("express-session signed with keyboard cat", true, cookieApp("__Host-id="+signed("abcdefghijklmnopqrstuvwxyz012345", "keyboard cat")+"; Path=/; Secure; HttpOnly; SameSite=Lax"), "cookies/weak-secret"),
	named("express-session signed with a good secret", false, cookieApp("__Host-id="+signed("abcdefghijklmnopqrstuvwxyz012345", "Zq8kw2xJ0pLr5vTb")+"; Path=/; Secure; HttpOnly; SameSite=Lax")),
	named("token signed with a weak secret", true, cookieApp("jwt=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c; Path=/; Secure; HttpOnly; SameSite=Lax"), "cookies/weak-secret"),
	named("cookie-session with objects and an address", true, cookieApp("s="+packed(`{"user":{"mail":"ann@shop.example"},"n":1}`)+"; Path=/; Secure; HttpOnly; SameSite=Lax"), "cookies/session-nested", "cookies/session-private"),
	named("token with an address", false, cookieApp("jwt=eyJhbGciOiJSUzI1NiJ9."+strings.TrimRight(packed(`{"email":"ann@shop.example"}`), "=")+".c2ln; Path=/; Secure; HttpOnly; SameSite=Lax"), "cookies/token-readable"),
	named("cookie-session with a number", false, cookieApp("s="+packed(`{"cart":7,"csrfSecret":"abcdefghijkl"}`)+"; Path=/; Secure; HttpOnly; SameSite=Lax")),
	named("one that browsers drop", true, cookieApp("__Host-big="+strings.Repeat("x", 4100)+"; Path=/; Secure; HttpOnly; SameSite=Lax"), "cookies/size"),
	named("mended", false, cookieApp("__Host-k3v9x2=s%3Ax.y; Path=/; Secure; HttpOnly; SameSite=Lax")),
	named("bare session", true, cookieApp("sid=abc"), "cookies/secure", "cookies/httponly", "cookies/samesite"),
	named("session by its value", true, cookieApp("a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x; Secure; SameSite=Lax"), "cookies/httponly"),
	unproven("script's own csrf cookie", cookieApp("XSRF-TOKEN=abc; Secure; SameSite=Strict")),
	unproven("a preference", cookieApp("theme=dark; Secure"), "cookies/httponly-other", "cookies/samesite-other"),
	named("samesite none", false, cookieApp("theme=dark; Secure; HttpOnly; SameSite=None"), "cookies/samesite-none"),
	named("samesite none without secure", true, cookieApp("theme=dark; HttpOnly; SameSite=None"), "cookies/secure", "cookies/samesite-invalid"),
	named("samesite made up", true, cookieApp("theme=dark; Secure; HttpOnly; SameSite=Yes"), "cookies/samesite-invalid"),
	named("host prefix with a path", true, cookieApp("__Host-a=b; Secure; HttpOnly; SameSite=Lax; Path=/x"), "cookies/prefix"),
	named("secure prefix without secure", true, cookieApp("__Secure-a=b; HttpOnly; SameSite=Lax"), "cookies/secure", "cookies/prefix"),
	named("domain of another", true, cookieApp("a=b; Secure; HttpOnly; SameSite=Lax; Domain=shop.example"), "cookies/domain"),
	named("two years", false, cookieApp("sid=b; Secure; HttpOnly; SameSite=Lax; Max-Age=63072000"), "cookies/lifetime"),
	named("expires in two years", false, cookieApp("sid=b; Secure; HttpOnly; SameSite=Lax; Expires="+time.Now().AddDate(2, 0, 0).UTC().Format(http.TimeFormat)), "cookies/lifetime"),
	named("too large together", true, cookieApp("a="+strings.Repeat("x", 2100)+"; Secure; HttpOnly; SameSite=Lax", "b="+strings.Repeat("x", 2100)+"; Secure; HttpOnly; SameSite=Lax"), "cookies/size"),
	named("just small enough", false, cookieApp("a="+strings.Repeat("x", 4092)+"; Secure; HttpOnly; SameSite=Lax")),
	named("a session under a neutral name", false, cookieApp("id=b; Secure; HttpOnly; SameSite=Lax")),
	unproven("deleted cookies need no flags", cookieApp("connect.sid=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT")),
	func() twin {
		tw := named("session for all siblings", false, cookieApp("sid=b; Secure; HttpOnly; SameSite=Lax; Domain=localhost"), "cookies/domain-shared")
		tw.target = func(t *testing.T, s *httptest.Server) check.Target {
			return check.Target{URL: "https://shop.localhost", Address: s.Listener.Addr().String()}
		}
		return tw
	}(),
	{check: "cookies", name: "no cookie", status: check.Unproven, handler: app("hello")},
}

func TestSetCookie(t *testing.T) {
	for _, tt := range []struct {
		field, name, value string
		deletes, session   bool
	}{
		{"sid=a=b; Path=/", "sid", "a=b", false, true},
		{"  theme = dark ;Secure", "theme", "dark", false, false},
		{"alone", "", "alone", false, false},
		{"a=b; Max-Age=0", "a", "b", true, false},
		{"a=b; max-age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a", "b", false, false},
		{"a=b; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "a", "b", true, false},
		{"csrf_token=x", "csrf_token", "x", false, false},
		{"access_token=x", "access_token", "x", false, true},
		{"inside=x", "inside", "x", false, false},
		{"a.sid=x", "a.sid", "x", false, true},
		{"x=s:abc.def", "x", "s:abc.def", false, true},
		{"session.sig=x", "session.sig", "x", false, false},
	} {
		name, value, deletes, session := wire.SetCookie(tt.field)
		if name != tt.name || value != tt.value || deletes != tt.deletes || session != tt.session {
			t.Errorf("SetCookie(%q) = %q %q deletes %v session %v, want %q %q %v %v", tt.field, name, value, deletes, session, tt.name, tt.value, tt.deletes, tt.session)
		}
	}
}

// FuzzSetCookie holds that reading a field never invents: name and value stand in it,
// and the attributes do not reach into them.
func FuzzSetCookie(f *testing.F) {
	for _, seed := range []string{"a=b; Path=/; Secure", ";;;", "=x", "a", "a=b;Max-Age=99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		name, value, _, _ := wire.SetCookie(field)
		pair, _, _ := strings.Cut(field, ";")
		if !strings.Contains(pair, name) || !strings.Contains(pair, value) || strings.ContainsAny(name, "=;") || strings.Contains(value, ";") {
			t.Fatalf("SetCookie(%q) = %q, %q", field, name, value)
		}
	})
}

// FuzzPolicy holds that directives are named once and that nothing separating is left
// in a source.
func FuzzPolicy(f *testing.F) {
	f.Add("default-src 'self'; script-src *;;; DEFAULT-SRC x")
	f.Fuzz(func(t *testing.T, text string) {
		for name, list := range wire.Policy(text) {
			for _, word := range append(list, name) {
				if word == "" || strings.Contains(word, ";") || word != strings.ToLower(word) {
					t.Fatalf("Policy(%q) has the word %q", text, word)
				}
			}
		}
	})
}

// careless sets its session cookie at the login, and not before.
func careless() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Set-Cookie", "member_session=0123456789abcdef0123456789abcdef; Path=/")
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		app("<p>hello")(w, r)
	}
}
