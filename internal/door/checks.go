package door

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/upstream"
)

const (
	checkEvery  = time.Minute
	downEvery   = 5 * time.Second
	downProblem = "the application does not answer"
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
	if slices.ContainsFunc(c.findings, func(have hardcheck.Finding) bool { return have.ID == f.ID }) {
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
		if slices.Contains(ids, have.ID) && !slices.ContainsFunc(found, func(f hardcheck.Finding) bool { return f.ID == have.ID }) {
			mended = append(mended, have.ID)
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
	to, err := g.cfg.UpstreamURL()
	if err != nil {
		return 0
	}
	c.settle(hardcheck.Around(ctx, to.Host, c.d.addresses), hardcheck.Bypass)
	if !reachable(ctx, to.Host) {
		c.d.health.down(c.d, upstream.Failure{Reason: upstream.Refused})
		return downEvery
	}
	c.d.health.answered(c.d)
	c.mu.Lock()
	first := !c.probed
	c.probed = true
	open := c.open()
	c.mu.Unlock()
	if g.cfg.Probes != "off" && (first || open) {
		c.settle(hardcheck.Probe(ctx, to, siteOf(g.cfg)), hardcheck.TrustProxy, hardcheck.Development)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open() {
		return 0
	}
	return checkEvery
}

// open tells whether another look may find that something is mended: an unnamed proxy is
// named by a reload. It is called with c.mu held.
func (c *checks) open() bool {
	return slices.ContainsFunc(c.findings, func(f hardcheck.Finding) bool { return f.ID != trustFinding })
}

func reachable(ctx context.Context, host string) bool {
	hostname, port, err := net.SplitHostPort(host)
	if err != nil {
		return false
	}
	names := []string{hostname}
	if hostname == "localhost" {
		names = []string{"127.0.0.1", "::1"}
	}
	for _, name := range names {
		d := net.Dialer{Timeout: time.Second}
		if conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(name, port)); err == nil {
			_ = conn.Close()
			return true
		}
	}
	return false
}

// problems are the reasons why the door is not ready.
func (c *checks) problems() []string {
	out := []string{}
	if c.draining.Load() {
		out = append(out, "stopping")
	}
	if c.d.health.isDown.Load() {
		out = append(out, downProblem)
	}
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

// health tells when the application goes and when it comes back, once each: the lines of
// the single requests are in the access log.
type health struct{ isDown atomic.Bool }

func (h *health) failed(d *Door, f upstream.Failure) {
	switch f.Reason {
	case upstream.Refused, upstream.ConnectTimeout, upstream.Unreachable:
		h.down(d, f)
	}
}

func (h *health) down(d *Door, f upstream.Failure) {
	if !h.isDown.CompareAndSwap(false, true) {
		return
	}
	host := d.current.Load().cfg.Upstream
	d.log.Error(downProblem, "upstream", host, "reason", string(f.Reason), "err", f.Err)
	d.say("%s at %s; clients get %d until it does", downProblem, host, http.StatusBadGateway)
	select {
	case d.checks.again <- struct{}{}: // look for its return
	default:
	}
}

func (h *health) answered(d *Door) {
	if h.isDown.Load() && h.isDown.CompareAndSwap(true, false) {
		d.log.Info("the application answers")
		d.say("the application answers")
	}
}
