package formtoken

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/caching"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/internal/sanity"
)

const (
	// MaxPage is how long a page may be, in bytes, for its forms to get tokens.
	MaxPage = 1 << 20
	// RulePage is told of a page whose forms could not be given tokens.
	RulePage = "token-page"

	seedLen = 24
)

// Options configure a Step.
type Options struct {
	// Paths are those whose pages get tokens and whose forms need them: "/account" is that
	// page, "/account/" also what is below.
	Paths []string
	// Routes are those of csrf.Options: what is exempt there, or observed, is so here.
	Routes []csrf.Route
	// Key signs the tokens, and makes the names of the cookie and the field, with Site. At
	// least csrf.MinKey bytes.
	Key []byte
	// Site tells doors of one host apart.
	Site string
	// Mode, Sink and Deny are as in csrf.Options. Under guard.Observe pages are changed and
	// nothing is refused.
	Mode guard.Mode
	Sink guard.Sink
	Deny guard.Deny
}

// A Step is safe for concurrent use.
type Step struct {
	o        Options
	paths    []sanity.Route
	tokens   *csrf.Guard
	cookie   string
	onAnswer hook.Func
	onPage   hook.PeekFunc
}

// New makes a Step, or tells every problem at once.
func New(o Options) (*Step, error) {
	p := guard.Problems{Package: "formtoken"}
	var paths []sanity.Route
	for i, path := range o.Paths {
		route, err := sanity.ParseRoute(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			p.Add(fmt.Sprintf("Paths[%d]", i), path, "a path such as /account or /account/", "")
		}
		paths = append(paths, route)
	}
	// The names say nothing of this program, and differ from door to door.
	s := &Step{o: o, paths: paths, cookie: "__Host-" + nameFor(o, "cookie", 6)}
	var err error
	s.tokens, err = csrf.New(csrf.Options{
		Binding: s.binding, Keys: [][]byte{o.Key}, Mode: o.Mode, Sink: o.Sink, Deny: o.Deny,
		TokenField: "f" + nameFor(o, "field", 7), TokenHeader: "X-" + nameFor(o, "header", 7), Routes: o.Routes,
	})
	p.Note(err)
	s.onAnswer, s.onPage = s.answered, s.page
	return s, p.Err()
}

func nameFor(o Options, use string, n int) string {
	m := hmac.New(sha256.New, o.Key)
	m.Write([]byte("panoply/formtoken/1 " + use + " " + o.Site))
	return strings.ToLower(base32.StdEncoding.EncodeToString(m.Sum(nil)))[:n]
}

// seed is what the client of a request has, or is about to get, in the cookie.
type seed struct {
	value string
	fresh bool // not sent yet
}

type seedKey struct{}

// binding is what tokens are bound to: the cookie.
func (s *Step) binding(r *http.Request) ([]byte, error) {
	if sd, ok := r.Context().Value(seedKey{}).(*seed); ok {
		return []byte(sd.value), nil
	}
	return nil, errors.New("formtoken: the request did not come through Handler")
}

// Handler gives the forms of pages tokens and refuses forms without one.
func (s *Step) Handler(next http.Handler) http.Handler {
	if s.o.Mode == guard.Off || len(s.o.Paths) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL == nil || !s.covers(r) {
			next.ServeHTTP(w, r)
			return
		}
		x, w, r := hook.Begin(w, r)
		defer x.End()
		sd := s.seedOf(r)
		x.Set(seedKey{}, sd)
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions && csrf.FormContent(r) && !s.tokens.Exempts(r) {
			if refused, ok := errors.AsType[*csrf.Refusal](s.tokens.CheckToken(r)); ok && s.tokens.Refuse(w, r, refused) {
				return
			}
		}
		r.Header.Del("Accept-Encoding") // what is answered has to be readable here
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
			// A page that the browser keeps from before has no token, and a part of one
			// gets none.
			for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "If-Range", "Range"} {
				r.Header.Del(name)
			}
		}
		x.On(hook.Headers, s.onAnswer)
		next.ServeHTTP(w, r)
	})
}

// covers tells whether an application may take the path for one of those named: in another
// case, with two slashes. It would answer its form there, too.
func (s *Step) covers(r *http.Request) bool {
	for _, p := range s.paths {
		if p.MayReach(r) {
			return true
		}
	}
	return false
}

// seedOf reads the cookie, or makes what will be in it.
func (s *Step) seedOf(r *http.Request) *seed {
	if v, ok := cookie.Lookup(r.Header["Cookie"], s.cookie); ok {
		if raw, err := base64.RawURLEncoding.DecodeString(v); err == nil && len(raw) == seedLen {
			return &seed{value: v}
		}
	}
	var raw [seedLen]byte
	rand.Read(raw[:]) // never fails (crypto/rand)
	return &seed{value: base64.RawURLEncoding.EncodeToString(raw[:]), fresh: true}
}

// answered asks for the page of an answer that is one.
func (s *Step) answered(a *hook.Answer) {
	if a.Kind != hook.Final || a.Status == http.StatusPartialContent || a.Replaced() || !isPage(a.Header) {
		return
	}
	if enc := a.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		s.tellPage(a, "a page came compressed although nobody asked for it; its forms have no tokens")
		return
	}
	a.Peek(MaxPage, s.onPage)
}

// isPage tells HTML in an encoding in which markup is ASCII.
func isPage(h http.Header) bool {
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && t == "" {
		return false
	}
	return t == "text/html" && !strings.HasPrefix(strings.ToLower(params["charset"]), "utf-16")
}

// page gives the forms of a page tokens.
func (s *Step) page(a *hook.Answer, body []byte, whole bool) {
	if !whole {
		s.tellPage(a, fmt.Sprintf("a page is longer than %d bytes; its forms have no tokens", MaxPage))
		return
	}
	ends, why := find(body, pageURL(a.Request))
	switch {
	case why != "":
		s.tellPage(a, why+"; its forms have no tokens")
		return
	case len(ends) == 0:
		return
	}
	field, err := s.tokens.Field(a.Request)
	if err != nil {
		s.tellPage(a, err.Error()) // cannot be: Handler has set the seed
		return
	}
	a.Replace(a.Status, insert(body, string(field), ends))
	caching.Forbid(a.Header)
	if sd, ok := a.Value(seedKey{}).(*seed); ok && sd.fresh {
		a.Header.Add("Set-Cookie", s.cookie+"="+sd.value+"; Path=/; Secure; HttpOnly; SameSite=Lax")
		sd.fresh = false
	}
}

// pageURL is the address under which the client asked for a page.
func pageURL(r *http.Request) *url.URL {
	c := clientip.Of(r)
	return &url.URL{Scheme: c.Scheme, Host: c.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
}

func (s *Step) tellPage(a *hook.Answer, what string) {
	ctx := a.Request.Context()
	s.o.Sink.Tell(ctx, guard.Event{
		Practice: "csrf", Rule: RulePage, Action: guard.Failed, Request: hook.RequestID(ctx),
		Detail: what, Err: errors.New("formtoken: " + what),
	})
}
