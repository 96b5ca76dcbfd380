package cookiesession_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	cs "github.com/panoplysec/panoply/cookiesession"
	"github.com/panoplysec/panoply/guard"
)

var key = []byte("a key for these tests")

func strict(t testing.TB, o cs.Options) *cs.Manager {
	t.Helper()
	if o.Keys == nil {
		o.Keys = [][]byte{key}
	}
	if o.Sink == nil {
		o.Sink = discard
	}
	m, err := cs.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func handle(m *cs.Manager, f func(w http.ResponseWriter, s *cs.Session)) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, cs.From(r.Context())) }))
}

func set(t testing.TB, name string, v any) func(http.ResponseWriter, *cs.Session) {
	return func(_ http.ResponseWriter, s *cs.Session) {
		if err := s.Set(name, v); err != nil {
			t.Error(err)
		}
	}
}

// ask sends one request by https through h.
func ask(h http.Handler, cookies string) *http.Response {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// jar is the Cookie header that a browser would send next.
func jar(r *http.Response) string {
	var pairs []string
	for _, line := range r.Header["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; ")
}

// signed is a Cookie header with any text as the session.
func signed(t testing.TB, value string, k []byte) string {
	t.Helper()
	grip, err := cookie.NewKeygrip(cookie.KeygripOptions{Keys: [][]byte{k}})
	if err != nil {
		t.Fatal(err)
	}
	return "session=" + value + "; session.sig=" + grip.Sign("session="+value)
}

func TestStrictLife(t *testing.T) {
	m := strict(t, cs.Options{})
	first := ask(handle(m, set(t, "user", "ann")), "")
	if n := len(first.Header["Set-Cookie"]); n != 2 {
		t.Fatalf("%d cookies, want 2", n)
	}
	for _, line := range first.Header["Set-Cookie"] {
		if !strings.Contains(line, "; samesite=lax; secure; httponly") {
			t.Errorf("Set-Cookie: %s lacks an attribute", line)
		}
	}
	if got := first.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q, want no-store", got)
	}
	second := ask(handle(m, func(_ http.ResponseWriter, s *cs.Session) {
		if v, _ := s.Get("user"); string(v) != `"ann"` || s.IsNew() {
			t.Errorf("user = %s, new %v", v, s.IsNew())
		}
	}), jar(first))
	if len(second.Header["Set-Cookie"]) != 0 {
		t.Errorf("a session that is only read is sent again: %q", second.Header["Set-Cookie"])
	}
	for name, f := range map[string]func(http.ResponseWriter, *cs.Session){
		"Unset":            func(_ http.ResponseWriter, s *cs.Session) { _ = s.Unset() },
		"a wrong sig":      nil,
		"Replace with {}":  func(_ http.ResponseWriter, s *cs.Session) { _ = s.Replace(struct{}{}) },
		"Delete of all it": func(_ http.ResponseWriter, s *cs.Session) { _ = s.Delete("user") },
	} {
		cookies := jar(first)
		if f == nil {
			f, cookies = func(http.ResponseWriter, *cs.Session) {}, cookies[:len(cookies)-2]+"AA"
		}
		r := ask(handle(m, f), cookies)
		lines := r.Header["Set-Cookie"]
		if len(lines) != 2 {
			t.Errorf("%s sends %q, want both cookies changed", name, lines)
			continue
		}
		ask(handle(m, func(_ http.ResponseWriter, s *cs.Session) {
			if s.IsPopulated() {
				t.Errorf("after %s the session has %v", name, s.Keys())
			}
		}), jar(r))
	}
	if none := ask(handle(m, func(http.ResponseWriter, *cs.Session) {}), ""); len(none.Header) > 0 {
		t.Errorf("a visitor without session gets %v", none.Header)
	}
}

func TestRotation(t *testing.T) {
	path := "/app"
	first := ask(handle(strict(t, cs.Options{}), set(t, "user", "ann")), "")
	next := strict(t, cs.Options{Keys: [][]byte{[]byte("the next key"), key}, Cookie: cs.Cookie{Path: &path, MaxAge: new(time.Hour)}})
	r := ask(handle(next, func(http.ResponseWriter, *cs.Session) {}), jar(first))
	for _, line := range r.Header["Set-Cookie"] {
		if !strings.Contains(line, "path=/app") || !strings.Contains(line, "expires=") {
			t.Errorf("signed anew as %s, want with all attributes", line)
		}
	}
	last := strict(t, cs.Options{Keys: [][]byte{[]byte("the next key")}})
	ask(handle(last, func(_ http.ResponseWriter, s *cs.Session) {
		if s.IsNew() {
			t.Error("a session signed anew is lost when the old key goes")
		}
	}), jar(r))
}

// At the bound a session is sent, and one byte more is refused before it is lost.
func TestTooLarge(t *testing.T) {
	m := strict(t, cs.Options{})
	fits := 0
	for n := 2700; n < 3100; n++ {
		r := ask(handle(m, func(_ http.ResponseWriter, s *cs.Session) {
			if err := s.Set("x", strings.Repeat("y", n)); err != nil && !errors.Is(err, cs.ErrTooLarge) {
				t.Error(err)
			}
		}), "")
		sum := 0
		for _, line := range r.Header["Set-Cookie"] {
			sum += len(line)
		}
		if sum > cs.DefaultMaxBytes {
			t.Fatalf("%d bytes of cookies are sent, want at most %d", sum, cs.DefaultMaxBytes)
		}
		if sum > 0 {
			fits = max(fits, sum)
		}
	}
	if fits < cs.DefaultMaxBytes-4 {
		t.Errorf("the largest session sent takes %d bytes, want close to %d", fits, cs.DefaultMaxBytes)
	}
}

func TestEvents(t *testing.T) {
	for _, tt := range []struct{ name, cookies, rule string }{
		{"forged", signed(t, "e30=", []byte("another key")), "forged"},
		{"no signature", "session=e30=", "unsigned"},
		{"no JSON", signed(t, "bm90", key), "malformed"},
		{"an array", signed(t, "W10=", key), "malformed"},
		{"nothing", "", ""},
	} {
		var rules []string
		m := strict(t, cs.Options{Sink: func(_ context.Context, e guard.Event) {
			rules = append(rules, e.Rule)
			e.Request = "" // an id, which holds any three letters of hexadecimal digits in one of 140 runs
			value, _, _ := strings.Cut(strings.TrimPrefix(tt.cookies, "session="), ";")
			if strings.Contains(fmt.Sprint(e), value) {
				t.Errorf("%s: the event holds the value: %v", tt.name, e)
			}
		}})
		ask(handle(m, func(_ http.ResponseWriter, s *cs.Session) {
			if !s.IsNew() {
				t.Errorf("%s: taken for a session", tt.name)
			}
		}), tt.cookies)
		if got := strings.Join(rules, " "); got != tt.rule {
			t.Errorf("%s: events %q, want %q", tt.name, got, tt.rule)
		}
	}
}

func TestForgedFlood(t *testing.T) {
	var n atomic.Int32
	m := strict(t, cs.Options{Sink: func(context.Context, guard.Event) { n.Add(1) }})
	h := handle(m, func(http.ResponseWriter, *cs.Session) {})
	for i := range 100 {
		ask(h, signed(t, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"i":%d}`, i)), []byte("another key")))
	}
	if n.Load() != 100 {
		t.Errorf("100 forged cookies made %d events, want 100", n.Load())
	}
}

func TestHeaderSent(t *testing.T) {
	m := strict(t, cs.Options{})
	ask(handle(m, func(w http.ResponseWriter, s *cs.Session) {
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		if err := s.Set("a", 1); !errors.Is(err, cs.ErrHeaderSent) {
			t.Errorf("Set() after the header = %v, want ErrHeaderSent", err)
		}
		if err := s.Unset(); !errors.Is(err, cs.ErrHeaderSent) {
			t.Errorf("Unset() after the header = %v, want ErrHeaderSent", err)
		}
	}), "")
	// What was set before a Flush is not lost by it.
	r := ask(handle(m, func(w http.ResponseWriter, s *cs.Session) {
		set(t, "a", 1)(w, s)
		w.(http.Flusher).Flush()
	}), "")
	if len(r.Header["Set-Cookie"]) != 2 {
		t.Error("Flush has lost the cookies")
	}
}

type hijackable struct{ *httptest.ResponseRecorder }

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("taken over")
}

func TestHijack(t *testing.T) {
	m := strict(t, cs.Options{})
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set(t, "a", 1)(w, cs.From(r.Context()))
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil || !strings.Contains(err.Error(), "Set-Cookie") {
			t.Errorf("Hijack() with a cookie due = %v, want a refusal", err)
		}
	})).ServeHTTP(hijackable{httptest.NewRecorder()}, httptest.NewRequest("GET", "https://a.example/", nil))
}

func TestOptions(t *testing.T) {
	bad := "no-slash"
	for _, tt := range []struct {
		name   string
		o      cs.Options
		fields string
	}{
		{"good", cs.Options{Keys: [][]byte{key}}, ""},
		{"nothing", cs.Options{}, "Keys"},
		{"secret", cs.Options{Secret: key}, ""},
		{"many at once", cs.Options{
			Keys: [][]byte{key}, Name: "a;b", Signed: cs.False, Overwrite: "x", MaxBytes: 5000,
			Cookie: cs.Cookie{Path: &bad, Domain: "a_b", Priority: "urgent", SameSite: "x", Partitioned: "x"},
		}, "Name Overwrite Signed MaxBytes Partitioned SameSite Priority Path Domain"},
		{"weak", cs.Options{Keys: [][]byte{key}, Cookie: cs.Cookie{Secure: cs.False, HTTPOnly: cs.False, SameSite: "false"}}, "Secure HTTPOnly SameSite"},
		{"__Host- with Domain", cs.Options{Keys: [][]byte{key}, Name: "__Host-s", Cookie: cs.Cookie{Domain: "a.example"}}, "Name"},
		{"control character", cs.Options{Mode: cs.Compat, Keys: [][]byte{key}, Cookie: cs.Cookie{Domain: "a\n"}}, "Domain"},
		{"compat takes what is weak", cs.Options{Mode: cs.Compat, Signed: cs.False, Cookie: cs.Cookie{Secure: cs.False, Path: &bad}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cs.New(tt.o)
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
			}
			if got := strings.Join(fields, " "); got != tt.fields {
				t.Errorf("New() refuses %q, want %q\n%v", got, tt.fields, err)
			}
		})
	}
}

func TestTakeover(t *testing.T) {
	m := strict(t, cs.Options{})
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", jar(ask(handle(m, set(t, "user", "ann")), "")))
	data, ok, err := m.Adopt(r)
	if string(data) != `{"user":"ann"}` || !ok || err != nil {
		t.Errorf("Adopt() = %s, %v, %v", data, ok, err)
	}
	h := http.Header{}
	if err := m.Retire(h, r); err != nil || len(h["Set-Cookie"]) != 2 || !strings.Contains(h["Set-Cookie"][1], "1970") {
		t.Errorf("Retire() = %v with %q, want both cookies removed", err, h["Set-Cookie"])
	}
	r.Header.Del("Cookie")
	if _, ok, _ := m.Adopt(r); ok {
		t.Error("Adopt() without a cookie = true")
	}
}

// No text in the cookie makes more than an error, whatever it decodes to; what is accepted
// is an object that reads the same again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"e30=", "eyJhIjoxfQ", "WzEsMl0=", "ImFiIg==", "bnVsbA", "eyJhIjoi__4ifQ==", "=", "%", "eyJfX3Byb3RvX18iOjF9", "InvwnZOYIg=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, mode := range []cs.Mode{cs.Strict, cs.Compat} {
			text, ok := cs.Decode(value, mode)
			if !ok {
				continue
			}
			again, ok := cs.Decode(base64.StdEncoding.EncodeToString([]byte(text)), mode)
			if !ok || again != text {
				t.Errorf("mode %v: %q is read as %s, and that as %s, %v", mode, value, text, again, ok)
			}
		}
	})
}

// No Cookie header brings a session that was not signed.
func FuzzHeader(f *testing.F) {
	good := signed(f, "eyJhIjoxfQ==", key)
	for _, seed := range []string{good, strings.ToUpper(good), `session="eyJhIjoxfQ=="; session.sig=x`, "session=;session.sig=", ";;=", `session="`} {
		f.Add(seed)
	}
	m := strict(f, cs.Options{})
	sig := good[strings.LastIndexByte(good, '=')+1:]
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{header}
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if s := cs.From(r.Context()); !s.IsNew() && !strings.Contains(header, sig) {
				t.Errorf("%q brings session %s", header, s.JSON())
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}
