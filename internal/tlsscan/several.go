package tlsscan

import (
	"errors"
	"fmt"

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
	if chosen := s.contacted.hello.Version; newest != chosen && newest != 0 {
		s.differs("of all versions it chose %v, and the newest that it accepts alone is %v", chosen, newest)
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
		if why != passive {
			s.incomplete(fmt.Errorf("%s was not tested: %s", what, why))
		}
	}
}
