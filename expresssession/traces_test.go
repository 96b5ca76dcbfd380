package expresssession_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/clientip"
	es "github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
)

// A recorder is the traces' store: it notes each call, expires as MemoryStore does, and
// fails where it is told to.
type recorder struct {
	by    map[string]string
	ops   []op
	fail  map[string]struct{ Message, Code string }
	ready bool
	now   func() int64
}

type op struct {
	Op, SID, JSON, Cookie, Error, Code string
	Hit                                bool
}

func (s *recorder) failing(o *op) error {
	if f, ok := s.fail[o.Op]; ok {
		o.Error, o.Code = f.Message, f.Code
		s.ops = append(s.ops, *o)
		return errors.New(f.Message)
	}
	s.ops = append(s.ops, *o)
	return nil
}

func (s *recorder) live(sid string) (string, bool) {
	text, ok := s.by[sid]
	var v struct{ Cookie struct{ Expires *time.Time } }
	if ok && json.Unmarshal([]byte(text), &v) == nil && v.Cookie.Expires != nil && s.now != nil && v.Cookie.Expires.UnixMilli() <= s.now() {
		delete(s.by, sid)
		return "", false
	}
	return text, ok
}

func (s *recorder) Get(_ context.Context, sid string) ([]byte, bool, error) {
	if f, ok := s.fail["get"]; ok {
		o := op{Op: "get", SID: sid}
		err := s.failing(&o)
		if f.Code == "ENOENT" { // a Go store says this by false
			return nil, false, nil
		}
		return nil, false, err
	}
	text, ok := s.live(sid)
	s.ops = append(s.ops, op{Op: "get", SID: sid, Hit: ok})
	return []byte(text), ok, nil
}

func (s *recorder) Set(_ context.Context, sid string, v es.Stored) error {
	if err := s.failing(&op{Op: "set", SID: sid, JSON: string(v.JSON)}); err != nil {
		return err
	}
	s.by[sid] = string(v.JSON)
	return nil
}

func (s *recorder) Destroy(_ context.Context, sid string) error {
	if err := s.failing(&op{Op: "destroy", SID: sid}); err != nil {
		return err
	}
	delete(s.by, sid)
	return nil
}

func (s *recorder) Ready() bool { return s.ready }

// touching is a recorder with touch.
type touching struct{ *recorder }

func (s touching) Touch(_ context.Context, sid string, v es.Stored) error {
	if err := s.failing(&op{Op: "touch", SID: sid, Cookie: string(v.Cookie)}); err != nil {
		return err
	}
	if text, ok := s.live(sid); ok {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return err
		}
		s.by[sid] = strings.Replace(text, string(m["cookie"]), string(v.Cookie), 1)
	}
	return nil
}

type trace struct {
	ID               string
	Clock            int64
	Options          map[string]json.RawMessage
	Genid            []any
	Seed             map[string]string
	SeedRedis        map[string]string
	RedisStore       map[string]json.RawMessage
	TrustProxy       any
	ConstructorError string
	Twice            bool
	Store            struct {
		Touch *bool
		Fail  map[string]struct{ Message, Code string }
	}
	Steps      []step
	FinalStore map[string]string
}

type step struct {
	Request  request
	Now      int64
	Actions  [][]json.RawMessage
	Response response
	StoreOps []op
	Redis    [][]string
}

type request struct {
	Method, Path string
	Cookie       *string
	Headers      map[string]string
	TLS          bool
}

// A view is the session as a handler saw it, with cookie.maxAge in milliseconds.
type view struct {
	Session      string
	CookieMaxAge *float64
	ID           string
}

type response struct {
	Status    *int
	SetCookie []string
	Handler   bool
	Session   *string
	SessionID any
	Errors    []string
	Nested    *step
	Views     []view
	Read      *string
	Hang      bool
}

// notInGo are traces of what cannot be written in Go: the types forbid it, or New does.
var notInGo = map[string]string{
	"sessionid-bogus":     "req.sessionID cannot be overwritten",
	"cookie-key-replaced": "hang: the cookie cannot be deleted",
	"session-replaced":    "hang: the session cannot be replaced by another object",
	"maxage-string":       "hang: a duration is no text",
	"name-bad":            "New refuses the name",
	"no-secret":           "New refuses to go without",
	"empty-secret-array":  "New refuses, as the peer's constructor does",
	"bad-unset":           "New refuses, as the peer's constructor does",
}

func (tt *trace) options(t *testing.T) (o es.Options, err error) {
	o = es.Options{Mode: es.Compat}
	truth := func(name string, absent bool) bool {
		raw, ok := tt.Options[name]
		if kind, _ := special(raw); !ok || kind == "$undef" {
			return absent
		}
		return string(raw) == "true"
	}
	str := func(name string) (s string) { _ = json.Unmarshal(tt.Options[name], &s); return s }
	var many []json.RawMessage
	if raw := tt.Options["secret"]; json.Unmarshal(raw, &many) == nil {
		for _, one := range many {
			o.Secret = append(o.Secret, secretBytes(t, one))
		}
	} else if kind, _ := special(raw); kind != "$undef" {
		o.Secret = [][]byte{secretBytes(t, raw)}
	}
	o.Resave, o.SaveUninitialized, o.Rolling = truth("resave", true), truth("saveUninitialized", true), truth("rolling", false)
	o.Unset, o.Name = str("unset"), str("name")
	if raw, ok := tt.Options["proxy"]; ok {
		o.Proxy = es.Flag(raw)
	}
	if raw, ok := tt.Options["cookie"]; ok {
		if kind, name := special(raw); kind == "$fn" {
			o.CookieFunc = functions[name.(string)]
		} else {
			o.Cookie, err = cookieOption(t, raw)
		}
	}
	ids := slices.Clone(tt.Genid)
	o.GenID = func(*http.Request) (string, error) {
		id := ids[0]
		ids = ids[1:]
		if s, ok := id.(string); ok {
			return s, nil
		}
		return "", errors.New("no text")
	}
	return o, err
}

// functions are the traces' cookie functions.
var functions = map[string]func(*http.Request) es.Cookie{
	"pathFirstSegment": func(r *http.Request) es.Cookie {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		path := "/" + first
		return es.Cookie{Path: &path, HTTPOnly: es.True, MaxAge: new(time.Minute)}
	},
	"secureAutoFn":   func(*http.Request) es.Cookie { return es.Cookie{Secure: es.Auto, MaxAge: new(time.Minute)} },
	"sameSiteAutoFn": func(*http.Request) es.Cookie { return es.Cookie{SameSite: "auto"} },
	"shortForApi": func(r *http.Request) es.Cookie {
		d := time.Hour
		if strings.HasPrefix(r.URL.Path, "/api") {
			d = 30 * time.Second
		}
		return es.Cookie{MaxAge: &d, SameSite: "lax"}
	},
}

func TestTraces(t *testing.T) {
	var all []trace
	read(t, "traces.json", &all)
	passed := 0
	for _, tt := range all {
		t.Run(tt.ID, func(t *testing.T) {
			if why := notInGo[tt.ID]; why != "" {
				o, err := tt.options(t)
				o.Store = &recorder{}
				if _, newErr := es.New(o); strings.HasPrefix(why, "New refuses") && newErr == nil && err == nil {
					t.Errorf("New() = nil, want an error")
				}
				return
			}
			run(t, &tt, nil)
			if !t.Failed() {
				passed++
			}
		})
	}
	t.Logf("%d of %d traces, the others cannot be written in Go", passed, len(all))
}

// run replays a trace and compares everything that was recorded.
func run(t *testing.T, tt *trace, store es.Store) (*recorder, *int64) {
	now := tt.Clock
	t.Cleanup(es.SetClock(func() time.Time { return time.UnixMilli(now) }))
	rec := &recorder{by: map[string]string{}, fail: tt.Store.Fail, ready: true, now: func() int64 { return now }}
	for sid, text := range tt.Seed {
		rec.by[sid] = text
	}
	o, err := tt.options(t)
	if err != nil {
		t.Fatal(err)
	}
	var late []string
	o.Sink = func(_ context.Context, e guard.Event) {
		if e.Err != nil && e.Rule != "id" && e.Rule != "regenerated" && e.Rule != "destroyed" {
			late = append(late, e.Err.Error())
		}
	}
	o.Error = func(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(500) }
	switch {
	case store != nil:
		o.Store = store
	case tt.Store.Touch != nil && !*tt.Store.Touch:
		o.Store = rec
	default:
		o.Store = touching{rec}
	}
	m, err := es.New(o)
	if err != nil {
		t.Fatal(err)
	}
	x := &player{t: t, m: m, rec: rec, now: &now, twice: tt.Twice}
	if tt.TrustProxy != nil {
		proxies, err := clientip.ParseProxies([]string{"192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		if x.resolver, err = clientip.New(clientip.Options{Proxies: proxies}); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range tt.Steps {
		now = s.Now
		rec.ops, late, x.errs = nil, nil, nil
		x.nested = s.Response.Nested
		got := x.play(s.Request, s.Actions)
		got.Errors = append(x.errs, late...)
		what := fmt.Sprintf("request %d", i)
		compare(t, what, got, &s.Response)
		if store == nil {
			compareOps(t, what, rec.ops, s.StoreOps)
		}
	}
	if store == nil && tt.FinalStore != nil {
		for sid, want := range tt.FinalStore {
			if got := rec.by[sid]; got != want {
				t.Errorf("in the end %s holds %s, want %s", sid, got, want)
			}
		}
		if len(rec.by) != len(tt.FinalStore) {
			t.Errorf("in the end the store holds %d sessions, want %d: %v", len(rec.by), len(tt.FinalStore), rec.by)
		}
	}
	return rec, &now
}

func compareOps(t *testing.T, what string, got, want []op) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: calls to the store\n  %+v\nwant\n  %+v", what, got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: call %d is\n  %+v, want\n  %+v", what, i, got[i], want[i])
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func compare(t *testing.T, what string, got, want *response) {
	t.Helper()
	if want.Status != nil && *got.Status != *want.Status {
		t.Errorf("%s: status %d, want %d", what, *got.Status, *want.Status)
	}
	if !slices.Equal(got.SetCookie, want.SetCookie) {
		t.Errorf("%s: Set-Cookie\n  %q, want\n  %q", what, got.SetCookie, want.SetCookie)
	}
	if got.Handler != want.Handler {
		t.Errorf("%s: handler reached: %v, want %v", what, got.Handler, want.Handler)
	}
	if want.Handler && deref(got.Session) != deref(want.Session) {
		t.Errorf("%s: session\n  %s, want\n  %s", what, deref(got.Session), deref(want.Session))
	}
	if want, ok := want.SessionID.(string); ok && got.SessionID != want {
		t.Errorf("%s: id %v, want %v", what, got.SessionID, want)
	}
	if g, w := fmt.Sprint(got.Views), fmt.Sprint(want.Views); len(got.Views) != len(want.Views) {
		t.Errorf("%s: views %s, want %s", what, g, w)
	}
	for i := range min(len(got.Views), len(want.Views)) {
		g, w := got.Views[i], want.Views[i]
		if g.Session != w.Session || g.ID != w.ID || (g.CookieMaxAge == nil) != (w.CookieMaxAge == nil) || g.CookieMaxAge != nil && *g.CookieMaxAge != *w.CookieMaxAge {
			t.Errorf("%s: view %d is %+v, want %+v", what, i, g, w)
		}
	}
	if want.Read != nil && deref(got.Read) != *want.Read {
		t.Errorf("%s: read %s, want %s", what, deref(got.Read), *want.Read)
	}
	if want.Handler && len(want.Errors) != len(got.Errors) {
		t.Errorf("%s: errors %q, want %q", what, got.Errors, want.Errors)
	}
}

// httptestRequest is what came over the wire.
func (p *player) httpRequest(in request) *http.Request {
	r := httptest.NewRequest(in.Method, "http://example.com"+in.Path, nil)
	r.RequestURI = in.Path
	if in.Cookie != nil {
		r.Header["Cookie"] = []string{*in.Cookie}
	}
	for k, v := range in.Headers {
		r.Header.Set(k, v)
	}
	if in.TLS {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}
