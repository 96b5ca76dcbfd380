package tlsscan

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
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
		if rec.Type == wire.RecordHeartbeat && len(rec.Data) > 3 {
			s.say("tls.heartbleed", "a heartbeat without content was answered with %d bytes of memory", len(rec.Data)-3)
			return
		}
		if rec.Type == wire.RecordAlert {
			return
		}
	}
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
	switch reaction(c, time.Second) {
	case fmt.Sprintf("alert %d", wire.AlertBadRecordMAC), "alert 21":
		s.say("tls.ccs-injection", "ChangeCipherSpec is taken before keys are agreed on")
	case "silence":
		s.skip("tls.ccs-injection", "the server says nothing to ChangeCipherSpec out of turn")
	}
}

// reaction is what comes next, within a time: an alert's number, silence, or the end.
func reaction(c net.Conn, wait time.Duration) string {
	c.SetReadDeadline(time.Now().Add(wait))
	rec, err := wire.ReadRecord(c)
	switch {
	case err != nil && silent(err):
		return "silence"
	case err != nil:
		return "end"
	case rec.Type == wire.RecordAlert && len(rec.Data) == 2:
		return fmt.Sprintf("alert %d", rec.Data[1])
	}
	return fmt.Sprintf("record %d", rec.Type)
}

// robot sends five paddings, one right and four wrong in their own ways. A server that
// tells them apart, in full flights or in ones that stop after the key, can be asked to
// decrypt or to sign (ROBOT, CVE-2017-13099 and others).
func (s *scan) robot(ctx context.Context) {
	p, suite, pub := s.staticRSA()
	if p == nil {
		return
	}
	all := []int{0, 1, 2, 3, 4}
	for _, full := range []bool{true, false} {
		try := all
		if !full {
			try = all[:2]
		}
		got, err := s.oracle(ctx, p, suite, pub, try, full)
		if err != nil {
			s.skip("tls.robot", err.Error())
			return
		}
		if same(got) {
			continue
		}
		again, err := s.oracle(ctx, p, suite, pub, try, full)
		if err == nil && strings.Join(got, ",") == strings.Join(again, ",") {
			if len(try) < len(all) { // how strong it is takes the other paddings as well
				if more, err := s.oracle(ctx, p, suite, pub, all[len(try):], full); err == nil {
					got = append(got, more...)
				}
			}
			s.say("tls.robot", "wrong paddings of the key are told apart %s: %s", strength(got), strings.Join(got, ", "))
			return
		}
		s.note("tls.robot-noise", "answers to wrong paddings differ, but not twice alike: %s, then %s", strings.Join(got, ", "), strings.Join(again, ", "))
	}
}

// strength names an oracle as the authors of ROBOT do. It is strong where a right beginning
// shows by itself, which is all that decrypting takes. It is weak where a wrong beginning,
// a zero in a wrong place and none at all look alike: then only the rare block that is
// right as a whole stands out, and the questions are many more.
func strength(got []string) string {
	switch {
	case len(got) < 4:
		return "by an oracle of unknown strength"
	case same(got[1:4]):
		return "by a weak oracle"
	}
	return "by a strong oracle"
}

func same(list []string) bool {
	for _, x := range list {
		if x != list[0] {
			return false
		}
	}
	return true
}

// staticRSA finds a suite that encrypts to the certificate's key, and the key.
func (s *scan) staticRSA() (*protocol, wire.Suite, *rsa.PublicKey) {
	for _, v := range legacies {
		p := s.protocols[v]
		if p == nil {
			continue
		}
		for _, a := range p.answers {
			k := a.hello.Suite.Kind()
			if k.Exchange != "RSA" || k.Export || a.cert == nil || len(a.cert.Chain) == 0 {
				continue
			}
			leaf, err := x509.ParseCertificate(a.cert.Chain[0])
			if err != nil {
				continue
			}
			if pub, ok := leaf.PublicKey.(*rsa.PublicKey); ok && pub.N.BitLen() >= 512 && pub.N.BitLen() <= 16384 {
				return p, a.hello.Suite, pub
			}
		}
	}
	return nil, 0, nil
}

// oracle sends the paddings side by side and returns the reactions in order.
func (s *scan) oracle(ctx context.Context, p *protocol, suite wire.Suite, pub *rsa.PublicKey, which []int, full bool) ([]string, error) {
	got, bad := make([]string, len(which)), make([]error, len(which))
	var probes []func(context.Context)
	for i, kind := range which {
		probes = append(probes, func(ctx context.Context) {
			got[i], bad[i] = s.tell(ctx, p, suite, padding(pub, p.version, kind), pub, full)
		})
	}
	s.together(ctx, probes...)
	return got, errors.Join(bad...)
}

// tell sends one padding and returns the reaction.
func (s *scan) tell(ctx context.Context, p *protocol, suite wire.Suite, block []byte, pub *rsa.PublicKey, full bool) (string, error) {
	c, a := s.begin(ctx, s.legacy(p.version, []wire.Suite{suite}, nil))
	if c == nil {
		return "", fmt.Errorf("the flight did not come: %w", a.err)
	}
	defer c.Close()
	sealed := session.RawRSA(pub, block)
	if p.version > wire.SSL3 {
		sealed = append([]byte{byte(len(sealed) >> 8), byte(len(sealed))}, sealed...)
	}
	out := wire.AppendRecords(nil, wire.RecordHandshake, p.version, wire.Handshake(wire.TypeClientKeyExchange, sealed))
	wait := 300 * time.Millisecond
	if full {
		out = wire.AppendRecords(out, wire.RecordCCS, p.version, []byte{1})
		out = wire.AppendRecords(out, wire.RecordHandshake, p.version, garbage(suite))
		wait = 2 * time.Second
	}
	c.Write(out)
	return reaction(c, wait), nil
}

// padding makes a block: 0 is right; 1 begins wrongly; 2 has its zero too early, 3 none
// at all; 4 has a wrong version.
func padding(pub *rsa.PublicKey, v wire.Version, kind int) []byte {
	n := (pub.N.BitLen() + 7) / 8
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xa5
	}
	b[0], b[1] = 0, 2
	b[n-49], b[n-48], b[n-47] = 0, byte(v>>8), byte(v)
	switch kind {
	case 1:
		b[0], b[1] = 0x00, 0x17
	case 2:
		b[n-49] = 0x11
		b[n-2] = 0
	case 3:
		b[n-49] = 0x11
	case 4:
		b[n-48], b[n-47] = 2, 2
	}
	return b
}

// garbage is an encrypted Finished under no key, of the length that the suite has.
func garbage(suite wire.Suite) []byte {
	r := random32()
	long := append(r[:], r[:]...)
	switch c := suite.Kind().Cipher; {
	case strings.HasSuffix(c, "GCM"), strings.Contains(c, "CCM"):
		return long[:40]
	case strings.HasPrefix(c, "RC4"), c == "NULL":
		return long[:36]
	}
	return long
}
