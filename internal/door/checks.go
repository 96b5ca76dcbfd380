package door

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/hardcheck"
)

const (
	checkEvery = time.Minute
	downEvery  = 5 * time.Second
)

// checks holds what the hard checks found. They run at the start, again each minute
// while something is wrong, and each five seconds while the application is down.
type checks struct {
	d        *Door
	draining atomic.Bool
	again    chan struct{}

	mu       sync.Mutex
	findings []hardcheck.Finding
	probed   bool // the application was there to be asked
}

func newChecks(d *Door) *checks { return &checks{d: d, again: make(chan struct{}, 1)} }

// found takes a finding and tells it, once.
func (c *checks) found(f hardcheck.Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.findings, f) {
		return
	}
	c.findings = append(c.findings, f)
	c.d.say("%s", f.Line)
	c.d.log.Warn("hard check", "id", f.ID, "detail", f.Line)
}

// settle replaces what a full round has found: what it no longer finds is mended.
func (c *checks) settle(found []hardcheck.Finding, ids ...string) {
	c.mu.Lock()
	var mended []string
	kept := c.findings[:0]
	for _, have := range c.findings {
		if slices.Contains(ids, have.ID) && !slices.Contains(found, have) {
			if !slices.Contains(mended, have.ID) {
				mended = append(mended, have.ID)
			}
			continue
		}
		kept = append(kept, have)
	}
	c.findings = kept
	c.mu.Unlock()
	for _, id := range mended {
		c.d.say("mended: %s", id)
	}
	for _, f := range found {
		c.found(f)
	}
}

// run looks until ctx is done.
func (c *checks) run(ctx context.Context) {
	for {
		wait := c.round(ctx)
		var tick <-chan time.Time
		if wait > 0 {
			tick = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-c.again:
		}
	}
}

// round looks once and returns the wait until the next look; zero for none.
func (c *checks) round(ctx context.Context) time.Duration {
	g := c.d.current.Load()
	c.settle(g.apps.around(ctx, c.d.addresses), hardcheck.Bypass)
	if !g.apps.reach(ctx) {
		return downEvery
	}
	c.mu.Lock()
	first := !c.probed
	c.probed = true
	open := c.open()
	c.mu.Unlock()
	if g.cfg.Probes != "off" && (first || open) {
		c.settle(g.apps.probe(ctx), hardcheck.TrustProxy, hardcheck.Development)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open() {
		return 0
	}
	return checkEvery
}

// others says that there are other applications to look at.
func (c *checks) others() {
	c.mu.Lock()
	c.probed = false
	c.mu.Unlock()
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// open tells whether another look may find that something is mended: an unnamed proxy is
// named by a reload. It is called with c.mu held.
func (c *checks) open() bool {
	return slices.ContainsFunc(c.findings, func(f hardcheck.Finding) bool { return f.ID != trustFinding })
}

// problems are the reasons why the door is not ready.
func (c *checks) problems() []string {
	out := []string{}
	if c.draining.Load() {
		out = append(out, "stopping")
	}
	out = append(out, c.d.health.problems()...)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.findings {
		if f.Degrades {
			out = append(out, f.Line)
		}
	}
	return out
}

// hints are the findings that do not degrade.
func (c *checks) hints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, f := range c.findings {
		if !f.Degrades {
			out = append(out, f.Line)
		}
	}
	return out
}
