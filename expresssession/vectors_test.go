package expresssession_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/cookie"
	es "github.com/panoplysec/panoply/expresssession"
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

// special returns the one member of a marker such as {"$nan": 1}.
func special(raw json.RawMessage) (kind string, v any) {
	var m map[string]any
	if json.Unmarshal(raw, &m) == nil && len(m) == 1 {
		for k, v := range m {
			if strings.HasPrefix(k, "$") {
				return k, v
			}
		}
	}
	return "", nil
}

// members returns an object's members in order.
func members(t testing.TB, raw json.RawMessage) (names []string, values map[string]json.RawMessage) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	values = map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &values); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, k.(string))
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
	}
	return names, values
}

// errNoGo is returned for options that Go's types do not let one write.
var errNoGo = errors.New("cannot be written in Go")

// cookieOption translates the peer's cookie option.
func cookieOption(t testing.TB, raw json.RawMessage) (c es.Cookie, err error) {
	names, values := members(t, raw)
	for _, name := range names {
		v := values[name]
		kind, mark := special(v)
		if kind == "$undef" {
			continue
		}
		var s string
		isString := json.Unmarshal(v, &s) == nil && string(v) != "null"
		flag := func() es.Flag {
			switch {
			case string(v) == "true":
				return es.True
			case string(v) == "false":
				return es.False
			case isString:
				return es.Flag(s)
			}
			err = errNoGo
			return ""
		}
		switch name {
		case "maxAge", "originalMaxAge":
			var n float64
			switch {
			case kind == "$date" && mark != nil:
				c.MaxAge, c.Expires = nil, time.UnixMilli(int64(mark.(float64)))
				continue
			case kind == "$nan" || kind == "$inf":
				n = math.Inf(1)
			case string(v) == "null":
				c.MaxAge, c.Expires = nil, time.Time{}
				continue
			case json.Unmarshal(v, &n) != nil:
				return c, errNoGo
			}
			d := time.Duration(math.MaxInt64)
			if !math.IsInf(n, 0) {
				d = time.Duration(n * 1e6)
			}
			c.MaxAge, c.Expires = &d, time.Time{} // the one written last counts
		case "expires":
			switch {
			case kind == "$date" && mark != nil:
				c.MaxAge, c.Expires = nil, time.UnixMilli(int64(mark.(float64)))
			case string(v) == "null" || string(v) == "false":
				c.MaxAge, c.Expires = nil, time.Time{}
			default:
				return c, errNoGo
			}
		case "secure":
			c.Secure = flag()
		case "httpOnly":
			c.HTTPOnly = flag()
		case "partitioned":
			c.Partitioned = flag()
		case "sameSite":
			c.SameSite = string(flag())
		case "path":
			c.Path = &s
		case "domain":
			c.Domain = s
		case "priority":
			if c.Priority = s; !isString {
				c.Priority = string(v)
			}
		case "overwrite", "signed": // the peer's cookie ignores them
		default:
			t.Fatalf("cookie option %q", name)
		}
	}
	return c, err
}

func TestSignedCookie(t *testing.T) {
	var v struct {
		Sign   []map[string]json.RawMessage
		Verify []struct {
			CookieName, CookieHeader, Note, SID string
			Secrets                             []json.RawMessage
			Accepted                            bool
		}
	}
	read(t, "signed_cookie.json", &v)
	for i, tt := range v.Sign {
		var sid, want string
		_ = json.Unmarshal(tt["sid"], &sid)
		_ = json.Unmarshal(tt["cookieValue"], &want)
		if got := cookie.EncodeSigned(sid, secretBytes(t, tt["secret"])); got != want {
			t.Errorf("sign %d: EncodeSigned(%q) = %q, want %q", i, sid, got, want)
		}
	}
	for i, tt := range v.Verify {
		t.Run(fmt.Sprint(i, " ", tt.Note), func(t *testing.T) {
			store := &recorder{ready: true, by: map[string]string{tt.SID: `{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}`}}
			o := es.Options{Mode: es.Compat, Name: tt.CookieName, Store: store, Sink: discard}
			for _, s := range tt.Secrets {
				o.Secret = append(o.Secret, secretBytes(t, s))
			}
			m, err := es.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["Cookie"] = []string{tt.CookieHeader}
			got := ""
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if s := es.From(r.Context()); !s.IsNew() {
					got = s.ID()
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
			want := tt.SID
			if !tt.Accepted {
				want = ""
			}
			if got != want {
				t.Errorf("the session of %q is %q, want %q", tt.CookieHeader, got, want)
			}
		})
	}
}

func secretBytes(t testing.TB, raw json.RawMessage) []byte {
	if kind, v := special(raw); kind == "$hex" {
		b := make([]byte, len(v.(string))/2)
		if _, err := fmt.Sscanf(v.(string), "%x", &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("secret %s: %v", raw, err)
	}
	return []byte(s)
}

func discard(context.Context, guard.Event) {}

func TestSetCookie(t *testing.T) {
	var all []struct {
		Cookie      json.RawMessage
		TLS         bool
		RequestPath string
		Now         int64
		SID, Secret string
		SetCookie   []string
		Status      *int
		StoreJSON   string
		Errors      []string
	}
	read(t, "set_cookie.json", &all)
	refused := 0
	for i, tt := range all {
		t.Run(fmt.Sprint(i, " ", string(tt.Cookie)), func(t *testing.T) {
			defer es.SetClock(func() time.Time { return time.UnixMilli(tt.Now) })()
			option, err := cookieOption(t, tt.Cookie)
			store := &recorder{ready: true, by: map[string]string{}}
			o := es.Options{
				Mode: es.Compat, Secret: [][]byte{[]byte(tt.Secret)}, SaveUninitialized: true, Store: store, Cookie: option,
				GenID: func(*http.Request) (string, error) { return tt.SID, nil }, Sink: discard,
			}
			fails := len(tt.Errors) > 0 || tt.Status == nil
			m, newErr := es.New(o)
			if fails || err != nil {
				refused++
				if err == nil && newErr == nil {
					t.Errorf("New() = nil, and the peer says %q for each request", tt.Errors)
				}
				return
			}
			// Paths that no request can have: the peer has no sessions then.
			if len(tt.SetCookie) == 0 && tt.StoreJSON == "" {
				if newErr == nil {
					t.Error("New() = nil, and no request would have a session")
				}
				return
			}
			if newErr != nil {
				t.Fatalf("New() = %v, want nil", newErr)
			}
			r := httptest.NewRequest("GET", "http://example.com"+tt.RequestPath, nil)
			if tt.TLS {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if got := w.Header()["Set-Cookie"]; !slices.Equal(got, tt.SetCookie) {
				t.Errorf("Set-Cookie = %q, want %q", got, tt.SetCookie)
			}
			want := tt.StoreJSON
			if string(tt.Cookie) == `{"expires":false}` { // no date, as null
				want = strings.ReplaceAll(want, "false", "null")
			}
			if option.Domain == "" { // an empty text and none are one in Go
				want = strings.Replace(want, `"domain":"",`, "", 1)
			}
			if option.Path != nil && string(tt.Cookie) == `{"path":null}` {
				want = strings.Replace(want, `"path":null`, `"path":""`, 1)
			}
			if got := store.by[tt.SID]; got != want {
				t.Errorf("stored %s, want %s", got, want)
			}
		})
	}
	if refused == 0 {
		t.Error("no set of options was refused")
	}
}
