package audit

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/crawl/replay"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// strikes is after how many timeouts in a row a target is asked no more.
const strikes = 3

var (
	errGivenUp = errors.New("given up: three requests in a row got no answer in time")
	errSpent   = errors.New("the number of requests for one target is spent")
	errNobody  = errors.New("nobody is logged in: neither credentials nor a recorded login were given")
	errPassive = errors.New("active probes are not permitted")
)

// A session is one target during one run: the engine's side of check.Session, and its
// Prober.
type session struct {
	target check.Target
	url    *url.URL
	public *check.Session
	// behind asks the upstream alone; nil when it is not known.
	behind *session

	run       context.Context // of the whole run: answers are shared, so no single check may cancel them
	options   Options
	roots     *x509.CertPool
	budget    *budget
	transport *http.Transport
	// fresh keeps no connection; verified talks to none but the certificate's holder.
	fresh, verified *http.Transport
	allowed         allowed
	// unreachable is why the name leads nowhere.
	unreachable error

	sent    atomic.Int64
	late    atomic.Int64
	reached atomic.Bool
	// kept is how many bytes of bodies are remembered.
	kept atomic.Int64

	// recording is the recorded login; nil when there is none.
	recording *replay.Recording
	// user returns the header lines of whoever is logged in.
	user func() (string, error)
	// seeds are pages that files name.
	seeds []crawl.Seed
	// site is the crawl, made once; walked says that it was made.
	site   func() (*check.Site, error)
	walked atomic.Bool
	// folder is the audited folder; nil when there is none.
	folder *os.Root
	// passive is why active probes are not permitted; nil when they are.
	passive error

	// salt makes the addresses of clients differ from run to run.
	salt func() [3]byte

	mu      sync.Mutex
	known   map[check.Request]*recorded
	clients map[uint8]*http.Transport
}

// recorded is one request's answer, made once.
type recorded struct {
	once sync.Once
	x    *check.Exchange
	err  error
	// done says that x and err stand; whoever gave up waiting has not seen them.
	done atomic.Bool
}

// newSession reads a target and notes what is wrong with it under the field's name.
func newSession(t check.Target, field string, p *guard.Problems) *session {
	t.Forge.Routes = slices.Clone(t.Forge.Routes)
	s := &session{target: t, known: make(map[check.Request]*recorded)}
	if t.URL == "" && t.Folder == "" {
		p.Add(field, "", "an address or a folder", "")
	}
	if t.URL != "" {
		u, err := url.Parse(t.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			hint := ""
			if !strings.Contains(t.URL, "://") {
				hint = "did you mean https://" + redact.Line(t.URL) + "?"
			}
			p.Add(field+".URL", redact.Line(t.URL), "an http or https address without a user name", hint)
			return s
		}
		if !validPort(u.Port()) {
			p.Add(field+".URL", redact.Line(t.URL), "an address with a port from 1 to 65535", "")
			return s
		}
		if u.Path == "" {
			u.Path = "/"
		}
		u.Fragment = ""
		s.url = u
	}
	s.public = &check.Session{Target: t, URL: s.url}
	s.readFiles(field, p)
	checkGuess(t.Guess, field+".Guess", p)
	checkForge(t.Forge, field+".Forge", p)
	if t.Upstream != "" {
		u, err := parseAddress(t.Upstream)
		if err != nil || !validPort(u.Port()) {
			p.Add(field+".Upstream", redact.Line(t.Upstream), "host:port or an http address", "")
			return s
		}
		s.public.Upstream = u
	}
	if t.Plain != "" {
		if _, port, err := net.SplitHostPort(t.Plain); err != nil || port == "" || !validPort(port) {
			p.Add(field+".Plain", t.Plain, "host:port", "")
		}
	}
	return s
}

// validPort says whether a port can be dialled; without one the scheme's holds.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// open looks the name up once and makes the client. Looking up twice would let a name
// lead to one address when it is judged and to another when it is asked.
func (s *session) open(ctx context.Context, o Options, roots *x509.CertPool, budgets map[string]*budget) {
	s.run, s.options, s.roots = ctx, o, roots
	s.public.Roots, s.public.Scorer, s.public.Idle = roots, o.Scorer, o.Idle
	s.passive = errPassive
	if s.url == nil {
		return
	}
	host := s.url.Host
	s.public.Wire = s
	s.allowed, s.unreachable = s.allow(ctx)
	s.public.Loopback = s.allowed.loopback()
	if budgets[host] == nil {
		budgets[host] = newBudget(o.rate(s.public.Loopback), o.Parallel)
	}
	s.budget = budgets[host]
	s.transport, s.fresh, s.verified = s.newTransport(), s.newTransport(), s.newTransport()
	s.fresh.DisableKeepAlives = true
	s.verified.DialTLSContext = s.dialVerified
	s.salt = sync.OnceValue(newSalt)
	s.user = sync.OnceValues(s.credentials)
	s.site = sync.OnceValues(s.walk)
	s.public.Crawl = s.crawled
	if s.recording != nil {
		s.public.Login = s.recording.Login(s.Do, s.ways)
	}
	if o.Active {
		s.passive = s.prove(ctx)
		s.public.Active = s.passive == nil
	}
	if up := s.public.Upstream; up != nil {
		// The app is asked under the front's name, as the door asks it.
		front := *s.url
		front.Scheme = up.Scheme
		s.behind = &session{
			target: check.Target{URL: front.String(), Address: hostPort(up)},
			url:    &front, known: make(map[check.Request]*recorded),
		}
		s.behind.public = &check.Session{Target: s.behind.target, URL: s.behind.url}
		// The way of the probes that could change something is the front.
		passive := o
		passive.Active = false
		s.behind.open(ctx, passive, roots, make(map[string]*budget))
	}
}

func (s *session) close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
		s.verified.CloseIdleConnections()
	}
	for _, t := range s.clients {
		t.CloseIdleConnections()
	}
	if s.behind != nil {
		s.behind.close()
	}
	if s.folder != nil {
		s.folder.Close()
	}
}

// Do implements check.Prober.
func (s *session) Do(ctx context.Context, r check.Request) (*check.Exchange, error) {
	if r.To == check.Behind {
		if s.behind == nil {
			return nil, errors.New("the app's own address is not known")
		}
		r.To = check.Front
		return s.behind.Do(ctx, r)
	}
	// What is proved is proved of the front.
	if r.Active && (s.passive != nil || r.To != check.Front) {
		return nil, cmp.Or(s.passive, errPassive)
	}
	s.mu.Lock()
	rec := s.known[r]
	if rec == nil {
		rec = new(recorded)
		s.known[r] = rec
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		rec.once.Do(func() {
			defer rec.done.Store(true)
			defer recovered(&rec.err)
			rec.x, rec.err = s.send(r)
		})
	}()
	select {
	case <-done:
		return rec.x, rec.err
	case <-ctx.Done():
		return nil, reason(ctx.Err())
	}
}

// recovered makes an error of a panic: what a target says must end no audit.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("the audit failed: %v", v)
	}
}

// admit takes one request from the budgets; the caller gives it back when err is nil.
func (s *session) admit(ctx context.Context) error {
	if s.unreachable != nil {
		return s.unreachable
	}
	if s.late.Load() >= strikes {
		return errGivenUp
	}
	if s.sent.Add(1) > int64(s.options.Requests) {
		s.sent.Add(-1)
		return errSpent
	}
	if err := s.budget.take(ctx); err != nil {
		return reason(err)
	}
	// Those that waited while others timed out need not try.
	if s.late.Load() >= strikes {
		s.budget.give()
		return errGivenUp
	}
	return nil
}

// judge counts timeouts in a row. The plain port says nothing about the front: it may
// well be closed or dropped by a firewall.
func (s *session) judge(to check.Place, err error) {
	if to != check.Front {
		return
	}
	if late(err) {
		s.late.Add(1)
		return
	}
	s.late.Store(0)
}

func late(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// reason says an error of the run itself in words.
func reason(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return errors.New("the audit was stopped")
	}
	return err
}

// allowed is whom a session may contact.
type allowed struct {
	// front holds the addresses of the target's host, in the order to try.
	front []netip.AddrPort
	// plain is where plain HTTP is expected; empty when not known.
	plain []netip.AddrPort
	// around is the upstream's port, to be tried on this machine's own addresses; 0
	// when there is none.
	around uint16
}

func (a allowed) loopback() bool {
	for _, to := range a.front {
		if !to.Addr().IsLoopback() {
			return false
		}
	}
	return len(a.front) > 0
}

func (s *session) allow(ctx context.Context) (allowed, error) {
	var a allowed
	address := hostPort(s.url)
	if t := s.target.Address; t != "" {
		if _, _, err := net.SplitHostPort(t); err != nil {
			_, port, _ := net.SplitHostPort(address)
			t = net.JoinHostPort(t, port)
		}
		address = t
	}
	if up := s.public.Upstream; up != nil {
		if _, port, err := net.SplitHostPort(hostPort(up)); err == nil {
			n, err := net.LookupPort("tcp", port)
			if err == nil {
				a.around = uint16(n)
			}
		}
	}
	var err error
	if a.front, err = lookup(ctx, address); err != nil {
		return a, err
	}
	plain := s.target.Plain
	if plain == "" && s.url.Scheme == "https" {
		if host, port, _ := net.SplitHostPort(address); port == "443" {
			plain = net.JoinHostPort(host, "80")
		}
	}
	if plain != "" {
		if a.plain, err = lookup(ctx, plain); err != nil {
			return a, err
		}
	}
	return a, nil
}

func lookup(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no host:port", address)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, fmt.Errorf("%q is no port", service)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("the name %s was not found", host)
	}
	found := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		found[i] = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	}
	return found, nil
}

// hostPort is the URL's host with its port, given or usual.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
