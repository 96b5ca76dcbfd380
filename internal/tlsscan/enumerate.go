package tlsscan

import (
	"context"
	"iter"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A protocol is what one version of a server accepts, in the order of its choices.
type protocol struct {
	version wire.Version
	suites  []wire.Suite
	groups  []wire.Group
	// answers has one flight per suite of TLS 1.2 and before, and those for groups.
	answers []*answer
	// order tells whose order of suites counts; empty is not tested.
	order string
	// unasked is a suite that the server chose although it was not offered.
	unasked wire.Suite
}

func has[T comparable](list []T, x T) bool { return slices.Contains(list, x) }

func without[T comparable](list []T, x ...T) []T {
	out := make([]T, 0, len(list))
	for _, y := range list {
		if !slices.Contains(x, y) {
			out = append(out, y)
		}
	}
	return out
}

// enumerateLegacy strikes out what the server chooses until it chooses nothing more: one
// connection per suite, and one for the no. The groups are struck out on the same
// connections; where a no may be theirs, the suites are asked again with all groups.
// A first answer, to all suites and groups, may be given.
func (s *scan) enumerateLegacy(ctx context.Context, v wire.Version, first *answer) *protocol {
	p := &protocol{version: v}
	all := wire.Curves12()
	for block := range s.blocks(offered(v)) {
		left, groups, striking := block, all, v == wire.TLS12
		for len(left) > 0 && ctx.Err() == nil {
			a := first
			if a == nil {
				a = s.ask(ctx, s.legacy(v, left, groups))
			}
			first = nil
			if !a.accepts(v) && len(groups) < len(all) && len(p.suites) > 0 {
				groups, striking = all, false
				a = s.ask(ctx, s.legacy(v, left, groups))
			}
			if !a.accepts(v) {
				break
			}
			if !has(left, a.hello.Suite) {
				p.unasked = a.hello.Suite
				break
			}
			p.take(a)
			left = without(left, a.hello.Suite)
			if rest := without(all, p.groups...); striking && len(rest) > 0 && has(groups, lastGroup(a)) {
				groups = rest
			}
			if len(without(usual, p.groups...)) == 0 {
				groups, striking = all, false
			}
		}
		if len(p.suites) > 0 && s.manner.block == 0 && slices.IndexFunc(block, func(x wire.Suite) bool { return has(p.suites, x) }) != slices.Index(block, p.suites[0]) {
			p.order = "server" // it took another than the first in our order that it accepts
		}
	}
	return p
}

// offered are all suites of a version in the order in which they are offered: backwards,
// so that the order of most servers' choices is seen to be their own, and what has ChaCha20
// last, for servers take the first cipher as a word on what the client computes fast.
func offered(v wire.Version) []wire.Suite {
	all := wire.SuitesFor(v)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b wire.Suite) int { return chacha(a) - chacha(b) })
	return all
}

func chacha(x wire.Suite) int {
	if x>>8 == 0xcc {
		return 1
	}
	return 0
}

// usual are the groups that most servers have. Once they are struck out, what is left is
// asked for at the end, in one.
var usual = []wire.Group{wire.X25519, wire.Secp256r1, wire.Secp384r1}

func lastGroup(a *answer) wire.Group {
	if a.key == nil {
		return 0
	}
	return a.key.Group
}

// blocks are the suites in hellos that the server can bear.
func (s *scan) blocks(suites []wire.Suite) iter.Seq[[]wire.Suite] {
	n := s.manner.block
	if n == 0 {
		n = len(suites)
	}
	return slices.Chunk(suites, n)
}

// wide adds to suites that a version was seen to accept, where the server can bear it, all
// others that are signed alike: its choice stays, and that of another server behind the
// same address shows.
func (s *scan) wide(p *protocol, suites []wire.Suite) []wire.Suite {
	if s.manner.block > 0 || len(suites) == 0 {
		return suites
	}
	first := suites[0]
	others := slices.DeleteFunc(without(offered(p.version), p.suites...), func(x wire.Suite) bool {
		return x.Signed() != first.Signed() || x.Kind().Sign != first.Kind().Sign
	})
	return append(slices.Clone(suites), others...)
}

// accepts says that the server agreed to exactly this version.
func (a *answer) accepts(v wire.Version) bool { return a.outcome == accepted && a.hello.Version == v }

func (p *protocol) take(a *answer) {
	if !has(p.suites, a.hello.Suite) {
		p.suites = append(p.suites, a.hello.Suite)
	}
	p.answers = append(p.answers, a)
	if g := lastGroup(a); g != 0 && !has(p.groups, g) {
		p.groups = append(p.groups, g)
	}
}

// enumerateGroups finishes the groups of TLS 1.2. With a certificate of ECDSA the curve
// of its key has to stay offered, at the end, for it counts as the client's word on
// certificates too (RFC 8422 section 5.1).
func (s *scan) enumerateGroups(ctx context.Context, p *protocol, curve wire.Group) {
	var suites, byRSA []wire.Suite
	for _, x := range p.suites {
		if x.Elliptic() {
			suites = append(suites, x)
			if x.Kind().Sign != "ECDSA" {
				byRSA = append(byRSA, x)
			}
		}
	}
	if len(byRSA) > 0 {
		suites, curve = byRSA, 0
	}
	if len(suites) == 0 || s.manner.none {
		return
	}
	for ctx.Err() == nil {
		left := without(wire.Curves12(), p.groups...)
		if len(left) == 0 {
			return
		}
		offer := left
		if curve != 0 && !has(left, curve) {
			offer = append(slices.Clone(left), curve)
		}
		a := s.ask(ctx, s.legacy(p.version, suites, offer))
		if !a.accepts(p.version) || !has(left, lastGroup(a)) {
			return
		}
		p.take(a)
	}
}

// enumerate13 strikes out the suite and the group of each HelloRetryRequest together:
// as many connections as the longer of both lists has, and two. Classical groups stand
// first, so that the server's first choice tells whether it prefers ML-KEM.
func (s *scan) enumerate13(ctx context.Context) *protocol {
	p := &protocol{version: wire.TLS13}
	if s.manner.no13 {
		return p
	}
	suites, groups := wire.SuitesFor(wire.TLS13), classicalFirst(wire.Groups13())
	if a := s.contacted; a != nil && a.accepts(wire.TLS13) && has(suites, a.hello.Suite) && has(groups, a.hello.Group) {
		p.suites, p.groups = []wire.Suite{a.hello.Suite}, []wire.Group{a.hello.Group}
		suites, groups = without(suites, a.hello.Suite), without(groups, a.hello.Group)
	}
	for ctx.Err() == nil && (len(suites) > 0 || len(groups) > 0) {
		// Once the usual suites are seen, the rest is rarely there: it waits for the end, for
		// a no to it beside groups would not say whose it is.
		offer := suites
		if len(groups) > 0 && len(without(usual13, p.suites...)) == 0 {
			offer = nil
		}
		a := s.ask(ctx, s.modern(orElse(offer, p.suites), orElse(groups, p.groups), wire.Schemes()))
		if !a.accepts(wire.TLS13) && len(offer) < len(suites) {
			groups = nil
			continue
		}
		if !a.accepts(wire.TLS13) && len(suites) > 0 && len(groups) > 0 && len(p.suites) > 0 {
			// Either list may be at its end: with suites that are accepted a no is the groups'.
			a = s.ask(ctx, s.modern(p.suites, groups, wire.Schemes()))
			if !a.accepts(wire.TLS13) {
				groups = nil
				continue
			}
			suites, offer = nil, nil
		}
		if !a.accepts(wire.TLS13) {
			return p
		}
		suite, group := a.hello.Suite, a.hello.Group
		if !has(orElse(offer, p.suites), suite) || !has(orElse(groups, p.groups), group) {
			if !has(p.suites, suite) {
				p.unasked = suite
			}
			return p // it takes what was not offered: nothing that it says counts
		}
		if !has(p.suites, suite) {
			p.suites = append(p.suites, suite)
		}
		if !has(p.groups, group) {
			p.groups = append(p.groups, group)
		}
		suites, groups = without(suites, suite), without(groups, group)
	}
	return p
}

// usual13 are the suites that most servers of TLS 1.3 have, and no others.
var usual13 = []wire.Suite{0x1301, 0x1302, 0x1303}

func orElse[T any](list, other []T) []T {
	if len(list) > 0 {
		return list
	}
	return other
}

// order asks with the server's first choice at the end: who keeps it has an order of
// its own.
func (s *scan) order(ctx context.Context, p *protocol) {
	if len(p.suites) < 2 {
		return
	}
	turned := slices.Clone(p.suites)
	slices.Reverse(turned)
	a := s.ask(ctx, s.legacy(p.version, turned, wire.Curves12()))
	switch {
	case !a.accepts(p.version):
	case a.hello.Suite == p.suites[0]:
		p.order = "server"
	default:
		p.order = "client"
	}
}

// askSSL2 asks for SSLv2.
func (s *scan) askSSL2(ctx context.Context) (*wire.SSL2ServerHello, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := random32()
	if _, err := c.Write(wire.SSL2Hello([16]byte(r[:16]))); err != nil {
		return nil, err
	}
	return wire.ReadSSL2Hello(c)
}
