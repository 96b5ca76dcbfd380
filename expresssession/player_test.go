package expresssession_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/panoplysec/panoply/clientip"
	es "github.com/panoplysec/panoply/expresssession"
)

// A player does what the traces' handlers did.
type player struct {
	t        *testing.T
	m        *es.Manager
	rec      *recorder
	now      *int64
	twice    bool
	resolver *clientip.Resolver
	errs     []string
	nested   *step // of the request at hand
}

func shown(s *es.Session) *string {
	text := "undefined"
	if s != nil {
		text = string(s.JSON())
	}
	return &text
}

func (p *player) play(in request, actions [][]json.RawMessage) *response {
	out := &response{}
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out.Handler = true
		s := es.From(r.Context())
		out.Session = shown(s)
		if s != nil {
			out.SessionID = s.ID()
		}
		for _, a := range actions {
			if !p.act(w, r, in, a, out) {
				return
			}
		}
		_, _ = w.Write([]byte("ok"))
	}))
	h = p.m.Handler(h)
	if p.twice {
		h = p.m.Handler(h)
	}
	if p.resolver != nil {
		h = p.resolver.Handler(h)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, p.httpRequest(in))
	out.Status = &w.Code
	out.SetCookie = w.Result().Header["Set-Cookie"]
	return out
}

// failed is next(err): the answer of an error page, and no more actions.
func (p *player) failed(w http.ResponseWriter, err error) bool {
	p.errs = append(p.errs, err.Error())
	http.Error(w, "error", http.StatusInternalServerError)
	return false
}

func (p *player) act(w http.ResponseWriter, r *http.Request, in request, a []json.RawMessage, out *response) (on bool) {
	t := p.t
	str := func(i int) (s string) {
		if i < len(a) {
			_ = json.Unmarshal(a[i], &s)
		}
		return s
	}
	num := func(i int) (n float64) { _ = json.Unmarshal(a[i], &n); return n }
	s := es.From(r.Context())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", a[0], err)
		}
	}
	switch str(0) {
	case "set":
		switch kind, v := special(a[2]); kind {
		case "$undef":
			must(s.Delete(str(1)))
		case "$nan":
			must(s.Set(str(1), nil))
		case "$date":
			must(s.Set(str(1), time.UnixMilli(int64(v.(float64))).UTC().Format("2006-01-02T15:04:05.000Z")))
		default:
			var v any
			must(json.Unmarshal(a[2], &v))
			must(s.Set(str(1), v))
		}
	case "setIn":
		raw, _ := s.Get(str(1))
		var o map[string]json.RawMessage
		must(json.Unmarshal(raw, &o))
		o[str(2)] = a[3]
		must(s.Set(str(1), o))
	case "del":
		must(s.Delete(str(1)))
	case "readonly":
		out.Read = shown(s)
	case "view":
		v := view{Session: *shown(s), ID: s.ID()}
		if d, ok := s.MaxAge(); ok {
			v.CookieMaxAge = new(float64(d) / 1e6)
		}
		out.Views = append(out.Views, v)
	case "null", "unset":
		s.Unset()
	case "save":
		must(s.Save())
	case "reload":
		if err := s.Reload(); err != nil {
			return p.failed(w, err)
		}
	case "regenerate":
		if err := s.Regenerate(); err != nil {
			return p.failed(w, err)
		}
	case "destroy":
		must(s.Destroy())
	case "touch":
		must(s.Touch())
	case "maxAge":
		must(s.SetMaxAge(time.Duration(num(1)) * time.Millisecond))
	case "expires":
		must(es.SetCookieMember(s, "expires", a[1]))
	case "cookie":
		must(es.SetCookieMember(s, str(1), a[2]))
	case "header":
		var many []string
		if json.Unmarshal(a[2], &many) == nil {
			w.Header()[str(1)] = many
		} else {
			w.Header().Set(str(1), str(2))
		}
	case "status":
		w.WriteHeader(int(num(1)))
	case "write":
		_, _ = w.Write([]byte(str(1)))
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	case "external":
		p.rec.by[str(1)] = str(2)
	case "emit":
		p.rec.ready = str(1) == "connect"
	case "advance", "wait":
		*p.now += int64(num(1))
	case "nested":
		// A whole other request while this one waits.
		n := p.nested
		outer := p.rec.ops
		p.rec.ops = nil
		compare(t, "nested", p.play(n.Request, n.Actions), &n.Response)
		compareOps(t, "nested", p.rec.ops, n.StoreOps)
		p.rec.ops = outer
	default:
		t.Fatalf("action %s", a[0])
	}
	return true
}
