package tlsscan

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// reaction is what comes next, within a time: an alert's number, silence, or how the
// connection ends.
func reaction(c net.Conn, wait time.Duration) string {
	c.SetReadDeadline(time.Now().Add(wait))
	rec, err := wire.ReadRecord(c)
	switch {
	case err != nil && silent(err):
		return "silence"
	case errors.Is(err, io.EOF):
		return "close"
	case err != nil:
		return "reset"
	case rec.Type == wire.RecordAlert && len(rec.Data) == 2:
		return fmt.Sprintf("alert %d", rec.Data[1])
	}
	return fmt.Sprintf("record %d", rec.Type)
}

// robotRounds are how many times in a row an oracle has to answer alike before it counts:
// how a connection ends is a matter of chance with many servers.
const robotRounds = 3

// robot sends five paddings, one right and four wrong in their own ways. A server that
// tells them apart, in full flights or in ones that stop after the key, can be asked to
// decrypt or to sign (ROBOT, CVE-2017-13099 and others).
func (s *scan) robot(ctx context.Context) {
	p, suite, pub := s.staticRSA()
	if p == nil {
		return
	}
	for _, full := range []bool{true, false} {
		// A sound server says nothing to half a flight: wait long only for one that did.
		wait := 2 * time.Second
		if !full {
			wait = 300 * time.Millisecond
		}
		first, err := s.oracle(ctx, p, suite, pub, full, wait)
		if err != nil {
			s.skip("tls.robot", err.Error())
			return
		}
		if !first.tells() {
			continue
		}
		rounds := make([]reactions, robotRounds)
		for i := range rounds {
			if rounds[i], err = s.oracle(ctx, p, suite, pub, full, 2*time.Second); err != nil {
				s.skip("tls.robot", err.Error())
				return
			}
		}
		switch {
		case steadily(rounds, func(r reactions) []string { return r.first }):
			s.say("tls.robot", "wrong paddings of the key are told apart %s: %s", strength(rounds[0].first), strings.Join(rounds[0].first, ", "))
			return
		case steadily(rounds, func(r reactions) []string { return r.all }):
			s.say("tls.robot", "wrong paddings of the key are told apart %s: %s", strength(rounds[0].all), strings.Join(rounds[0].all, ", "))
			return
		}
		s.note("tls.robot-noise", "answers to wrong paddings differ, but not each time alike: %s, then %s", strings.Join(first.all, ", "), strings.Join(rounds[0].all, ", "))
	}
}

// reactions are those to each padding: what came first, and all that came.
type reactions struct{ first, all []string }

// tells says that not all reactions are alike.
func (r reactions) tells() bool { return !same(r.all) }

// steadily says that paddings are told apart, and in every round alike.
func steadily(rounds []reactions, of func(reactions) []string) bool {
	for _, r := range rounds {
		if same(of(r)) || !slices.Equal(of(r), of(rounds[0])) {
			return false
		}
	}
	return true
}

// strength names an oracle as the authors of ROBOT do, by the reactions to all paddings. It
// is strong where a right beginning shows by itself, which is all that decrypting takes. It
// is weak where a wrong beginning, a zero in a wrong place and none at all look alike: then
// only the rare block that is right as a whole stands out, and the questions are many more.
func strength(got []string) string {
	if same(got[1:4]) {
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

// paddings are how many there are, of which the first is right.
const paddings = 5

// oracle sends the paddings side by side and returns the reactions in order.
func (s *scan) oracle(ctx context.Context, p *protocol, suite wire.Suite, pub *rsa.PublicKey, full bool, wait time.Duration) (reactions, error) {
	got, bad := reactions{make([]string, paddings), make([]string, paddings)}, make([]error, paddings)
	var probes []func(context.Context)
	for i := range paddings {
		probes = append(probes, func(ctx context.Context) {
			got.first[i], got.all[i], bad[i] = s.tell(ctx, p, suite, padding(pub, p.version, i), pub, full, wait)
		})
	}
	s.together(ctx, probes...)
	return got, errors.Join(bad...)
}

// tell sends one padding and returns the reaction: how it begins, and with what follows.
func (s *scan) tell(ctx context.Context, p *protocol, suite wire.Suite, block []byte, pub *rsa.PublicKey, full bool, wait time.Duration) (first, all string, err error) {
	c, a := s.begin(ctx, s.legacy(p.version, []wire.Suite{suite}, nil))
	if c == nil {
		return "", "", fmt.Errorf("the flight did not come: %w", a.err)
	}
	defer c.Close()
	sealed := session.RawRSA(pub, block)
	if p.version > wire.SSL3 {
		sealed = append([]byte{byte(len(sealed) >> 8), byte(len(sealed))}, sealed...)
	}
	out := wire.AppendRecords(nil, wire.RecordHandshake, p.version, wire.Handshake(wire.TypeClientKeyExchange, sealed))
	if full {
		out = wire.AppendRecords(out, wire.RecordCCS, p.version, []byte{1})
		out = wire.AppendRecords(out, wire.RecordHandshake, p.version, garbage(suite))
	}
	c.Write(out)
	first = reaction(c, wait)
	all = first
	for next := first; next != "silence" && next != "close" && next != "reset" && strings.Count(all, "+") < 3; {
		next = reaction(c, 300*time.Millisecond)
		all += "+" + next
	}
	return first, all, nil
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
