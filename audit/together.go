package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

// Together implements check.Prober.
func (s *session) Together(ctx context.Context, all []check.Request) ([]*check.Exchange, []error) {
	answers, errs := make([]*check.Exchange, len(all)), make([]error, len(all))
	fail := func(err error) ([]*check.Exchange, []error) {
		for i := range errs {
			errs[i] = err
		}
		return answers, errs
	}
	if len(all) == 0 {
		return answers, errs
	}
	seen := make(map[check.Request]bool)
	for _, r := range all {
		switch {
		case len(all) > check.MaxTogether:
			return fail(fmt.Errorf("%d requests at once, more than %d", len(all), check.MaxTogether))
		case r.To != check.Front, r.As == check.User, r.Secret, r.Client != all[0].Client, seen[r]:
			return fail(errors.New("requests that cannot be sent together"))
		case r.Active && s.passive != nil:
			return fail(s.passive)
		}
		seen[r] = true
	}
	if err := s.admitAll(ctx, len(all)); err != nil {
		return fail(err)
	}
	defer s.budget.giveAll()
	conns, err := s.connect(ctx, all[0].Client, len(all))
	if err != nil {
		return fail(plainly(err))
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, r := range all {
		over := s.overConn(conns[i])
		wg.Go(func() {
			defer over.CloseIdleConnections()
			defer conns[i].Close()
			defer recovered(&errs[i])
			<-start
			answers[i], errs[i] = s.exchange(r, over)
		})
	}
	close(start)
	wg.Wait()
	s.remember(all, answers, errs)
	return answers, errs
}

// remember lists what was sent together with all else that was sent.
func (s *session) remember(all []check.Request, answers []*check.Exchange, errs []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range all {
		rec := &recorded{x: answers[i], err: errs[i]}
		rec.once.Do(func() {})
		rec.done.Store(true)
		s.known[r] = rec
	}
}

// admitAll is admit for n requests at once; the caller gives all slots back when err is
// nil.
func (s *session) admitAll(ctx context.Context, n int) error {
	if s.unreachable != nil {
		return s.unreachable
	}
	if s.late.Load() >= strikes {
		return errGivenUp
	}
	if s.sent.Add(int64(n)) > int64(s.options.Requests) {
		s.sent.Add(-int64(n))
		return errSpent
	}
	if err := s.budget.takeAll(ctx, n); err != nil {
		return reason(err)
	}
	return nil
}

// connect opens n connections, eight at a time: a server's queue of those that wait to
// be accepted may be short.
func (s *session) connect(ctx context.Context, client uint8, n int) ([]net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.RequestTimeout)
	defer cancel()
	open, err := s.opener(client)
	if err != nil {
		return nil, err
	}
	conns, errs := make([]net.Conn, n), make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(8, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				conns[i], errs[i] = open(ctx, "tcp", "")
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
		for _, err := range errs {
			if err != nil {
				return nil, err // the first says it all
			}
		}
	}
	return conns, nil
}

// overConn sends one request over a connection that is open.
func (s *session) overConn(conn net.Conn) *http.Transport {
	t := s.newTransport()
	t.DisableKeepAlives = true
	var used atomic.Bool
	give := func(context.Context, string, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errors.New("the connection was closed before the answer")
		}
		return conn, nil
	}
	t.DialContext, t.DialTLSContext = give, give
	return t
}

// opener opens connections to the front as a client does, with TLS where the front
// speaks it.
func (s *session) opener(client uint8) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	dial := s.dial
	if client > 0 {
		from, to := clientAddr(s.salt(), client), s.loopback4()
		if !to.IsValid() {
			return nil, check.ErrOneClient
		}
		dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
			conn, err := d.DialContext(ctx, network, to.String())
			if err != nil && !late(err) {
				// What other systems than Linux say of an address that they lack differs.
				return nil, fmt.Errorf("%w: %v", check.ErrOneClient, plainly(err))
			}
			return conn, err
		}
	}
	if s.url.Scheme != "https" {
		return dial, nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return s.shakeOver(ctx, dial, network, address, s.lenient())
	}, nil
}

// client returns the transport of a client with an address of its own.
func (s *session) client(n uint8) (http.RoundTripper, error) {
	open, err := s.opener(n)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.clients[n]; t != nil {
		return t, nil
	}
	t := s.newTransport()
	t.DialContext, t.DialTLSContext = open, open
	if s.clients == nil {
		s.clients = make(map[uint8]*http.Transport)
	}
	s.clients[n] = t
	return t, nil
}

// clientAddr is a client's address. Two clients share no /16, which some apps count as
// one; a later run has others, for what an earlier one used up may still be counted.
func clientAddr(salt [3]byte, n uint8) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + (int(salt[0])+int(n))%255), salt[1], 1 + salt[2]%254})
}

func newSalt() (salt [3]byte) {
	rand.Read(salt[:])
	return salt
}

// loopback4 is the front's address where clients can have several; invalid elsewhere.
func (s *session) loopback4() netip.AddrPort {
	for _, to := range s.allowed.front {
		if to.Addr().Is4() && to.Addr().IsLoopback() {
			return to
		}
	}
	return netip.AddrPort{}
}

// timed measures from the end of the request to the first byte of the answer.
func timed(ctx context.Context) (context.Context, func() time.Duration) {
	var sent, first atomic.Int64
	begin := time.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { sent.Store(int64(time.Since(begin))) },
		GotFirstResponseByte: func() { first.Store(int64(time.Since(begin))) },
	})
	return ctx, func() time.Duration { return max(time.Duration(first.Load()-sent.Load()), 0) }
}
