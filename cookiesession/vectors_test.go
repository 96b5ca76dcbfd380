package cookiesession_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	cs "github.com/panoplysec/panoply/cookiesession"
	"github.com/panoplysec/panoply/guard"
)

func read(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func discard(context.Context, guard.Event) {}

// special returns the one member of a marker such as {"$nan": 1}.
func special(raw json.RawMessage) (kind string, v json.RawMessage) {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) == nil && len(m) == 1 {
		for k, v := range m {
			if strings.HasPrefix(k, "$") {
				return k, v
			}
		}
	}
	return "", nil
}

// errNoGo is returned for options that Go's types do not let one write.
var errNoGo = errors.New("cannot be written in Go")

// translate makes Options of the peer's.
func translate(t testing.TB, raw map[string]json.RawMessage) (o cs.Options, err error) {
	o = cs.Options{Mode: cs.Compat, Sink: discard}
	for name, v := range raw {
		kind, mark := special(v)
		if kind == "$undef" || string(v) == "null" && name != "path" {
			continue
		}
		var s string
		isString := json.Unmarshal(v, &s) == nil && string(v) != "null"
		flag := cs.Flag(v)
		switch name {
		case "keys":
			if kind == "$keygrip" {
				var k struct {
					Keys                []string
					Algorithm, Encoding string
				}
				if err := json.Unmarshal(mark, &k); err != nil {
					t.Fatal(err)
				}
				var ring [][]byte
				for _, one := range k.Keys {
					ring = append(ring, []byte(one))
				}
				if o.Keygrip, err = cookie.NewKeygrip(cookie.KeygripOptions{Keys: ring, Algorithm: k.Algorithm, Encoding: k.Encoding}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			var ring []string
			if err := json.Unmarshal(v, &ring); err != nil {
				t.Fatal(err)
			}
			for _, one := range ring {
				o.Keys = append(o.Keys, []byte(one))
			}
		case "secret":
			o.Secret = []byte(s)
		case "name":
			o.Name = s
		case "signed":
			o.Signed = flag
		case "overwrite":
			o.Overwrite = flag
		case "httpOnly":
			o.HTTPOnly = flag
		case "partitioned":
			o.Partitioned = flag
		case "secure":
			if o.Secure = flag; isString { // any text is true
				o.Secure = cs.True
			}
		case "sameSite":
			if o.SameSite = s; !isString {
				o.SameSite = string(v)
			}
		case "priority":
			if o.Priority = s; !isString {
				o.Priority = string(v)
			}
		case "path":
			o.Path = &s
		case "domain":
			o.Domain = s
		case "maxAge":
			var n float64
			if kind != "" || json.Unmarshal(v, &n) != nil {
				return o, errNoGo
			}
			o.MaxAge = new(time.Duration(n * 1e6))
		case "expires":
			var ms *float64
			switch {
			case kind == "$date" && json.Unmarshal(mark, &ms) == nil && ms != nil:
				o.Expires = time.UnixMilli(int64(*ms))
			case string(v) == "false":
			default:
				return o, errNoGo
			}
		case "originalMaxAge", "cookie": // ignored by the peer: attributes do not go there
		default:
			t.Fatalf("option %q", name)
		}
	}
	return o, err
}

// latin1 is how Node reads a header.
func latin1(lines []string) []string {
	out := []string{}
	for _, l := range lines {
		var b strings.Builder
		for i := range len(l) {
			b.WriteRune(rune(l[i]))
		}
		out = append(out, b.String())
	}
	return out
}

func TestSetCookie(t *testing.T) {
	var all []struct {
		Options   map[string]json.RawMessage
		TLS       bool
		Now       int64
		Keys      []string
		Payload   map[string]any
		SetCookie []string
	}
	read(t, "set_cookie.json", &all)
	refused := 0
	for i, tt := range all {
		name, _ := json.Marshal(tt.Options)
		t.Run(fmt.Sprint(i, " ", string(name)), func(t *testing.T) {
			defer cs.SetClock(func() time.Time { return time.UnixMilli(tt.Now) })()
			o, err := translate(t, tt.Options)
			for _, k := range tt.Keys {
				o.Keys = append(o.Keys, []byte(k))
			}
			m, newErr := cs.New(o)
			if err != nil || newErr != nil {
				refused++
				if len(tt.SetCookie) > 0 && !strings.Contains(tt.SetCookie[0], "Invalid Date") {
					t.Errorf("refused (%v, %v), and the peer sends %q", err, newErr, tt.SetCookie)
				}
				return
			}
			r := httptest.NewRequest("GET", "http://example.com/", nil)
			if tt.TLS {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				for k, v := range tt.Payload {
					if err := cs.From(r.Context()).Set(k, v); err != nil {
						t.Error(err)
					}
				}
			})).ServeHTTP(w, r)
			if got := latin1(w.Header()["Set-Cookie"]); !slices.Equal(got, tt.SetCookie) {
				t.Errorf("Set-Cookie = %q, want %q", got, tt.SetCookie)
			}
		})
	}
	t.Logf("%d of %d sets are refused at start", refused, len(all))
}

func TestEncode(t *testing.T) {
	var v struct {
		Encode []struct {
			Keys                   []string
			Name, JSON, Value, Sig string
		}
	}
	read(t, "cookie_session.json", &v)
	for i, tt := range v.Encode {
		o := cs.Options{Mode: cs.Compat, Name: tt.Name, Sink: discard}
		for _, k := range tt.Keys {
			o.Keys = append(o.Keys, []byte(k))
		}
		m, err := cs.New(o)
		if err != nil {
			t.Fatal(err)
		}
		// The session is brought by the client and so has the peer's own JSON; then a change
		// and its undoing would send it again. Here it is only read and encoded.
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{tt.Name + "=" + tt.Value + "; " + tt.Name + ".sig=" + tt.Sig}
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := cs.From(r.Context())
			if got := string(s.JSON()); got != tt.JSON || s.IsNew() || s.IsChanged() {
				t.Errorf("encode %d: the session is %s (new %v, changed %v), want %s", i, got, s.IsNew(), s.IsChanged(), tt.JSON)
			}
			if err := s.Replace(json.RawMessage(s.JSON())); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(w, r)
		want := []string{tt.Name + "=" + tt.Value, tt.Name + ".sig=" + tt.Sig}
		if tt.JSON == "{}" {
			want = nil // a new one without members is not sent
		}
		var got []string
		for _, line := range w.Header()["Set-Cookie"] {
			pair, _, _ := strings.Cut(line, ";")
			got = append(got, pair)
		}
		if !slices.Equal(got, want) {
			t.Errorf("encode %d: %q, want %q", i, got, want)
		}
	}
}

type flags struct{ IsNew, IsPopulated, IsChanged bool }

func flagsOf(s *cs.Session) flags { return flags{s.IsNew(), s.IsPopulated(), s.IsChanged()} }

func TestVerify(t *testing.T) {
	var v struct {
		Verify []struct {
			Note, CookieHeader, Session string
			Keys                        json.RawMessage
			Options                     map[string]json.RawMessage
			Accepted                    bool
			Flags                       flags
			SetCookie                   []string
		}
	}
	read(t, "cookie_session.json", &v)
	for i, tt := range v.Verify {
		t.Run(fmt.Sprint(i, " ", tt.Note), func(t *testing.T) {
			options := map[string]json.RawMessage{"keys": tt.Keys}
			for k, v := range tt.Options {
				options[k] = v
			}
			o, err := translate(t, options)
			if err != nil {
				t.Fatal(err)
			}
			m, err := cs.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "http://example.com/", nil)
			r.Header["Cookie"] = []string{tt.CookieHeader}
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s := cs.From(r.Context())
				if got := string(s.JSON()); got != tt.Session {
					t.Errorf("session %s, want %s", got, tt.Session)
				}
				if got := flagsOf(s); got != tt.Flags {
					t.Errorf("flags %+v, want %+v", got, tt.Flags)
				}
			})).ServeHTTP(w, r)
			if got := latin1(w.Header()["Set-Cookie"]); !slices.Equal(got, tt.SetCookie) {
				t.Errorf("Set-Cookie = %q, want %q", got, tt.SetCookie)
			}
		})
	}
}
