package upstream

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/balance"
	"github.com/panoplysec/panoply/internal/hook"
)

// Target is where one member of a Group is: Options.Scheme, Network and Address.
type Target struct {
	Member                   *balance.Member
	Scheme, Network, Address string
}

// GroupOptions configures a Group.
type GroupOptions struct {
	// Options are those of each member but for where it is.
	Options
	// Targets are the members, at least one.
	Targets []Target
	Policy  balance.Policy
	// Own says that members of plain HTTP are asked by the exchange of our own.
	Own bool
	// Client is whom a request is counted to; nil is nobody.
	Client func(*http.Request) netip.Prefix
}

// A Group passes requests to one application at several addresses. A request that may be
// repeated (GET, HEAD, OPTIONS without a body, no WebSocket) and found no connection, or lost
// it before an answer, is sent once more to another member, within a budget of one in ten.
// No other request is ever sent to a second member. It is safe for concurrent use.
type Group struct {
	opts     GroupOptions
	set      *balance.Set
	ways     []way
	budget   budget
	attempts sync.Pool
	repeated atomic.Uint64
}

type way interface {
	http.Handler
	CloseIdle()
}

// NewGroup checks the options and returns a Group. Nothing is connected yet.
func NewGroup(o GroupOptions) (*Group, error) {
	g := &Group{opts: o}
	g.budget.tenths.Store(maxBudget)
	g.attempts.New = func() any { return new(attempt) }
	var members []*balance.Member
	for i, t := range o.Targets {
		one, err := g.way(i, t)
		if err != nil {
			return nil, err
		}
		g.ways = append(g.ways, one)
		members = append(members, t.Member)
	}
	g.set = balance.NewSet(o.Policy, members...)
	return g, nil
}

func (g *Group) way(i int, t Target) (way, error) {
	o, m := g.opts.Options, t.Member
	o.Scheme, o.Network, o.Address = t.Scheme, t.Network, t.Address
	if o.Scheme != schemeHTTPS {
		o.TLS = nil
	}
	seen, broken := o.Seen, o.Broken
	o.Seen = func(r *http.Request, status int, h http.Header) {
		m.Answered()
		if seen != nil {
			seen(r, status, h)
		}
	}
	o.Broken = func(r *http.Request, f Failure) {
		g.judge(m, f)
		if broken != nil {
			broken(r, f)
		}
	}
	o.Fail = func(w http.ResponseWriter, r *http.Request, f Failure) { g.failed(i, w, r, f) }
	if g.opts.Own && (o.Scheme == "" || o.Scheme == "http") {
		return New(o)
	}
	return NewReverse(o)
}

// Members returns the members. They are not to be changed.
func (g *Group) Members() []*balance.Member { return g.set.Members() }

// Repeated returns how many requests were sent to another member.
func (g *Group) Repeated() uint64 { return g.repeated.Load() }

// CloseIdle closes the connections that no request uses.
func (g *Group) CloseIdle() {
	for _, one := range g.ways {
		one.CloseIdle()
	}
}

// attempt is what is known of a request that may be repeated.
type attempt struct {
	last  bool // it has been
	next  int  // the member to ask now, or balance.None
	trial bool
}

type attemptKey struct{}

// ServeHTTP passes one request to a member and its answer back.
func (g *Group) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(g.ways) == 1 {
		g.pass(0, false, w, r)
		return
	}
	var client netip.Prefix
	if g.opts.Client != nil {
		client = g.opts.Client(r)
	}
	safe := repeatable(r)
	i, trial := g.set.Pick(client, safe, balance.None)
	if !safe {
		g.pass(i, trial, w, r)
		return
	}
	x, w, r := hook.Begin(w, r)
	defer x.End()
	g.budget.earn()
	a := g.attempts.Get().(*attempt)
	*a = attempt{next: balance.None}
	x.Set(attemptKey{}, a)
	g.pass(i, trial, w, r)
	if a.next != balance.None {
		a.last = true
		g.repeated.Add(1)
		g.pass(a.next, a.trial, w, r)
	}
	g.attempts.Put(a)
}

func (g *Group) pass(i int, trial bool, w http.ResponseWriter, r *http.Request) {
	m := g.set.Members()[i]
	m.Begin()
	defer m.End(trial)
	g.ways[i].ServeHTTP(w, r)
}

// repeatable tells a request that may arrive twice and holds nothing that is read once. Over
// HTTP/2 a request without a body has one that is not http.NoBody.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.ContentLength == 0 && !upgrading(r)
	}
	return false
}

// judge says what a failure tells of the member.
func (g *Group) judge(m *balance.Member, f Failure) {
	if !f.Ours() {
		return
	}
	m.Failed()
	switch f.Reason {
	case Refused, ConnectTimeout, Unreachable, Untrusted:
		m.Lost()
	case ResponseTimeout:
		m.Slow(time.Now())
	}
}

// failed is the members' Fail.
func (g *Group) failed(i int, w http.ResponseWriter, r *http.Request, f Failure) {
	m := g.set.Members()[i]
	g.judge(m, f)
	if a, _ := r.Context().Value(attemptKey{}).(*attempt); a != nil && !a.last && again(f.Reason) {
		var client netip.Prefix
		if g.opts.Client != nil {
			client = g.opts.Client(r)
		}
		if next, trial := g.set.Pick(client, true, i); next != balance.None && g.budget.spend() {
			a.next, a.trial = next, trial
			g.opts.logger().Debug("upstream: sent to another member", "upstream", m.Group(), "member", m.Address(), "err", f.Err)
			return
		}
	}
	if len(g.ways) > 1 && f.Err != nil && f.Ours() {
		f.Err = fmt.Errorf("%s: %w", m.Address(), f.Err)
	}
	g.opts.Options.fail(w, r, f)
}

// again tells the failures after which the member has not answered and another may: one
// that took its time is not among them, since the client has waited already.
func again(reason Reason) bool {
	switch reason {
	case Refused, ConnectTimeout, Unreachable, Untrusted, Closed:
		return true
	}
	return false
}
