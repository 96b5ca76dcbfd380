package cookiesession

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/caching"
	"github.com/panoplysec/panoply/internal/hook"
)

const practice = "sessions"

// clock is a variable for the recorded traces, whose dates are those of the recording.
var clock = time.Now

// epoch is when a cookie that is removed has ended.
var epoch = time.Unix(0, 0)

var (
	// ErrHeaderSent is returned, in Strict, by a change when the header has left.
	ErrHeaderSent = errors.New("cookiesession: the header has left, and with it the last place for a cookie")
	// ErrTooLarge is returned, in Strict, by a change that does not fit MaxBytes.
	ErrTooLarge = errors.New("cookiesession: too large for its cookies")
)

// A Manager gives requests the sessions of an Express app that keeps them in a cookie. It
// is safe for concurrent use.
type Manager struct {
	o    Options
	keys *cookie.Keygrip // nil: not signed

	onAnswer hook.Func
	onHijack func(*hook.Exchange) error
}

// New makes a manager. The error joins one [guard.OptionError] for each wrong option.
func New(o Options) (*Manager, error) {
	keys, err := o.problems()
	if err != nil {
		return nil, err
	}
	o = o.Effective()
	if o.Signed == False {
		keys = nil
	}
	m := &Manager{o: o, keys: keys}
	m.onAnswer, m.onHijack = m.answered, m.hijacking
	return m, nil
}

// requestKey finds the session of a request.
type requestKey struct{}

// Handler gives next the session of its request, to be had from From. Nothing is read
// before the session is asked for.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		outer, _ := x.Value(requestKey{}).(*Session)
		if outer.of(m) == nil {
			x.Set(requestKey{}, &Session{m: m, r: r, outer: outer, options: m.o.Cookie})
			x.On(hook.Commit, m.onAnswer)
			if m.o.Mode == Strict {
				x.OnHijack(m.onHijack)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// From returns the session of the request that ctx belongs to. It panics when no Manager
// has handled the request: a handler that needs sessions was mounted without them. Of
// several it is the session of the innermost.
func From(ctx context.Context) *Session {
	s, ok := ctx.Value(requestKey{}).(*Session)
	if !ok {
		panic("cookiesession: From: no Manager handles this request; wrap the handler in its Handler")
	}
	s.load()
	return s
}

// of returns the session that m made.
func (s *Session) of(m *Manager) *Session {
	for s != nil && s.m != m {
		s = s.outer
	}
	return s
}

// secure tells whether the client came by https.
func secure(r *http.Request) bool { return r.TLS != nil || clientip.Of(r).Scheme == "https" }

// tell sends one event.
func (s *Session) tell(rule string, action guard.Action, what string) {
	ctx := s.r.Context()
	if s.m.o.Sink == nil && !slog.Default().Enabled(ctx, action.Level()) {
		return
	}
	s.m.o.Sink.Tell(ctx, guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(ctx), Detail: what})
}

// answered writes the cookies when the header leaves.
func (m *Manager) answered(a *hook.Answer) {
	if a.Kind == hook.Trailer || a.Kind == hook.Informational && a.Status != http.StatusSwitchingProtocols {
		return
	}
	innermost, _ := a.Value(requestKey{}).(*Session)
	s := innermost.of(m)
	if s == nil || s.left {
		return
	}
	s.left = true
	if s.state == untouched {
		return
	}
	s.commit(a.Header)
	if m.o.Mode == Strict && (s.state == loaded || s.state == unset || s.IsPopulated()) {
		caching.Forbid(a.Header)
	}
}

// hijacking refuses to hand the connection over while a cookie is due that would be lost.
func (m *Manager) hijacking(x *hook.Exchange) error {
	innermost, _ := x.Value(requestKey{}).(*Session)
	s := innermost.of(m)
	if s == nil || s.left {
		return nil
	}
	if !s.due() {
		s.left = true // no cookie from here on, so no change
		return nil
	}
	return errors.New("cookiesession: Hijack would lose Set-Cookie: answer the login before the upgrade")
}

// push adds a Set-Cookie line, over those of its name when it overwrites.
func push(h http.Header, name, line string, overwrite bool) {
	lines := h["Set-Cookie"]
	if overwrite {
		kept := make([]string, 0, len(lines)+1)
		for _, l := range lines {
			if !strings.HasPrefix(l, name+"=") {
				kept = append(kept, l)
			}
		}
		lines = kept
	}
	h["Set-Cookie"] = append(lines, line)
}

// Adopt returns the members of a request's session as one JSON object: for a package that
// takes over the sessions of an Express app. It is false for a request without a session
// that is good. The error is that of sessions that are not signed, which are nobody's word.
func (m *Manager) Adopt(r *http.Request) (data []byte, ok bool, err error) {
	if m.keys == nil {
		return nil, false, errors.New("cookiesession: Adopt: with Signed False anybody could have written the session; take nothing over")
	}
	value, _, ok := m.read(r)
	if !ok {
		return nil, false, nil
	}
	o, ok := decode(value, Strict)
	if !ok {
		return nil, false, nil
	}
	return o.AppendTo(nil, nil), true, nil
}

// Retire removes the session's cookies with the header h, when the request brought any.
// What a client has copied stays good until its key is dropped.
func (m *Manager) Retire(h http.Header, r *http.Request) error {
	lines := r.Header["Cookie"]
	_, value := find(lines, m.o.Name)
	_, sig := find(lines, m.o.Name+".sig")
	if value || sig {
		s := &Session{m: m, r: r, options: m.o.Cookie}
		s.set(h, "")
	}
	return nil
}
