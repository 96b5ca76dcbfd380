package expresssession

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

const practice = "sessions"

// clock is a variable for the recorded traces, whose dates are those of the recording.
var clock = time.Now

// now is Date.now().
func now() float64 { return float64(clock().UnixMilli()) }

// A Manager gives requests the sessions of an Express app. It is safe for concurrent use.
type Manager struct {
	o           Options
	toucher     Toucher
	conditional Conditional
	readier     Readier
	path        string
	eventKey    [32]byte
	turns       [64]turn

	onAnswer, onRecord hook.Func
	onHijack           func(*hook.Exchange) error
}

// New makes a manager. The error joins one [guard.OptionError] for each wrong option.
func New(o Options) (*Manager, error) {
	if err := o.problems(); err != nil {
		return nil, err
	}
	o = o.Effective()
	m := &Manager{o: o, path: o.Cookie.path()}
	if m.path == "" {
		m.path = "/"
	}
	m.toucher, _ = o.Store.(Toucher)
	m.readier, _ = o.Store.(Readier)
	if o.Mode == Strict {
		m.conditional, _ = o.Store.(Conditional)
		if c, ok := o.Store.(ConnectRedis); ok {
			m.conditional = c.conditional()
		}
	}
	if o.GenID == nil {
		m.o.GenID = generateID
	}
	rand.Read(m.eventKey[:])
	m.onAnswer, m.onRecord, m.onHijack = m.answered, m.recorded, m.hijacking
	return m, nil
}

// generateID is the peer's default: 24 bytes in base64url.
func generateID(*http.Request) (string, error) {
	var b [24]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// requestKey finds the request's sessions, whichever Manager made them: the peer's
// middleware, too, does nothing where another was before it.
type requestKey struct{}

// Handler gives next the session of its request, to be had from From.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		if q, ok := x.Value(requestKey{}).(*request); ok && q.session != nil {
			next.ServeHTTP(w, r)
			return
		}
		options := m.o.Cookie
		path := m.path
		if m.o.CookieFunc != nil {
			options = m.cookieFor(r)
			if path = options.path(); path == "" {
				path = "/"
			}
		}
		if !m.covers(path, r) {
			next.ServeHTTP(w, r)
			return
		}
		q := &request{m: m, x: x, r: r}
		if m.readier != nil && !m.readier.Ready() {
			if m.o.Mode == Strict {
				q.tell("store", guard.Failed, "the store is not ready", nil)
				unavailable(w)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		x.Set(requestKey{}, q)
		if m.o.Mode == Compat {
			// The peer is in the way of the answer before it loads, so that with unset
			// "destroy" a session that cannot be loaded is removed.
			x.On(hook.Commit, m.onAnswer)
			x.On(hook.Record, m.onRecord)
		}
		if err := q.load(options); err != nil {
			q.tell("store", guard.Failed, "the session could not be loaded", err)
			m.refuse(w, r, err)
			return
		}
		if m.o.Mode == Strict {
			x.On(hook.Commit, m.onAnswer)
			x.On(hook.Record, m.onRecord)
			x.OnHijack(m.onHijack)
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request whose session could not be loaded.
func (m *Manager) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case m.o.Mode == Strict:
		unavailable(w)
	case m.o.Error != nil:
		m.o.Error(w, r, err)
	default:
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

// cookieFor asks CookieFunc.
func (m *Manager) cookieFor(r *http.Request) Cookie {
	c := m.o.CookieFunc(r)
	if m.o.Mode == Strict {
		c = c.strict()
	}
	return c
}

// covers tells whether sessions are at the path of a request.
func (m *Manager) covers(path string, r *http.Request) bool {
	at := r.URL.EscapedPath()
	if strings.HasPrefix(r.RequestURI, "/") {
		// What a StripPrefix further out has cut is still in there.
		at, _, _ = strings.Cut(r.RequestURI, "?")
	}
	if at == "" {
		at = "/"
	}
	if !strings.HasPrefix(at, path) {
		return false
	}
	// RFC 6265 section 5.1.4. The peer's prefix is a plain one.
	return m.o.Mode == Compat || len(at) == len(path) || strings.HasSuffix(path, "/") || at[len(path)] == '/'
}

// From returns the session of the request that ctx belongs to. It is nil where the peer
// leaves req.session undefined: outside of Cookie.Path, after Unset and Destroy, and
// without a Manager.
func From(ctx context.Context) *Session {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q.session
	}
	return nil
}

// secure tells whether the client came by https.
func (m *Manager) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	switch m.o.Proxy {
	case False:
		return false
	case True:
		first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
		return strings.EqualFold(strings.TrimSpace(first), "https")
	}
	return clientip.Of(r).Scheme == "https"
}

// idOf reads the id from a request's cookie, and tells which secret signed it.
func (m *Manager) idOf(r *http.Request) (sid string, secret int, found, ok bool) {
	raw, found := cookie.Lookup(r.Header["Cookie"], m.o.Name)
	if !found || raw == "" {
		return "", 0, false, false
	}
	sid, secret, ok = cookie.DecodeSigned(raw, m.o.Secret...)
	return sid, secret, true, ok && sid != ""
}

// hashed names a session in events.
func (m *Manager) hashed(sid string) string {
	h := hmac.New(sha256.New, m.eventKey[:])
	h.Write([]byte(sid))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// tell sends one event about the session at hand.
func (q *request) tell(rule string, action guard.Action, what string, err error) {
	ctx := q.r.Context()
	if q.m.o.Sink == nil && !slog.Default().Enabled(ctx, action.Level()) {
		return
	}
	if q.sid != "" {
		what = "session " + q.m.hashed(q.sid) + ": " + what
	}
	q.m.o.Sink.Tell(ctx, guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(ctx), Detail: what, Err: err})
}

var (
	// ErrHeaderSent is returned, in Strict, by what would need a cookie when the header
	// has left.
	ErrHeaderSent = errors.New("expresssession: the header has left, and with it the last place for a cookie")
	// ErrReload is returned by Reload for a session that is no longer there.
	ErrReload = errors.New("failed to load session")
)
