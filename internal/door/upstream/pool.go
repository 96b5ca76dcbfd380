package upstream

import (
	"sync"
	"time"
)

// A pool keeps idle connections, the last used on top. A connection is looked at before
// it is used again: one on which the application has said anything, its end included,
// would give the next request another one's answer, or none.
type pool struct {
	most int           // idle connections; the longest idle give way
	keep time.Duration // how long one may be idle

	mu    sync.Mutex
	idle  []*conn // the longest idle first
	timer *time.Timer
	armed bool
}

// get returns a connection that is fit for use, or nil.
func (p *pool) get(now time.Time) *conn {
	for {
		c := p.pop()
		if c == nil {
			return nil
		}
		if now.Before(c.until) && c.quiet(now.Sub(c.since)) {
			return c
		}
		c.close()
	}
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// put takes a connection whose exchange is over. Told is how long the application has said
// to keep it, 0 if it has not: a fifth of that is left for what is on its way when it
// closes.
func (p *pool) put(c *conn, told time.Duration) {
	keep := p.keep
	if told > 0 {
		keep = min(keep, told/5*4)
	}
	c.narrow()
	now := time.Now()
	c.waits, c.reused, c.since, c.until = nil, true, now, now.Add(keep)
	var first *conn
	p.mu.Lock()
	if len(p.idle) >= p.most {
		first = p.idle[0]
		copy(p.idle, p.idle[1:])
		p.idle = p.idle[:len(p.idle)-1]
	}
	p.idle = append(p.idle, c)
	p.arm(keep)
	p.mu.Unlock()
	if first != nil {
		first.close()
	}
}

// arm makes sure that expire runs; with mu held.
func (p *pool) arm(in time.Duration) {
	switch {
	case p.armed:
		return
	case p.timer == nil:
		p.timer = time.AfterFunc(in, p.expire)
	default:
		p.timer.Reset(in)
	}
	p.armed = true
}

// expire closes what has been idle for too long.
func (p *pool) expire() {
	now := time.Now()
	p.mu.Lock()
	p.armed = false
	var old []*conn
	var next time.Time
	kept := p.idle[:0]
	for _, c := range p.idle {
		if !now.Before(c.until) {
			old = append(old, c)
			continue
		}
		if kept = append(kept, c); next.IsZero() || c.until.Before(next) {
			next = c.until
		}
	}
	clear(p.idle[len(kept):])
	if p.idle = kept; len(kept) > 0 {
		p.arm(next.Sub(now))
	}
	p.mu.Unlock()
	for _, c := range old {
		c.close()
	}
}

// closeAll closes the idle connections.
func (p *pool) closeAll() {
	p.mu.Lock()
	all := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.armed = false
	p.mu.Unlock()
	for _, c := range all {
		c.close()
	}
}

// len returns how many connections are idle.
func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}
