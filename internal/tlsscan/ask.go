package tlsscan

import (
	"context"
	"errors"
	"io"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// An outcome is what a server made of a hello.
type outcome uint8

const (
	// accepted: it answered with a ServerHello.
	accepted outcome = iota
	// refused: it sent an alert.
	refused
	// closed: it hung up without a word, which may mean no, or not now.
	closed
	// mute: the time ran out.
	mute
	// foreign: it sent what is not TLS.
	foreign
	// broken: it sent what cannot be read, or the connection could not be made.
	broken
)

// An answer is the first flight of a server, as far as it came.
type answer struct {
	outcome outcome
	alert   wire.Alert
	err     error

	hello   *wire.ServerHello
	cert    *wire.Certificate // TLS 1.2 and before
	key     *wire.KeyExchange
	staple  []byte
	request bool // a certificate of the client is asked for
	done    bool // the flight came to its end
	// no says of a close or a silence that a control showed it to be an answer.
	no bool
}

// ask sends a hello and reads the answer. A server that hangs up or stays silent is
// asked again, slower each time, with a hello between that it is known to accept: only
// a server that still accepts that one has said no to this one.
func (s *scan) ask(ctx context.Context, h *wire.ClientHello) *answer {
	a := s.once(ctx, h)
	for try := 0; try < 5 && a.doubtful() && ctx.Err() == nil && s.known() && !s.gone(); try++ {
		if s.closeMeansNo() && a.outcome == closed {
			a.no = true
			break
		}
		if try > 0 {
			s.slow()
		}
		if s.takesKnown(ctx) {
			again := s.once(ctx, h)
			if again.outcome == mute && a.outcome == mute {
				again = s.once(ctx, h) // silence is the weakest of answers
			}
			if again.outcome == a.outcome && s.takesKnown(ctx) {
				s.confirmNo()
				again.no = true
				return again
			}
			if !again.doubtful() {
				s.wavers()
			}
			a = again
			continue
		}
		s.shedding()
		s.slow()
		a = s.once(ctx, h)
	}
	if a.doubtful() && !s.closeMeansNo() || errors.Is(a.err, errBudget) {
		s.incomplete(a.err)
	}
	return a
}

// known says that there is a hello that the server accepts.
func (s *scan) known() bool { return s.control != nil || s.only2 }

// takesKnown says that the server accepts that hello still.
func (s *scan) takesKnown(ctx context.Context) bool {
	if s.control != nil {
		return s.once(ctx, s.control).outcome == accepted
	}
	_, err := s.askSSL2(ctx)
	return err == nil
}

func (a *answer) doubtful() bool {
	return a.outcome == closed || a.outcome == mute || a.outcome == broken
}

// once sends the hello on a connection of its own.
func (s *scan) once(ctx context.Context, h *wire.ClientHello) *answer {
	c, err := s.dial(ctx)
	if err != nil {
		a := &answer{outcome: broken, err: err}
		if hungUp(err) { // as soon as the connection was made
			a.outcome = closed
		}
		return a
	}
	defer c.Close()
	if _, err := c.Write(h.Records()); err != nil {
		return failed(err)
	}
	a := readFlight(c)
	s.witness(h, a)
	s.showed(a)
	if a.outcome == accepted && a.hello.Version >= wire.TLS13 {
		return a
	}
	// A polite end keeps logs of the server clean of resets.
	version := wire.TLS10
	if a.hello != nil {
		version = a.hello.Version
	}
	c.Write(wire.AppendRecords(nil, wire.RecordAlert, version, []byte{1, 0}))
	return a
}

// showed notes the signature in a flight.
func (s *scan) showed(a *answer) {
	if a.hello != nil && a.cert != nil && a.key != nil {
		s.signed(a.hello.Version, a.cert.Chain, a.key.Scheme)
	}
}

func failed(err error) *answer {
	a := &answer{err: err}
	switch {
	case errors.Is(err, wire.ErrNotTLS):
		a.outcome = foreign
	case hungUp(err):
		a.outcome = closed
	case silent(err):
		a.outcome = mute
	default:
		a.outcome = broken
	}
	return a
}

// maxWarnings of one flight, and requests for another hello, which a client ignores. Other
// messages are bounded by what Messages takes.
const maxWarnings = 32

// readFlight reads to ServerHelloDone, or to the ServerHello of TLS 1.3, whose rest is
// encrypted. A flight that breaks off after the ServerHello is accepted all the same.
func readFlight(r io.Reader) *answer {
	a := new(answer)
	var m wire.Messages
	end := func(err error) *answer {
		if a.hello == nil {
			return failed(err)
		}
		a.err = err
		return a
	}
	for warnings := 0; warnings < maxWarnings; {
		rec, err := wire.ReadRecord(r)
		if err != nil {
			return end(err)
		}
		switch rec.Type {
		case wire.RecordAlert:
			al, err := wire.ReadAlert(rec.Data)
			if err != nil {
				return end(err)
			}
			if al.Level == 1 && al.Description == wire.AlertUnrecognizedName {
				warnings++
				continue // a warning only: the server goes on with another name
			}
			if a.hello != nil {
				return end(al)
			}
			return &answer{outcome: refused, alert: al, err: al}
		case wire.RecordHandshake:
			if err := m.Add(rec.Data); err != nil {
				return end(err)
			}
		default:
			return end(wire.ErrMalformed)
		}
		for {
			raw, ok := m.Next()
			if !ok {
				break
			}
			if raw[0] == wire.TypeHelloRequest {
				if warnings++; warnings == maxWarnings {
					return end(wire.ErrTooMuch)
				}
				continue
			}
			if err := a.take(raw); err != nil {
				return end(err)
			}
			if a.done {
				return a
			}
		}
	}
	return end(wire.ErrTooMuch)
}

// take reads one message of the flight.
func (a *answer) take(raw []byte) error {
	typ, body := raw[0], raw[4:]
	if (a.hello == nil) != (typ == wire.TypeServerHello) {
		return wire.ErrMalformed
	}
	var err error
	switch typ {
	case wire.TypeServerHello:
		if a.hello, err = wire.ParseServerHello(body); err != nil {
			a.hello = nil
			return err
		}
		a.done = a.hello.Version >= wire.TLS13
	case wire.TypeCertificate:
		a.cert, err = wire.ParseCertificate(body)
	case wire.TypeCertificateStatus:
		a.staple, _ = wire.ParseStatus(body)
	case wire.TypeServerKeyExchange:
		a.key, _ = wire.ParseKeyExchange(body, a.hello.Suite, a.hello.Version)
	case wire.TypeCertificateRequest:
		a.request = true
	case wire.TypeServerHelloDone:
		a.done = true
	}
	return err
}
