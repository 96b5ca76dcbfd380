package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// vulnerable tries faults of implementations. Each try stops at the first sign, and
// reads no more than it takes to tell.
func (s *scan) vulnerable(ctx context.Context) {
	p := s.newest()
	if p == nil {
		return
	}
	if s.o.Passive {
		for _, name := range []string{"tls.heartbleed", "tls.ccs-injection", "tls.robot"} {
			s.skip(name, passive)
		}
		return
	}
	s.heartbleed(ctx, p)
	s.injection(ctx, p)
	s.robot(ctx)
}

const passive = "only handshakes were made: control of the host is not proved"

// begin sends a hello and reads the flight; the connection stays open.
func (s *scan) begin(ctx context.Context, h *wire.ClientHello) (net.Conn, *answer) {
	for range 3 {
		c, err := s.dial(ctx)
		if err != nil {
			return nil, &answer{outcome: broken, err: err}
		}
		if _, err := c.Write(h.Records()); err != nil {
			c.Close()
			return nil, failed(err)
		}
		a := readFlight(c)
		s.witness(h, a)
		s.showed(a)
		if a.outcome == accepted && a.done {
			return c, a
		}
		c.Close()
		if a.hello != nil || !s.again(ctx, a.err) {
			return nil, a
		}
	}
	return nil, &answer{outcome: broken, err: errors.New("the server hangs up")}
}

// heartbleed sends a heartbeat that says it is longer than it is (CVE-2014-0160), and
// right behind it a message that any server answers with an alert: so silence on the
// first is told without waiting. Of what leaks only the length is looked at.
func (s *scan) heartbleed(ctx context.Context, p *protocol) {
	offered := false
	for _, a := range p.answers {
		if _, ok := a.hello.Extensions[wire.ExtHeartbeat]; ok {
			offered = true
		}
	}
	s.features.Heartbeat = &offered
	if !offered {
		return
	}
	c, a := s.begin(ctx, s.legacy(p.version, p.suites, wire.Curves12()))
	if c == nil {
		s.skip("tls.heartbleed", "the flight did not come: "+fmt.Sprint(a.err))
		return
	}
	defer c.Close()
	beat := wire.AppendRecords(nil, wire.RecordHeartbeat, a.hello.Version, []byte{1, 0x40, 0})
	beat = wire.AppendRecords(beat, wire.RecordHandshake, a.hello.Version, wire.Handshake(wire.TypeHelloRequest+99, nil))
	c.Write(beat)
	for range 4 {
		rec, err := wire.ReadRecord(c)
		if err != nil {
			if silent(err) {
				s.skip("tls.heartbleed", "the server answered neither the heartbeat nor what came behind")
			}
			return
		}
		if leaks(rec) {
			s.say("tls.heartbleed", "a heartbeat without content was answered with %d bytes of memory", len(rec.Data)-3)
			return
		}
		if rec.Type == wire.RecordAlert {
			return
		}
	}
}

// leaks says that a record answers a heartbeat without content with some: the padding
// behind an answer that has none is no leak, nor is a request of the server's own.
func leaks(r wire.Record) bool {
	return r.Type == wire.RecordHeartbeat && len(r.Data) > 3 && r.Data[0] == 2 && (r.Data[1] > 0 || r.Data[2] > 0)
}

// injection sends ChangeCipherSpec before there are keys (CVE-2014-0224). A sound server
// has an alert for it. One that takes it answers the second one, which it then cannot
// decrypt, with bad_record_mac.
func (s *scan) injection(ctx context.Context, p *protocol) {
	c, a := s.begin(ctx, s.legacy(p.version, s.wide(p, rsaSigned(p.suites)), wire.Curves12()))
	if c == nil {
		s.skip("tls.ccs-injection", "the flight did not come: "+fmt.Sprint(a.err))
		return
	}
	defer c.Close()
	ccs := wire.AppendRecords(nil, wire.RecordCCS, a.hello.Version, []byte{1})
	c.Write(ccs)
	if got := reaction(c, 400*time.Millisecond); got != "silence" {
		return
	}
	c.Write(ccs)
	switch reaction(c, 2*time.Second) {
	case fmt.Sprintf("alert %d", wire.AlertBadRecordMAC), "alert 21":
		s.say("tls.ccs-injection", "ChangeCipherSpec is taken before keys are agreed on")
	case "silence":
		s.skip("tls.ccs-injection", "the server says nothing to ChangeCipherSpec out of turn")
	}
}
