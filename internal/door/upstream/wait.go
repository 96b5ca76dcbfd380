package upstream

import (
	"context"
	"time"
)

const (
	// patience is how long an application may take before the client's leaving is
	// watched for. Most answers are there by then, and cost no watch.
	patience = 20 * time.Millisecond
	// flushAfter is how long a piece of an answer may wait for the next.
	flushAfter = 100 * time.Millisecond
	// rearm is how old a deadline gets before the next piece of an answer renews it.
	rearm = 5 * time.Second
)

// stage is what an exchange waits for.
type stage uint8

const (
	forHead stage = iota
	forContinue
	forBody
)

// watch closes the connection when the client leaves.
func (x *exchange) watch() {
	if x.watching {
		return
	}
	x.watching = true
	if ctx := x.in.Context(); ctx.Done() != nil {
		c := x.c.net
		x.stop = context.AfterFunc(ctx, func() { _ = c.Close() })
	}
	if x.stage == forHead {
		_ = x.c.net.SetDeadline(x.deadline)
	}
}

// before implements waiter: reading an answer's body, what has come goes out first.
func (x *exchange) before() {
	if x.stage != forBody {
		return
	}
	x.watch()
	x.now, x.waited = time.Now(), true
	if x.pending && (x.prompt || x.now.Sub(x.waiting) >= flushAfter) {
		x.flush()
	}
	if x.brief = x.pending; x.brief {
		_ = x.c.net.SetReadDeadline(x.now.Add(min(flushAfter, x.p.opts.Idle)))
		x.renewed = time.Time{}
		return
	}
	// A deadline is not moved for every piece; it gives more time instead.
	if slack := x.slack(); x.now.Sub(x.renewed) > slack {
		_ = x.c.net.SetReadDeadline(x.now.Add(x.p.opts.Idle + slack))
		x.renewed = x.now
	}
}

// slack is how old a deadline gets before the next piece of an answer renews it.
func (x *exchange) slack() time.Duration { return min(rearm, x.p.opts.Idle/4) }

// late implements waiter.
func (x *exchange) late() bool {
	switch x.stage {
	case forHead:
		if x.watching {
			return false
		}
		x.watch()
		return true
	case forContinue:
		if len(x.c.unread()) == 0 {
			return false
		}
		x.stage = forHead // the answer has begun
		_ = x.c.net.SetReadDeadline(x.deadline)
		return true
	}
	if !x.brief {
		return false
	}
	x.flush()
	return true
}
