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
// to a login that says nothing of a password.
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
		c, ok := Read(r, one.User, one.Password, s.o.MaxBody)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		x, w, r := hook.Begin(w, r)
		defer x.End()
		mode := s.o.Mode
		if one.Observe {
			mode = guard.Observe
		}
		a := s.attempt(r.Context(), c.User, r, mode)
		if !a.Allowed {
			a.Deny(w, r)
			return
		}
		if !c.Password {
			a.partial = true
		}
		// What it answers has to be readable here.
		r.Header.Del("Accept-Encoding")
		x.Set(attemptKey{}, &attempted{a, one})
		x.On(hook.Judge, s.judge)
		next.ServeHTTP(w, r)
	})
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
	if rule.empty() {
		outcome = Judge(a.Request, a.Status, a.Header, nil)
	} else {
		outcome = rule.header(a.Status, a.Header, a.Request)
	}
	needsBody := rule.Body != "" || rule.empty() && a.Status < 300 && isJSON(a.Header)
	if outcome == Successful && needsBody {
		if a.Peek(bodyLook, peeked) {
			return
		}
		if rule.Body != "" {
			outcome = Failure // there is no body
		}
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
	if told := a.shield.o.Judged; told != nil && !a.partial {
		told(a.request, a.route.Pattern, a.user, o)
	}
	switch o {
	case Successful:
		if a.partial {
			a.Cancelled() // a name alone proves nothing
			return
		}
		a.succeed(h)
	case Undecided:
		a.Cancelled()
	default:
		a.Failed()
	}
}
