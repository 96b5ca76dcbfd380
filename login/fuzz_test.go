package login_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/login"
)

// FuzzRead holds that no request leaves a password without a user, unless the user's field
// is there and empty, that the body stays, and that the same request reads the same.
func FuzzRead(f *testing.F) {
	f.Add(formType, "username=ada&password=x", "", "")
	f.Add(formType, "username=&password[]=x", "user[$ne]=1", "")
	f.Add(jsonType, `{"user":{"email":"ada"},"pin":1}`, "", "")
	f.Add(mixType, named("username", "ada")+named("password", "x")+"--B--", "", "Basic YTpi")
	f.Add("application/json; charset=utf-7", `{"user":"+AGEAZABh-","password":"x"}`, "password=x", "")
	f.Fuzz(func(t *testing.T, kind, body, query, authorization string) {
		make := func() *http.Request {
			r := httptest.NewRequest("POST", "/login", strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header = http.Header{"Content-Type": {kind}}
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			return r
		}
		r := make()
		c, ok := login.Read(r, "", "", 4<<10)
		rest, err := io.ReadAll(r.Body)
		if err != nil || string(rest) != body {
			t.Fatalf("the app reads %q (%v), want %q", rest, err, body)
		}
		if again, _ := login.Read(make(), "", "", 4<<10); !reflect.DeepEqual(c, again) {
			t.Fatalf("Read = %+v and then %+v", c, again)
		}
		if !ok && (c.Password || c.User != "") {
			t.Fatalf("Read = %+v for what is no login", c)
		}
		if len(c.Others) > 3 || slices.Contains(c.Others, c.User) || len(c.Others) > 0 && !c.Unsure {
			t.Fatalf("Read = %+v", c)
		}
		if len(c.User) > 512 || strings.IndexByte(c.User, 0) >= 0 {
			t.Fatalf("User = %q", c.User)
		}
		if c.Password && c.User == "" && !c.Basic && !emptyUser(kind, body, query) {
			t.Fatalf("a password, and no user, in %q %q ?%q", kind, body, query)
		}
	})
}

// emptyUser tells, in a way of its own, whether a field for users could be there and empty.
func emptyUser(kind, body, query string) bool {
	if strings.Contains(kind, "multipart") || strings.Contains(kind, "json") {
		return true // whether it is empty is for the tables to say
	}
	for pair := range strings.SplitSeq(body+"&"+query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" && name != "" {
			return true
		}
	}
	return false
}

// FuzzFold holds that a name that was folded stays, and that neither case nor what is not
// seen makes another.
func FuzzFold(f *testing.F) {
	for _, name := range []string{"Ada", "ａｄａ", "Straße", "İı", "ﬁ", "á\u0301", " \x00 ", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := login.Fold(name)
		if again := login.Fold(once); again != once {
			t.Errorf("Fold(%q) = %q, and of that %q", name, once, again)
		}
		if strings.TrimSpace(once) != once || !utf8.ValidString(once) {
			t.Errorf("Fold(%q) = %q", name, once)
		}
		if seen := login.Fold("\u200b" + name + "\u0301"); seen != once && utf8.ValidString(name) {
			t.Errorf("Fold(%q) = %q, and with what is not seen %q", name, once, seen)
		}
	})
}

// FuzzDevice holds that a cookie makes a device known only where one of its tokens is one
// that the key made, byte for byte.
func FuzzDevice(f *testing.F) {
	s := shield(f, login.Options{}) // a key of this process: tokens of another fuzzing one are foreign
	token := s.DeviceToken("shop.test", "ada")
	other := s.DeviceToken("shop.test", "bob")
	// '~' stands for the token of this process.
	f.Add("~", uint16(0), byte(0))
	f.Add(other+".~", uint16(3), byte(1))
	f.Add("~=~", uint16(54), byte(2))
	f.Add(".....~", uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, value string, at uint16, change byte) {
		value = strings.ReplaceAll(value, "~", token)
		known := func(value string) bool {
			r := httptest.NewRequest("POST", "https://shop.test/login", nil)
			r.Header.Set("Cookie", login.DefaultCookie+"="+value)
			return s.KnownDevice(r, "shop.test", "ada")
		}
		if known(value) && !strings.Contains(value, token) {
			t.Fatalf("%q is known", value)
		}
		// A token with a byte changed is none, and neither is a part of it.
		bad := []byte(token)
		bad[int(at)%len(bad)] ^= change
		if got := known(string(bad)); got != (change == 0) {
			t.Fatalf("%q is known: %v", bad, got)
		}
		if known(token[:int(at)%len(token)]) || known(other) {
			t.Fatal("a part of a token or another user's is known")
		}
	})
}

// FuzzRoute holds that a pattern without wildcards matches its own path in every spelling
// that an app takes for the same, and that the compiler takes what it takes again.
func FuzzRoute(f *testing.F) {
	f.Add("POST /login", "/login")
	f.Add("* /{lang}/**", "/de/a")
	f.Add("POST /a/{rest...}", "/A/b;c/../d")
	f.Add("POST /x.php", "/x.php/y")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		r := httptest.NewRequest("POST", "/", nil)
		r.URL.Path = path
		_, valid := login.RouteMatches(pattern, r)
		method, own, _ := strings.Cut(pattern, " ")
		if !valid || !login.Literal(pattern) {
			return
		}
		if method != "*" {
			r.Method = method
		}
		for _, spelling := range []string{own, strings.ToUpper(own), own + "/", "/" + own, "/." + own, "/x/.." + own, own + ";x=y"} {
			if spelling != own && strings.ContainsFunc(own, func(r rune) bool { return r >= utf8.RuneSelf }) {
				continue // in a request's line such letters are escaped, and have no case
			}
			if r.URL.Path = spelling; spelling != own && strings.Contains(own, ";") {
				continue
			}
			if got, _ := login.RouteMatches(pattern, r); !got {
				t.Errorf("%q does not match %q", pattern, spelling)
			}
		}
	})
}
