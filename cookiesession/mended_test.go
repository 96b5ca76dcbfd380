package cookiesession_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	cs "github.com/panoplysec/panoply/cookiesession"
	"github.com/panoplysec/panoply/guard"
)

// An environment variable that is not set makes an empty key, and anybody can sign by it.
func TestWeakSets(t *testing.T) {
	before := -time.Hour
	for _, tt := range []struct {
		name, field string
		o           cs.Options
	}{
		{"empty key", "Keys[0]", cs.Options{Mode: cs.Compat, Keys: [][]byte{{}}}},
		{"a second key that is empty", "Keys[1]", cs.Options{Keys: [][]byte{key, {}}}},
		{"a key twice", "Keys[1]", cs.Options{Keys: [][]byte{key, key}}},
		{"Secret beside Keys", "Secret", cs.Options{Keys: [][]byte{key}, Secret: key}},
		{"MaxAge in the past", "MaxAge", cs.Options{Keys: [][]byte{key}, Cookie: cs.Cookie{MaxAge: &before}}},
		{"MaxAge and Expires", "Expires", cs.Options{Keys: [][]byte{key}, Cookie: cs.Cookie{MaxAge: new(time.Hour), Expires: time.Unix(1, 0)}}},
		{"__host- with Domain", "Name", cs.Options{Keys: [][]byte{key}, Name: "__host-s", Cookie: cs.Cookie{Domain: "a.example"}}},
		{"a name that is no token", "Name", cs.Options{Keys: [][]byte{key}, Name: "a/b"}},
		{"a name that begins in a space", "Name", cs.Options{Mode: cs.Compat, Keys: [][]byte{key}, Name: " a"}},
		{"Domain that begins in a hyphen", "Domain", cs.Options{Keys: [][]byte{key}, Cookie: cs.Cookie{Domain: "-a.example"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cs.New(tt.o)
			if all := guard.OptionErrors(err); len(all) != 1 || all[0].Field != tt.field {
				t.Errorf("New() = %v, want one problem of %s", err, tt.field)
			}
		})
	}
}

// What Node 20 makes of values that few have seen, by cookie-session 2.1.1.
func TestDecodeAsNode(t *testing.T) {
	for _, tt := range []struct{ name, text, value, want string }{
		{"ends at =", "", "eyJhIjoxfQ==QUJD", `{"a":1}`},
		{"one character after =", "", "eyJhIjoxfQ==A", `{"a":1}`},
		{"begins in =", "", "=eyJhIjoxfQ==", ""},
		{"other characters", "", "eyJh*Ijox.fQ==", `{"a":1}`},
		{"piece of three bytes", "{\"u\":\"\xe2\x82x\"}", "", "{\"u\":\"\ufffdx\"}"},
		{"piece of four bytes", "{\"u\":\"\xf0\x9f\x98\"}", "", "{\"u\":\"\ufffd\"}"},
		{"surrogate in UTF-8", "{\"u\":\"\xed\xa0\x80\"}", "", "{\"u\":\"\ufffd\ufffd\ufffd\"}"},
		{"text with a lone surrogate", `"\ud800x"`, "", `{"0":"\ud800","1":"x"}`},
		{"text with a pair", `"😀"`, "", `{"0":"\ud83d","1":"\ude00"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value := tt.value
			if value == "" {
				value = base64.StdEncoding.EncodeToString([]byte(tt.text))
			}
			if got, ok := cs.Decode(value, cs.Compat); ok != (tt.want != "") || ok && got != tt.want {
				t.Errorf("Decode(%q) = %s, %v, want %s", value, got, ok, tt.want)
			}
		})
	}
}

// A value that Node would refuse with its header is not read, so that its depth costs
// nothing.
func TestLongValue(t *testing.T) {
	deep := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)))
	if _, ok := cs.Decode(deep, cs.Compat); ok {
		t.Errorf("Decode() of %d bytes = true, want false", len(deep))
	}
}

func TestManagersWithin(t *testing.T) {
	a, b := strict(t, cs.Options{Name: "a"}), strict(t, cs.Options{Name: "b"})
	for _, tt := range []struct {
		name  string
		inner *cs.Manager
		want  string
	}{
		{"another", b, `a={"mid":1} b={"in":1}`},
		{"the same", a, `a={"mid":1,"in":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inner := handle(tt.inner, set(t, "in", 1))
			r := ask(a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				set(t, "mid", 1)(w, cs.From(r.Context()))
				inner.ServeHTTP(w, r)
			})), "")
			var got []string
			for _, line := range r.Header["Set-Cookie"] {
				pair, _, _ := strings.Cut(line, ";")
				name, value, _ := strings.Cut(pair, "=")
				if !strings.HasSuffix(name, ".sig") {
					text, _ := base64.StdEncoding.DecodeString(value)
					got = append(got, name+"="+string(text))
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("cookies %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEarlyHints(t *testing.T) {
	m := strict(t, cs.Options{Mode: cs.Compat})
	srv := httptest.NewServer(handle(m, func(w http.ResponseWriter, _ *cs.Session) { w.WriteHeader(http.StatusEarlyHints) }))
	defer srv.Close()
	r, err := http.NewRequest("GET", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", signed(t, "e30=", []byte("another key")))
	hints := 0
	r = r.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints++
		if len(h["Set-Cookie"]) > 0 {
			t.Errorf("the 103 has Set-Cookie %q, want none", h["Set-Cookie"])
		}
		return nil
	}}))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if n := len(answer.Header["Set-Cookie"]); n != 1 || hints != 1 {
		t.Errorf("%d hints and %d cookies, want 1 and 1", hints, n)
	}
}

type handsOver struct{ *httptest.ResponseRecorder }

func (handsOver) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestChangeAfterHijack(t *testing.T) {
	strict(t, cs.Options{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := cs.From(r.Context())
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Fatal(err)
		}
		if err := s.Set("a", 1); !errors.Is(err, cs.ErrHeaderSent) {
			t.Errorf("Set() after Hijack = %v, want ErrHeaderSent", err)
		}
	})).ServeHTTP(handsOver{httptest.NewRecorder()}, httptest.NewRequest("GET", "https://a.example/", nil))
}

func TestSetOptionsRefuses(t *testing.T) {
	path := "/" + strings.Repeat("p", 900)
	m := strict(t, cs.Options{})
	r := ask(handle(m, func(w http.ResponseWriter, s *cs.Session) {
		set(t, "x", strings.Repeat("y", 2500))(w, s)
		if err := s.SetOptions(cs.Cookie{Path: &path}); !errors.Is(err, cs.ErrTooLarge) {
			t.Errorf("SetOptions() = %v, want ErrTooLarge", err)
		}
		w.WriteHeader(http.StatusOK)
		if err := s.SetOptions(cs.Cookie{}); !errors.Is(err, cs.ErrHeaderSent) {
			t.Errorf("SetOptions() after the header = %v, want ErrHeaderSent", err)
		}
	}), "")
	if got := fmt.Sprint(r.Header["Set-Cookie"]); !strings.Contains(got, "path=/;") {
		t.Errorf("Set-Cookie: %.80s, want with the options before", got)
	}
}

// A session that the app has made too large can shrink by steps.
func TestShrink(t *testing.T) {
	big := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"a":"%s","b":1}`, strings.Repeat("y", 4000)))
	ask(handle(strict(t, cs.Options{}), func(_ http.ResponseWriter, s *cs.Session) {
		if err := s.Set("c", 1); !errors.Is(err, cs.ErrTooLarge) {
			t.Errorf("Set() = %v, want ErrTooLarge", err)
		}
		if err := s.Delete("b"); err != nil {
			t.Errorf("Delete() = %v, want nil", err)
		}
	}), signed(t, big, key))
}

func TestTakeoverRefuses(t *testing.T) {
	r := httptest.NewRequest("GET", "http://shop.example/", nil)
	r.Header.Set("Cookie", signed(t, "e30=", key))
	if data, ok, err := strict(t, cs.Options{Mode: cs.Compat, Signed: cs.False}).Adopt(r); ok || err == nil {
		t.Errorf("Adopt() of a session that is not signed = %s, %v, %v, want an error", data, ok, err)
	}
	h := http.Header{}
	if err := strict(t, cs.Options{}).Retire(h, r); err != nil || len(h["Set-Cookie"]) != 2 {
		t.Errorf("Retire() over http = %v with %q, want both cookies removed", err, h["Set-Cookie"])
	}
}

type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header       { return n.h }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

func TestAllocations(t *testing.T) {
	m := strict(t, cs.Options{})
	asked := handle(m, func(_ http.ResponseWriter, s *cs.Session) { s.Get("user") })
	unasked := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, tt := range []struct {
		name    string
		h       http.Handler
		cookies string
		most    float64
	}{
		{"not asked for", unasked, signed(t, "e30=", key), 3},
		{"no cookie", asked, "", 3},
		{"read", asked, signed(t, "eyJ1c2VyIjoiYW5uIn0=", key), 22},
	} {
		r := httptest.NewRequest("GET", "https://shop.example/", nil)
		if tt.cookies != "" {
			r.Header.Set("Cookie", tt.cookies)
		}
		w := nowhere{http.Header{}}
		if got := testing.AllocsPerRun(100, func() { clear(w.h); tt.h.ServeHTTP(w, r) }); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}
