package session

import (
	"context"
	"errors"
	"hash/crc32"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// practice is the id under which the manager tells.
const practice = "sessions"

// A Manager gives requests their sessions, whose data is a T. It is safe for concurrent
// use.
type Manager[T any] struct {
	core
}

// core is what does not depend on T.
type core struct {
	store      Store
	index      Index   // nil when the store is none
	sealed     *Sealed // nil: sessions live in the store
	sealer     *cookie.Sealer
	memory     *Memory // the store, when it is one: it holds what this process holds anyway, unsealed
	ring       []*ringKey
	timeouts   Timeouts
	maxPerUser int
	maxBytes   int
	outage     bool // pass while the store is out
	sink       guard.Sink
	former     Former // nil: none
	formerToo  bool
	formerUser func([]byte) string

	name       string
	chunks     [maxChunks]string // names of a sealed session's cookies
	attributes string
	deletion   string
	persistent bool
	shape      uint32

	warnings []string
	warned   sync.Once
	turns    [64]turn

	onAnswer, onRecord hook.Func
	onHijack           func(*hook.Exchange) error
}

// A turn is taken by who found that another request had changed the session.
type turn struct {
	mu      sync.Mutex
	waiting atomic.Int32
}

// New makes a manager. The error joins one [guard.OptionError] for each wrong option.
func New[T any](o Options) (*Manager[T], error) {
	if err := o.problems(); err != nil {
		return nil, err
	}
	o = o.Effective()
	m := &Manager[T]{core: core{
		store: o.Store, timeouts: o.Timeouts, maxPerUser: o.MaxPerUser, maxBytes: o.MaxBytes,
		outage: o.InsecureAnonymousOnOutage != "", sink: o.Sink,
		former: o.Former, formerToo: o.FormerToo, formerUser: o.FormerUser,
		name: o.Name, attributes: o.attributes(), persistent: o.Persistent,
	}}
	c := &m.core
	c.index, _ = o.Store.(Index)
	c.memory, _ = o.Store.(*Memory)
	for _, key := range o.Keys {
		c.ring = append(c.ring, newRingKey(key))
	}
	c.chunks = chunkNames(c.name)
	c.deletion = c.name + "=" + c.attributes + "; Max-Age=0"
	c.shape = shapeOf(reflect.TypeFor[T]())
	if o.Sealed != nil {
		var err error
		if c.sealer, err = cookie.NewSealer(cookie.SealerOptions{Keys: o.Keys, Use: "panoply session/1"}); err != nil {
			return nil, err
		}
		c.sealed, c.store = o.Sealed, o.Sealed.Ended
	}
	if o.InsecureCookie != "" {
		c.warnings = append(c.warnings, "the cookie travels over plain http: "+o.InsecureCookie)
	}
	if o.InsecureAnonymousOnOutage != "" {
		c.warnings = append(c.warnings, "requests pass without session while the store is out: "+o.InsecureAnonymousOnOutage)
	}
	c.onAnswer, c.onRecord, c.onHijack = c.answered, c.recorded, c.hijacking
	return m, nil
}

// shapeOf names the form of a type, so that data written from another version of it is
// known: its members that this version lacks are kept.
func shapeOf(t reflect.Type) uint32 {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		b.WriteString(t.String())
		if seen[t] {
			return
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				f := t.Field(i)
				b.WriteString("{" + f.Name + " " + string(f.Tag) + " ")
				walk(f.Type)
				b.WriteByte('}')
			}
		}
	}
	walk(t)
	return crc32.ChecksumIEEE([]byte(b.String())) | 1 // 0 is foreign data
}

// sessionKey finds the session of the innermost manager of T.
type sessionKey[T any] struct{}

// requestKey finds the sessions of one manager.
type requestKey struct{ c *core }

// Handler gives next the session of its request, to be had from From. Nothing is read
// from the store before the session is asked for.
//
// The session is saved when the answer's header leaves, by whatever way it leaves. When
// that fails the answer is 503.
func (m *Manager[T]) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		s := &Session[T]{}
		s.start(&m.core, r)
		s.request.typed = s
		x.Set(sessionKey[T]{}, s)
		x.Set(requestKey{&m.core}, &s.request)
		x.On(hook.Commit, m.onAnswer)
		x.On(hook.Record, m.onRecord)
		x.OnHijack(m.onHijack)
		if len(m.warnings) > 0 {
			m.warn(r.Context())
		}
		next.ServeHTTP(w, r)
	})
}

// From returns the session of the request that ctx belongs to. It panics when no Manager
// of T has handled the request: a handler that needs sessions was mounted without them.
func From[T any](ctx context.Context) *Session[T] {
	s, ok := ctx.Value(sessionKey[T]{}).(*Session[T])
	if !ok {
		panic("session: From: no Manager of " + reflect.TypeFor[T]().String() + " handles this request; wrap the handler in its Handler")
	}
	return s
}

func (c *core) requestOf(a *hook.Answer) *request {
	q, _ := a.Value(requestKey{c}).(*request)
	return q
}

// answered saves when the final header leaves, and when a 101 does.
func (c *core) answered(a *hook.Answer) {
	if a.Kind == hook.Trailer || a.Kind == hook.Informational && a.Status != http.StatusSwitchingProtocols {
		return
	}
	if q := c.requestOf(a); q != nil {
		q.leave(a)
	}
}

// recorded saves what was changed after the header had left.
func (c *core) recorded(a *hook.Answer) {
	if q := c.requestOf(a); q != nil {
		q.afterwards()
	}
}

// hijacking refuses to hand the connection over while a cookie is due that would be lost.
func (c *core) hijacking(x *hook.Exchange) error {
	q, _ := x.Value(requestKey{c}).(*request)
	if q == nil || q.left {
		return nil
	}
	if q.cookieDue() {
		return errHijack
	}
	q.left = true
	return q.save()
}

var errHijack = errors.New("session: Hijack would lose Set-Cookie: call Commit with the header that you will write, first")

func (c *core) warn(ctx context.Context) {
	c.warned.Do(func() {
		for _, w := range c.warnings {
			c.sink.Tell(ctx, guard.Event{Practice: practice, Rule: "insecure", Action: guard.WouldDeny, Detail: w})
		}
	})
}

// tell sends one event about the session at hand.
func (q *request) tell(rule string, action guard.Action, what string, err error) {
	c := q.c
	ctx := q.r.Context()
	if c.sink == nil && !slog.Default().Enabled(ctx, action.Level()) {
		return
	}
	if q.key != (Key{}) {
		what = "session " + c.ring[0].hashed(&q.key) + ": " + what
	}
	c.sink.Tell(ctx, guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(ctx), Detail: what, Err: err})
}
