package tlsscan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// An address may lead to several servers, and each connection to another of them. What
// one accepts and another refuses then looks like the end of a list. So all answers of a
// scan are held against each other, two by two: where no single server can have given
// both, the report is marked as incomplete. What two answers are held against is only what
// a sound server does alike each time; load, tickets, staples and the client's own order
// may change the rest.

// differs notes that two answers cannot be of one server.
func (s *scan) differs(why string) {
	s.note("target.several-servers", "%s", why)
	s.incomplete(fmt.Errorf("the answers are not of one server, as behind a balancer: %s", why))
}

// several looks for two answers that are not of one server.
func (s *scan) several() {
	s.heard.Lock()
	defer s.heard.Unlock()
	largest := 0 // a server may fail at what is larger than all that it took
	for _, e := range s.heard.all {
		if e.hello != nil {
			largest = max(largest, e.size)
		}
	}
	for i, x := range s.heard.all {
		for _, y := range s.heard.all[:i] {
			for _, pair := range [][2]*exchange{{x, y}, {y, x}} {
				if why := pair[0].against(pair[1], largest); why != "" {
					s.differs(why)
					return
				}
			}
		}
	}
}

// against says why x cannot be of the server that said y, as far as x is the one to be
// looked at; empty is that it may be.
func (x *exchange) against(y *exchange, largest int) string {
	switch {
	case x.name != y.name || y.hello == nil:
		return ""
	case x.hello == nil:
		if x.special || x.size > largest || x.alpn != y.alpn || has(y.extensions, wire.ExtExtendedMaster) && !has(x.extensions, wire.ExtExtendedMaster) {
			return ""
		}
		if len(x.versions) == 0 || slices.Max(x.versions) != y.hello.Version {
			// A server settles the version first: what it then lacks for the newest, such as a
			// suite or a signature, it does not look for in an older one.
			return ""
		}
		noes := []byte{wire.AlertProtocolVersion, wire.AlertHandshakeFailure, wire.AlertInsufficient}
		if has(noes, x.alert) && x.allows(y) {
			return fmt.Sprintf("%v with %v was accepted, and then refused", y.hello.Version, y.hello.Suite)
		}
		return ""
	case x.key == y.key && x.key != "" && !bytes.Equal(x.leaf, y.leaf):
		return fmt.Sprintf("two certificates of one kind, %s, came for one name", x.key)
	case x.hello.Version < y.hello.Version:
		if !x.special && x.allows(y) {
			return fmt.Sprintf("%v was chosen where %v was offered, which it chose before", x.hello.Version, y.hello.Version)
		}
		return ""
	case x.hello.Version > y.hello.Version:
		return ""
	}
	if x.allows(y) && y.allows(x) {
		a, b := x.hello.Suite, y.hello.Suite
		if a != b && !fast(a) && !fast(b) && chose(x.suites, y.suites, a, b) {
			return fmt.Sprintf("%v was chosen in %v, and from the same suites %v", a, x.hello.Version, b)
		}
		if a == b && x.group*y.group != 0 && x.group != y.group && !x.keyed && !y.keyed && chose(x.groups, y.groups, x.group, y.group) {
			return fmt.Sprintf("%v was chosen in %v, and from the same groups %v", x.group, x.hello.Version, y.group)
		}
	}
	if x.scheme*y.scheme != 0 && x.scheme != y.scheme && x.hello.Suite == y.hello.Suite && has(y.schemes, x.scheme) && has(x.schemes, y.scheme) &&
		sameSet(x.schemes, y.schemes) && chose(x.schemes, y.schemes, x.scheme, y.scheme) {
		return fmt.Sprintf("%v signed in %v, and of the same schemes %v", x.scheme, x.hello.Version, y.scheme)
	}
	return x.habit(y)
}

// habit holds what comes beside the choice against that of a like hello.
func (x *exchange) habit(y *exchange) string {
	v := x.hello.Version
	if v < wire.TLS13 && x.downgrade() != y.downgrade() && !x.special && !y.special && has(x.versions, wire.TLS13) == has(y.versions, wire.TLS13) {
		return fmt.Sprintf("answers in %v came %s, and %s", v, x.downgrade(), y.downgrade())
	}
	if x.special || y.special || x.legacy != y.legacy || x.alpn != y.alpn || x.compressed != y.compressed || x.session != y.session ||
		x.keyed != y.keyed || x.hello.Retry != y.hello.Retry || !slices.Equal(x.extensions, y.extensions) || x.manner12() != y.manner12() {
		return ""
	}
	a, b := without(x.hello.Order, varying...), without(y.hello.Order, varying...)
	switch {
	case !slices.Equal(a, b):
		return fmt.Sprintf("like hellos were answered in %v with the extensions %v and %v", v, a, b)
	case !slices.Equal(without(x.encrypted, varying...), without(y.encrypted, varying...)):
		return fmt.Sprintf("like hellos were answered in %v with the extensions %v and %v", v, x.encrypted, y.encrypted)
	case x.sessionKind() != y.sessionKind():
		return fmt.Sprintf("like hellos were answered in %v with ids of sessions of %d and %d bytes", v, len(x.hello.SessionID), len(y.hello.SessionID))
	case x.hello.Compression != y.hello.Compression:
		return fmt.Sprintf("like hellos were answered in %v with compression %d and %d", v, x.hello.Compression, y.hello.Compression)
	case x.whole && y.whole && x.request != y.request:
		return fmt.Sprintf("a certificate of the client was asked for in %v, and then not", v)
	}
	return ""
}

// allows says that the offer lets a server choose what it chose for another one.
func (o *offer) allows(y *exchange) bool {
	v, suite := y.hello.Version, y.hello.Suite
	if !has(o.versions, v) || !has(o.suites, suite) || v >= wire.TLS12 && len(without(y.schemes, o.schemes...)) > 0 {
		return false
	}
	if v >= wire.TLS13 && o.keyed != y.keyed || suite.DiffieHellman() && o.finite() != y.finite() {
		return false
	}
	if needs := v >= wire.TLS13 || suite.Elliptic(); needs && len(y.groups) > 0 && (y.group == 0 || !has(o.groups, y.group)) {
		return false // of what was resumed the group is not known
	}
	// The groups are a word on the keys of certificates, too.
	return v >= wire.TLS13 || suite.Kind().Sign != "ECDSA" || !slices.ContainsFunc(keyCurves, func(g wire.Group) bool { return has(y.groups, g) && !has(o.groups, g) })
}

var keyCurves = []wire.Group{wire.Secp256r1, wire.Secp384r1, wire.Secp521r1}

// finite says that it names a prime's group, by which a server may do without one of its
// own.
func (o *offer) finite() bool { return slices.ContainsFunc(o.groups, wire.Group.FiniteField) }

// chose says that no one order explains that a was chosen from the first list, and b from
// the second: neither the server's nor the client's.
func chose[T comparable](first, second []T, a, b T) bool {
	return slices.Index(first, b) < slices.Index(first, a) || slices.Index(second, a) < slices.Index(second, b)
}

// fast are the suites with ChaCha20, which servers prefer or not by what the client names
// first.
func fast(x wire.Suite) bool { return chacha(x) > 0 || x == 0x1303 }

func sameSet[T comparable](a, b []T) bool { return len(without(a, b...))+len(without(b, a...)) == 0 }

// A short scan has few answers to hold against each other, and gets looks at what rests on
// one answer alone: fewLooks within the connections that a server of its level is to take,
// and more, up to manyLooks, while it has made fewer than most scans do.
const (
	fewLooks, manyLooks = 4, 12
	ordinary            = 28
	forIntermediate     = 30
	forOld              = 60
)

// looks asks again, one after the other, what was asked only once: what is best, and what
// the server does not have.
func (s *scan) looks(ctx context.Context) {
	if s.manner.block > 0 {
		return
	}
	best := func() *wire.ClientHello { return s.contact(s.name) }
	suites := offered(wire.TLS12)
	if p := s.protocols[wire.TLS12]; p != nil {
		suites = without(suites, p.suites...)
	}
	no := func() *wire.ClientHello { return s.legacy(wire.TLS12, suites, wire.Curves12()) }
	older := func() *wire.ClientHello { return s.legacy(wire.TLS11, offered(wire.TLS11), wire.Curves12()) }
	all := func() *wire.ClientHello { return s.legacy(wire.TLS12, offered(wire.TLS12), wire.Curves12()) }
	turns, most := []func() *wire.ClientHello{best, best, no, older}, forIntermediate
	if s.protocols[wire.TLS12] == nil {
		turns = []func() *wire.ClientHello{best, no, no}
	}
	if s.protocols[wire.TLS11] != nil || s.protocols[wire.TLS10] != nil {
		turns, most = []func() *wire.ClientHello{best, best, no, all}, forOld
	}
	for i := range manyLooks {
		if n := s.used(); n >= most || n >= ordinary && i >= fewLooks {
			return
		}
		s.ask(ctx, turns[i%len(turns)]())
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
		if why != passive && !elsewhere(what) {
			s.incomplete(fmt.Errorf("%s was not tested: %s", what, why))
		}
	}
}

// elsewhere says that what was not tested did not hang on the server's answers.
func elsewhere(what string) bool {
	return strings.HasPrefix(what, "dns.") || has([]string{"quic", "cert.revoked", "cert.sct-invalid", "ocsp.signature-invalid"}, what)
}
