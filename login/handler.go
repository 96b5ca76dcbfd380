package login

import (
	"net/http"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// attemptKey is where a request keeps what Handler began.
type attemptKey struct{}

// attempted is a request to a login.
type attempted struct {
	*Attempt
	route *route
}

// Handler protects Options.Routes: it counts before next is called, refuses what is too
// much, and reads from the answer how it went. Other requests pass, and so does a request
// to a login that brings nothing to log in with. What has a body in which no user and no
// password is found is counted by its address.
//
// An attempt stays counted where next panics, takes the connection over, or gives its
// answer to a client that has gone.
func (s *Shield) Handler(next http.Handler) http.Handler {
	if len(s.routes) == 0 || s.o.Mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := s.match(r)
		if one == nil {
			next.ServeHTTP(w, r)
			return
		}
		c, ok := one.read(r, s.o.MaxBody)
		if !ok && (one.inHeader() || !hasBody(r)) {
			next.ServeHTTP(w, r)
			return
		}
		x, w, r := hook.Begin(w, r)
		defer x.End()
		mode := s.o.Mode
		if one.Observe {
			mode = guard.Observe
		}
		a := s.attempt(r.Context(), claim{realm: one.Realm, user: c.User, others: c.Others, unproven: c.Unsure || !c.Password, key: one.Key != ""}, r, mode)
		if !a.Allowed {
			a.Deny(w, r)
			return
		}
		if mode == guard.Enforce {
			// What it answers has to be readable here. A guard that observes changes no
			// request, and takes what it cannot read for what it looks like.
			r.Header.Del("Accept-Encoding")
		}
		x.Set(attemptKey{}, &attempted{a, one})
		x.On(hook.Judge, judged)
		returned := false
		defer func() {
			if !returned {
				a.Failed() // whoever recovers may answer 500, which would give it back
			}
		}()
		next.ServeHTTP(w, r)
		returned = true
	})
}

// inHeader tells a route whose credentials come with every request.
func (r *route) inHeader() bool { return r.Basic || r.Key != "" }

// read finds the credentials where this route takes them from.
func (r *route) read(req *http.Request, maxBody int64) (Credentials, bool) {
	if r.Key != "" {
		return Credentials{Password: true}, req.Header.Get(r.Key) != ""
	}
	if !r.Basic {
		return Read(req, r.User, r.Password, maxBody)
	}
	c, ok := readBasic(req)
	c.Unsure = c.User == Unreadable
	return c, ok
}

// Protects tells whether Handler counts a request to this address.
func (s *Shield) Protects(r *http.Request) bool { return s.o.Mode != guard.Off && s.match(r) != nil }

// judged is the Judge phase: it sees the answer as the app gave it.
func judged(a *hook.Answer) {
	at, _ := a.Value(attemptKey{}).(*attempted)
	if at == nil || a.Kind != hook.Final {
		return
	}
	rule := &at.route.Success
	outcome := Undecided
	switch {
	case !rule.empty():
		outcome = rule.header(a.Status, a.Header, a.Request)
	case at.route.inHeader():
		at.basic(a.Status, a.Header)
		return
	default:
		outcome = Judge(a.Request, a.Status, a.Header, nil)
	}
	needsBody := rule.Body != "" || rule.empty() && saysInBody(a.Status, a.Header)
	encoded := a.Header.Get("Content-Encoding") != ""
	if outcome == Successful && needsBody {
		if encoded && at.mode == guard.Observe {
			at.succeed(a.Header) // nobody is told: it may be a failure
			return
		}
		// One that is compressed although nobody asked for it proves nothing either.
		if !encoded && a.Peek(bodyLook, peeked) {
			return
		}
		outcome = Failure // there is none to prove it, as with HEAD
	}
	at.settle(outcome, a.Header)
}

func peeked(a *hook.Answer, body []byte, _ bool) {
	at, _ := a.Value(attemptKey{}).(*attempted)
	rule := &at.route.Success
	switch {
	case rule.empty():
		at.settle(Judge(a.Request, a.Status, a.Header, body), a.Header)
	case rule.inBody(body):
		at.settle(Successful, a.Header)
	default:
		at.settle(Failure, a.Header)
	}
}

func (a *attempted) settle(o Outcome, h http.Header) {
	a.told(o)
	switch o {
	case Successful:
		a.succeed(h)
	case Undecided:
		a.undecided()
	default:
		a.Failed()
	}
}

// basic judges an answer where all paths ask for the password: 401 alone says that it was
// wrong. A page that is not there says nothing, and a browser asks for some of them.
func (a *attempted) basic(status int, h http.Header) {
	switch {
	case status == http.StatusUnauthorized:
		a.told(Failure)
		a.Failed()
	case status >= 500:
		a.undecided()
	case status >= 400:
		a.Cancelled()
	default:
		a.told(Successful)
		a.succeed(h)
	}
}

// told passes on what was found out about the user that is named.
func (a *attempted) told(o Outcome) {
	if judged := a.shield.o.Judged; judged != nil && !a.unproven {
		judged(a.request, a.route.Pattern, a.user, o)
	}
}
