package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// An address may lead to several servers, and each connection to another of them. What
// one accepts and another refuses then looks like the end of a list. Hellos that are sent
// anyway, and whose answers have to agree, show it; the report then is marked as
// incomplete. Servers that differ in little may pass for one.

// differs notes that two answers cannot be of one server.
func (s *scan) differs(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	s.note("target.several-servers", "%s", why)
	s.incomplete(fmt.Errorf("the answers are not of one server, as behind a balancer: %s", why))
}

// agrees holds the answer to the first hello against a finished handshake that offers the
// suite chosen then before others: whoever has the order, it is chosen again.
func (s *scan) agrees(hello *wire.ServerHello) {
	first := s.contacted
	if first != nil && first.accepts(wire.TLS13) && has(session.Suites13, first.hello.Suite) && first.hello.Suite != hello.Suite {
		s.differs("one hello was answered with %v, and later with %v", first.hello.Suite, hello.Suite)
	}
}

// newestAgrees holds the answer to the first hello, which offered all versions, against
// what was found: the newest should have been chosen.
func (s *scan) newestAgrees() {
	if s.contacted == nil {
		return
	}
	var newest wire.Version
	for v := range s.protocols {
		newest = max(newest, v)
	}
	chosen := s.contacted.hello.Version
	if newest != chosen && newest != 0 {
		s.differs("of all versions it chose %v, and the newest that it accepts alone is %v", chosen, newest)
	}
	if p := s.protocols[chosen]; p != nil {
		s.steady(p, s.contacted)
	}
}

// steady holds an answer to a hello that offers all that a version was seen to accept
// against an order of suites that is the server's: it leads to one choice. ChaCha20 is left
// out, which servers prefer or not by what the client names first.
func (s *scan) steady(p *protocol, a *answer) {
	if p.order != "server" || !a.accepts(p.version) || chacha(a.hello.Suite)+chacha(p.suites[0]) > 0 {
		return
	}
	if a.hello.Suite != p.suites[0] {
		s.differs("%v was chosen in %v, and from the same suites %v", p.suites[0], p.version, a.hello.Suite)
	}
}

// roomy is below how many connections a second look at the first hello is worth one: a
// server of the intermediate level is to take no more than 30.
const roomy = 28

// repeats sends the first hello once more.
func (s *scan) repeats(ctx context.Context) {
	first := s.contacted
	if first == nil || s.used() >= roomy {
		return
	}
	switch a := s.ask(ctx, s.contact(s.name)); {
	case a.outcome == refused:
		s.differs("one hello was accepted, and then refused")
	case a.outcome != accepted:
	case a.hello.Version != first.hello.Version || a.hello.Suite != first.hello.Suite || a.hello.Group != first.hello.Group:
		s.differs("one hello was answered with %v, %v and later with %v, %v", first.hello.Version, first.hello.Suite, a.hello.Version, a.hello.Suite)
	}
}

// refusedKnown says that an alert refuses the version of a hello, which was accepted
// before.
func (s *scan) refusedKnown(v wire.Version, alert byte) {
	if alert == wire.AlertProtocolVersion {
		s.differs("%v was accepted, and then refused", v)
	}
}

// doubts marks the report where a server was seen to hang up whatever it is asked, and
// something rests on a hang-up.
func (s *scan) doubts() {
	if !s.state.shed && !s.state.flaky {
		return
	}
	if s.state.noes > 0 || s.manner != (manner{}) {
		s.incomplete(errors.New("the server hangs up at times whatever it is asked, so that where it hung up that may have been no answer"))
	}
	for what, why := range s.skipped {
		if why != passive && !strings.HasPrefix(what, "dns.") { // the server has no part in that
			s.incomplete(fmt.Errorf("%s was not tested: %s", what, why))
		}
	}
}
