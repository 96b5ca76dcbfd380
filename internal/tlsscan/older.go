package tlsscan

import (
	"context"
	"errors"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// session12 makes whole connections of TLS 1.2 or before: for the page where there is no
// TLS 1.3, for renegotiation, and for a ticket to come back with.
func (s *scan) session12(ctx context.Context) {
	p := s.newest()
	if p == nil {
		return
	}
	only := s.protocols[wire.TLS13] == nil
	h := s.sessionHello(p)
	if h == nil {
		s.skip("tls.client-renegotiation", "no handshake with the server's suites is computed here")
		if only {
			s.skip("http.hsts-missing", "no handshake with the server's suites is computed here")
		}
		return
	}
	if only {
		s.page12(ctx, h)
	}
	c, done, err := s.open12(ctx, s.withALPN(h, only))
	if refusesProtocols(err) {
		c, done, err = s.open12(ctx, h)
	}
	if err != nil {
		s.unfinished(c, err, only)
		return
	}
	s.ended(true)
	s.alpn(c.Hello.Extensions)
	if s.o.Passive {
		done()
		s.skip("tls.client-renegotiation", passive)
		s.skip("tls.ticketbleed", passive)
		return
	}
	s.renegotiate(c, h)
	done()
	s.resume(ctx, h, c)
}

// withALPN offers what the page's connection did not.
func (s *scan) withALPN(h *wire.ClientHello, only bool) *wire.ClientHello {
	if !only || h.Version == wire.SSL3 {
		return h
	}
	with := *h
	with.Extensions = slices.Clone(h.Extensions)
	with.AddALPN(append(slices.Clone(alpnOthers), "http/1.1"))
	return &with
}

// refusesProtocols says that none of those that were offered is spoken.
func refusesProtocols(err error) bool {
	var a wire.Alert
	return errors.As(err, &a) && a.Description == wire.AlertNoProtocol
}

func (s *scan) page12(ctx context.Context, h *wire.ClientHello) {
	with := *h
	with.Extensions = slices.Clone(h.Extensions)
	if h.Version > wire.SSL3 { // whose servers may know no extension
		with.AddALPN([]string{"http/1.1"})
	}
	c, done, err := s.open12(ctx, &with)
	if refusesProtocols(err) {
		c, done, err = s.open12(ctx, h)
	}
	if err != nil {
		if c != nil && c.Hello != nil {
			s.alpn(c.Hello.Extensions)
		}
		switch {
		case c != nil && c.Request:
			s.demanded(ctx)
		default:
			s.skip("http.hsts-missing", "no handshake could be finished: "+err.Error())
		}
		return
	}
	defer done()
	s.alpn(c.Hello.Extensions)
	s.page(ctx, c, c.Request)
}

func (s *scan) unfinished(c *session.Client12, err error, only bool) {
	why := "no handshake of TLS 1.2 or before could be finished: " + err.Error()
	if c != nil && c.Request {
		why = "the server demands a client certificate"
	}
	var alert wire.Alert
	if c != nil && c.Hello != nil {
		s.alpn(c.Hello.Extensions)
		if !c.Request && session.Computes12(c.Hello.Suite) && (errors.As(err, &alert) || hungUp(err) || silent(err) || c.Hello.Compression != 0) {
			s.ended(false)
		}
	}
	s.skip("tls.client-renegotiation", why)
	s.skip("tls.ticketbleed", why)
	if only {
		s.skip("features.alpn", why)
	}
}

// sessionHello offers what this project computes, or is nil.
func (s *scan) sessionHello(p *protocol) *wire.ClientHello {
	var suites []wire.Suite
	for _, x := range p.suites {
		if session.Computes12(x) {
			suites = append(suites, x)
		}
	}
	if len(suites) == 0 {
		return nil
	}
	// The cheapest that proves a certificate first: what authenticates before what does not.
	slices.SortStableFunc(suites, func(a, b wire.Suite) int { return weight(a) - weight(b) })
	if weight(suites[0]) == 0 {
		suites = rsaSigned(suites)
	}
	suites = slices.DeleteFunc(s.wide(p, suites), func(x wire.Suite) bool { return !session.Computes12(x) })
	groups := computed12
	h := s.legacy(p.version, suites, groups)
	h.Compression = []byte{0}
	h.Extensions = slices.DeleteFunc(h.Extensions, func(x wire.Extension) bool {
		return x.ID == wire.ExtEncryptThenMAC || x.ID == wire.ExtHeartbeat
	})
	return h
}

// computed12 are the groups of TLS 1.2 that this project makes keys of, cheapest first.
var computed12 = []wire.Group{
	wire.X25519, wire.Secp256r1, wire.Secp384r1, wire.Secp521r1, wire.X448, wire.Secp224r1, wire.Secp256k1, wire.Brainpool256, wire.Brainpool384, wire.Brainpool512,
}

func weight(x wire.Suite) int {
	switch {
	case x.Anonymous() || x.Null() || x.Kind().Export:
		return 3
	case x.DiffieHellman():
		return 2
	case x.StaticRSA(), x.StaticECDH():
		return 1
	}
	return 0
}

// open12 makes a connection, again where the server hangs up.
func (s *scan) open12(ctx context.Context, h *wire.ClientHello) (c *session.Client12, done func(), err error) {
	for range 3 {
		var raw interface {
			Read([]byte) (int, error)
			Write([]byte) (int, error)
			Close() error
		}
		if raw, err = s.dial(ctx); err != nil {
			return nil, nil, err
		}
		c, err = session.Handshake12(raw, h)
		s.witness12(h, c, err)
		if c.Cert != nil && c.Key != nil {
			s.signed(c.Version(), c.Cert.Chain, c.Key.Scheme)
		}
		if err == nil {
			return c, func() { raw.Close() }, nil
		}
		raw.Close()
		if c != nil && c.Hello != nil || !s.again(ctx, err) {
			break
		}
	}
	return c, nil, err
}

// renegotiations are how many handshakes in a row make "at will".
const renegotiations = 2

// renegotiate makes more handshakes inside the connection. Before TLS 1.2 that is a note:
// the fault to mend there is the protocol.
func (s *scan) renegotiate(c *session.Client12, h *wire.ClientHello) {
	_, secure := c.Hello.Extensions[wire.ExtRenegotiation]
	done := 0
	for done < renegotiations {
		// A server that goes on waiting for a request made no handshake either.
		if yes, _ := c.Renegotiate(h, secure); !yes {
			break
		}
		done++
	}
	yes := done > 0
	s.features.ClientRenegotiation = &yes
	switch {
	case !yes:
	case done < renegotiations:
		s.note("tls.client-renegotiation", "the server ends connections after %d handshakes that the client began", done)
	case c.Version() < wire.TLS12:
		s.note("tls.client-renegotiation", "in %v the client may begin a new handshake at will; it goes away with the protocol", c.Version())
	default:
		s.say("tls.client-renegotiation", "the client may begin a new handshake at will, each at the server's cost: %d in a row came to their end", done)
	}
}

// underID comes back with a ticket under a session id of one byte, and returns the id that
// the server answers with; false where it accepts nothing.
func (s *scan) underID(ctx context.Context, h *wire.ClientHello, ticket []byte, id byte) ([]byte, bool) {
	again := *h
	again.Random = random32()
	again.SessionID = []byte{id}
	again.Extensions = slices.Clone(h.Extensions)
	for i, x := range again.Extensions {
		if x.ID == wire.ExtTicket {
			again.Extensions[i].Data = ticket
		}
	}
	a := s.ask(ctx, &again)
	if a.outcome != accepted {
		return nil, false
	}
	return a.hello.SessionID, true
}

// resume comes back with the ticket, under a session id of one byte: a server that
// answers with more than that byte tells from its memory (CVE-2016-9244). Then it comes
// back with the id.
func (s *scan) resume(ctx context.Context, h *wire.ClientHello, c *session.Client12) {
	if len(c.Ticket) > 0 {
		switch id, ok := s.underID(ctx, h, c.Ticket, 0x7e); {
		case !ok:
			s.skip("tls.ticketbleed", "the ticket was not answered")
		case len(id) > 1 && id[0] == 0x7e:
			// A new id may begin like that by chance, but not twice.
			again, _ := s.underID(ctx, h, c.Ticket, 0x81)
			yes := len(again) > 1 && again[0] == 0x81
			if s.features.ResumesTicket = &yes; yes {
				s.say("tls.ticketbleed", "a session id of one byte came back with %d bytes of memory behind it", len(id)-1)
			}
		default:
			yes := len(id) == 1 && id[0] == 0x7e
			s.features.ResumesTicket = &yes
		}
	}
	if len(c.Hello.SessionID) == 0 {
		no := false
		s.features.ResumesID = &no
		return
	}
	again := *h
	again.Random = random32()
	again.SessionID = c.Hello.SessionID
	again.Extensions = slices.DeleteFunc(slices.Clone(h.Extensions), func(x wire.Extension) bool { return x.ID == wire.ExtTicket })
	if a := s.ask(ctx, &again); a.outcome == accepted {
		yes := string(a.hello.SessionID) == string(c.Hello.SessionID)
		s.features.ResumesID = &yes
	}
}
