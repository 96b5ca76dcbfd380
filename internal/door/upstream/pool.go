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
		if now.Sub(c.since) < p.keep && c.quiet(now.Sub(c.since)) {
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

// put takes a connection whose exchange is over.
func (p *pool) put(c *conn) {
	c.narrow()
	c.waits, c.reused, c.since = nil, true, time.Now()
	var first *conn
	p.mu.Lock()
	if len(p.idle) >= p.most {
		first = p.idle[0]
		copy(p.idle, p.idle[1:])
		p.idle = p.idle[:len(p.idle)-1]
	}
	p.idle = append(p.idle, c)
	p.arm(p.keep)
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
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= p.keep {
		n++
	}
	old := append([]*conn(nil), p.idle[:n]...)
	rest := copy(p.idle, p.idle[n:])
	clear(p.idle[rest:])
	p.idle = p.idle[:rest]
	if rest > 0 {
		p.arm(p.keep - now.Sub(p.idle[0].since))
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
