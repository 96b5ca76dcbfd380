package cookiesession_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/clientip"
	cs "github.com/panoplysec/panoply/cookiesession"
)

type step struct {
	Request struct {
		Method, Path string
		Cookie       *string
		Headers      map[string]string
		TLS          bool
	}
	Now      int64
	Actions  [][]json.RawMessage
	Response struct {
		Status            int
		SetCookie         []string
		Session           string
		Flags, FlagsAtEnd *flags
		Errors            []string
	}
}

func TestTraces(t *testing.T) {
	var all []struct {
		ID               string
		Options          map[string]json.RawMessage
		ConstructorError string
		TrustProxy       any
		Steps            []step
	}
	read(t, "traces.json", &all)
	for _, tt := range all {
		t.Run(tt.ID, func(t *testing.T) {
			now := int64(0)
			defer cs.SetClock(func() time.Time { return time.UnixMilli(now) })()
			o, err := translate(t, tt.Options)
			if err != nil {
				t.Fatal(err)
			}
			m, err := cs.New(o)
			if err != nil {
				for _, s := range tt.Steps {
					if len(s.Response.SetCookie) > 0 {
						t.Errorf("New() = %v, and the peer sends %q", err, s.Response.SetCookie)
					}
				}
				return
			}
			if tt.ConstructorError != "" {
				t.Fatalf("New() = nil, the peer says %q", tt.ConstructorError)
			}
			for i, s := range tt.Steps {
				now = s.Now
				replay(t, fmt.Sprintf("request %d", i), m, &o, &s, tt.TrustProxy != nil)
			}
		})
	}
}

func replay(t *testing.T, what string, m *cs.Manager, o *cs.Options, s *step, trust bool) {
	r := httptest.NewRequest(s.Request.Method, "http://example.com"+s.Request.Path, nil)
	if s.Request.Cookie != nil {
		r.Header["Cookie"] = []string{*s.Request.Cookie}
	}
	for k, v := range s.Request.Headers {
		r.Header.Set(k, v)
	}
	if s.Request.TLS {
		r.TLS = &tls.ConnectionState{}
	}
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := cs.From(r.Context())
		if got := string(x.JSON()); got != s.Response.Session {
			t.Errorf("%s: session %s, want %s", what, got, s.Response.Session)
		}
		if got := flagsOf(x); s.Response.Flags != nil && got != *s.Response.Flags {
			t.Errorf("%s: flags %+v, want %+v", what, got, *s.Response.Flags)
		}
		for _, a := range s.Actions {
			if err := act(w, x, o, a); err != nil {
				if len(s.Response.Errors) == 0 {
					t.Errorf("%s: %s: %v", what, a[0], err)
				}
				http.Error(w, "error", http.StatusInternalServerError)
				return
			}
		}
		if got := flagsOf(x); s.Response.FlagsAtEnd != nil && got != *s.Response.FlagsAtEnd {
			t.Errorf("%s: flags at the end %+v, want %+v", what, got, *s.Response.FlagsAtEnd)
		}
		_, _ = w.Write([]byte("ok"))
	}))
	if trust {
		proxies, err := clientip.ParseProxies([]string{"192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		resolver, err := clientip.New(clientip.Options{Proxies: proxies})
		if err != nil {
			t.Fatal(err)
		}
		h = resolver.Handler(h)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != s.Response.Status {
		t.Errorf("%s: status %d, want %d", what, w.Code, s.Response.Status)
	}
	if got := latin1(w.Result().Header["Set-Cookie"]); !slices.Equal(got, s.Response.SetCookie) {
		t.Errorf("%s: Set-Cookie\n  %q, want\n  %q", what, got, s.Response.SetCookie)
	}
}

func act(w http.ResponseWriter, s *cs.Session, o *cs.Options, a []json.RawMessage) error {
	str := func(i int) (s string) { _ = json.Unmarshal(a[i], &s); return s }
	switch str(0) {
	case "set":
		return s.Set(str(1), a[2])
	case "del":
		return s.Delete(str(1))
	case "null":
		return s.Unset()
	case "replace":
		return s.Replace(a[1])
	case "opt":
		var n float64
		if err := json.Unmarshal(a[2], &n); err != nil || str(1) != "maxAge" || math.IsNaN(n) {
			return fmt.Errorf("option %s", a[1])
		}
		c := o.Cookie
		c.MaxAge = new(time.Duration(n * 1e6))
		return s.SetOptions(c)
	case "header":
		var lines []string
		if err := json.Unmarshal(a[2], &lines); err != nil {
			return err
		}
		w.Header()[str(1)] = lines
	case "write":
		_, _ = w.Write([]byte(str(1)))
		w.(http.Flusher).Flush()
	default:
		return errors.New("unknown action")
	}
	return nil
}
