package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// alpnOthers are asked for beside HTTP/1.1, to learn of HTTP/2 and what else is spoken.
var alpnOthers = []string{"h2", "h3", "http/1.0", "spdy/3.1", "grpc-exp", "imap", "pop3", "ftp", "xmpp-client", "xmpp-server", "postgresql", "mqtt", "dot", "irc"}

// moderns makes whole connections of TLS 1.3, one per kind of certificate: only they
// show certificates, protocols and tickets, and prove that a handshake comes to its end.
func (s *scan) moderns(ctx context.Context) {
	p := s.protocols[wire.TLS13]
	if p == nil {
		return
	}
	group, suites, ok := computable(p)
	if !ok {
		s.skip13("the server agrees only to groups or suites that are not computed here")
		return
	}
	if a := s.contacted; a != nil && has(suites, a.hello.Suite) {
		suites = append([]wire.Suite{a.hello.Suite}, without(suites, a.hello.Suite)...)
	}
	offer := offer13{name: s.name, group: group, suites: suites, schemes: s.schemes(wire.TLS13), alpn: []string{"http/1.1"}, odd: oddities}
	first := s.open13(ctx, offer)
	if first.client == nil && first.alert != wire.AlertNoProtocol {
		offer.odd = nil
		first = s.open13(ctx, offer)
	}
	if first.client == nil && first.alert != 0 {
		offer.alpn = nil // not all that have no HTTP/1.1 say so in the alert that is meant for it
		first = s.open13(ctx, offer)
	}
	if first.client == nil && first.alert != 0 {
		first = s.open13(ctx, offer) // of several servers it may have been another one that promised
	}
	if first.client == nil {
		// A HelloRetryRequest promises nothing: some servers then find no signature to make.
		if first.alert != 0 || errors.Is(first.err, session.ErrRetry) {
			s.note("TLSv1.3.unfinished", "the server answers hellos of TLS 1.3 and refuses every handshake: %v", first.err)
			s.no13 = true
			return
		}
		s.skip13("no handshake of TLS 1.3 could be finished: " + first.err.Error())
		if !hungUp(first.err) {
			s.incomplete(fmt.Errorf("no handshake of TLS 1.3 could be finished: %w", first.err))
		}
		return
	}
	s.ended(true)
	s.kept13 = true
	s.took13(first.client)
	s.page(ctx, first.client, first.client.Request)
	s.tickets(first.client)
	first.close()
	if offer.odd != nil {
		s.odd = true
		s.ech(first.client.Extensions)
	} else {
		s.skip("ech", "the server fails at hellos with what it does not know")
	}
	s.alpn(first.client.Extensions)
	other := offer13{name: s.name, group: group, suites: suites, alpn: alpnOthers} // not all that lack HTTP/1.1 refused it
	other.schemes = slices.DeleteFunc(s.schemes(wire.TLS13), func(x wire.SignatureScheme) bool { return x.RSA() == first.client.Scheme.RSA() })
	got := s.open13(ctx, other)
	if got.client == nil && got.alert == wire.AlertNoProtocol && other.alpn != nil {
		other.alpn = nil
		got = s.open13(ctx, other)
	}
	if got.client == nil && other.alpn != nil {
		// There is no key of the other kind. One more signature of the first is asked for anyway.
		if other.schemes = s.left13(); len(other.schemes) > 0 {
			got = s.open13(ctx, other)
		}
		if got.client == nil {
			other.schemes = s.schemes(wire.TLS13)
			got = s.open13(ctx, other)
		}
	}
	if got.client != nil {
		s.took13(got.client)
		s.alpn(got.client.Extensions)
		s.page2(got.client)
		got.close()
	}
}

// skip13 names what only a whole connection shows.
func (s *scan) skip13(why string) {
	for _, what := range []string{"TLSv1.3 certificate", "http.hsts-missing", "features.alpn", "tls.early-data"} {
		s.skip(what, why)
	}
}

// computable picks what this project can make keys for, cheapest first.
func computable(p *protocol) (wire.Group, []wire.Suite, bool) {
	var suites []wire.Suite
	for _, x := range session.Suites13 {
		if has(p.suites, x) {
			suites = append(suites, x)
		}
	}
	for _, g := range []wire.Group{wire.X25519, wire.Secp256r1, wire.X25519MLKEM768, wire.Secp384r1} {
		if has(p.groups, g) {
			return g, suites, len(suites) > 0
		}
	}
	for _, g := range p.groups {
		if session.Computes(g) {
			return g, suites, len(suites) > 0
		}
	}
	return 0, nil, false
}

// An opened is an attempt at a connection of TLS 1.3.
type opened struct {
	client *session.Client13
	close  func()
	err    error
	alert  byte
}

// An offer13 is what a whole handshake of TLS 1.3 offers.
type offer13 struct {
	name    string
	group   wire.Group
	suites  []wire.Suite
	schemes []wire.SignatureScheme
	alpn    []string
	odd     []oddity
}

// open13 makes a connection, again where the server hangs up.
func (s *scan) open13(ctx context.Context, offer offer13) opened {
	var o opened
	for range 3 {
		o = s.try13(ctx, offer)
		if o.client != nil || o.alert != 0 || !s.again(ctx, o.err) {
			break
		}
	}
	return o
}

func (s *scan) try13(ctx context.Context, offer offer13) opened {
	share, err := session.NewShare(offer.group)
	if err != nil {
		return opened{err: err}
	}
	h := s.modernFor(offer.name, offer.suites, []wire.Group{offer.group}, offer.schemes, wire.KeyShare{Group: offer.group, Key: share.Public})
	if len(offer.alpn) > 0 {
		h.AddALPN(offer.alpn)
	}
	for _, x := range offer.odd {
		x.change(h)
	}
	c, err := s.dial(ctx)
	if err != nil {
		return opened{err: err}
	}
	client, err := session.Handshake13(c, h, share)
	s.witness13(h, client, err)
	if err != nil {
		c.Close()
		var a wire.Alert
		errors.As(err, &a)
		return opened{err: err, alert: a.Description}
	}
	return opened{client: client, close: func() { c.Close() }}
}

// again says whether an attempt that ended without an answer is worth another: the
// server is asked what it is known to accept.
func (s *scan) again(ctx context.Context, err error) bool {
	if !hungUp(err) && !silent(err) || !s.known() || ctx.Err() != nil {
		return false
	}
	if s.takesKnown(ctx) {
		return !s.closeMeansNo()
	}
	s.shedding()
	s.slow()
	return true
}

func (s *scan) took13(c *session.Client13) {
	if c.Cert != nil {
		s.signed(wire.TLS13, c.Cert.Chain, c.Scheme)
		s.serve(served{name: s.o.ServerName, chain: c.Cert.Chain, staple: c.Cert.OCSP, scts: sctsOf(c.Cert.SCTs)})
	}
}

// sctsOf is the list in its extension, nil for none.
func sctsOf(x []byte) []byte {
	if len(x) == 0 {
		return nil
	}
	return x
}

// alpn notes the protocol that was chosen, if one was.
func (s *scan) alpn(extensions map[uint16][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.features.ALPN == nil {
		s.features.ALPN = []string{}
	}
	x, ok := extensions[wire.ExtALPN]
	if !ok {
		return
	}
	if name, err := wire.ParseALPN(x); err == nil && !has(s.features.ALPN, name) {
		s.features.ALPN = append(s.features.ALPN, name)
		slices.Sort(s.features.ALPN)
	}
}

func (s *scan) tickets(c *session.Client13) {
	n, early := len(c.Tickets), false
	for _, t := range c.Tickets {
		early = early || t.EarlyData > 0
	}
	s.features.Tickets13 = &n
	s.features.EarlyData = &early
	if early {
		s.say("tls.early-data", "the server takes data before the handshake ends, which can be replayed")
	}
	if c.Request && n == 0 {
		s.features.EarlyData = nil
		s.skip("tls.early-data", "the server gives tickets only to clients with a certificate")
	}
}

// certificateFor fetches the certificate of another name.
func (s *scan) certificateFor(ctx context.Context, name string) {
	if p := s.protocols[wire.TLS13]; p != nil {
		if g, suites, ok := computable(p); ok {
			o := s.open13(ctx, offer13{name: name, group: g, suites: suites, schemes: s.schemes(wire.TLS13)})
			if o.client == nil {
				return
			}
			defer o.close()
			if o.client.Cert != nil {
				s.serve(served{name: name, chain: o.client.Cert.Chain, staple: o.client.Cert.OCSP, scts: sctsOf(o.client.Cert.SCTs)})
			}
			return
		}
	}
	p := s.newest()
	if p == nil {
		return
	}
	h := s.legacyFor(name, p.version, wire.SuitesFor(p.version), wire.Curves12())
	if a := s.ask(ctx, h); a.outcome == accepted && a.cert != nil {
		s.serve(served{name: name, chain: a.cert.Chain, staple: a.staple, scts: a.hello.Extensions[wire.ExtSCT]})
	}
}
