package limit

import (
	"context"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// Handler counts each request and refuses what is too much with 429 and a Retry-After
// that is true. While the store is broken, requests pass, and events tell so: Shared has
// better answers.
func (l *Limiter) Handler(next http.Handler) http.Handler {
	if l.o.Mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cost := int64(1)
		if l.o.Cost != nil {
			cost = max(l.o.Cost(r), 0)
		}
		ctx := r.Context()
		counting := ctx
		if l.memory == nil { // who hangs up early is counted all the same
			counting = context.WithoutCancel(ctx)
		}
		d, err := l.consumeFor(counting, r, cost)
		if err != nil {
			l.tell(ctx, guard.Failed, "store", err)
			next.ServeHTTP(w, r)
			return
		}
		if l.o.Mode == guard.Observe {
			if !d.Allowed {
				l.tell(ctx, guard.WouldDeny, d.Policy, nil)
			}
			next.ServeHTTP(w, r)
			return
		}
		l.fields.write(w.Header(), l.o.Fields, d)
		if !d.Allowed {
			l.tell(ctx, guard.Denied, d.Policy, nil)
			l.o.Deny(w, r, l.denial(ctx, d))
			return
		}
		if d.Delay > 0 && !pause(ctx, d.Delay) {
			return // the client has gone
		}
		next.ServeHTTP(w, r)
	})
}

// consumeFor counts a request by what Options.By says, or by its prefix without a text of
// its own.
func (l *Limiter) consumeFor(ctx context.Context, r *http.Request, cost int64) (Decision, error) {
	now := time.Now()
	if l.o.By != nil {
		return l.ConsumeAt(ctx, now, l.o.By(r), cost)
	}
	c := clientip.Of(r)
	var buf [64]byte
	subject := l.hasher.subject(appendPrefix(buf[:0], c))
	return l.consume(ctx, now, subject, cost, "", c.Prefix, c.Prefix.IsValid())
}

// appendPrefix writes what ByPrefix returns.
func appendPrefix(b []byte, c clientip.Client) []byte {
	switch {
	case !c.Prefix.IsValid():
		return b
	case c.Addr.Is4():
		return c.Addr.AppendTo(b)
	}
	return c.Prefix.AppendTo(b)
}

func (l *Limiter) denial(ctx context.Context, d Decision) guard.Denial {
	wait := d.Wait
	if wait == Forever {
		wait = 0
	}
	return guard.Denial{
		Practice: l.o.Practice, Rule: d.Policy, Status: http.StatusTooManyRequests,
		RetryAfter: wait, ID: hook.RequestID(ctx),
	}
}

func (l *Limiter) tell(ctx context.Context, action guard.Action, rule string, err error) {
	l.o.Sink.Tell(ctx, guard.Event{Practice: l.o.Practice, Rule: rule, Action: action, Request: hook.RequestID(ctx), Err: err})
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
