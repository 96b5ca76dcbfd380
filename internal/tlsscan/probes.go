package tlsscan

import (
	"context"
	"math/big"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// fallback says that it was refused before with a newer version (RFC 7507). A server
// that has the newer one must then refuse.
func (s *scan) fallback(ctx context.Context) {
	var old []*protocol
	for _, v := range legacies {
		if p := s.protocols[v]; p != nil {
			old = append(old, p)
		}
	}
	if s.protocols[wire.TLS13] == nil && len(old) > 0 {
		old = old[1:]
	}
	if len(old) == 0 {
		return
	}
	p := old[0]
	a := s.ask(ctx, s.legacy(p.version, append(slices.Clone(p.suites), wire.FallbackSCSV), wire.Curves12()))
	yes := a.outcome == refused && a.alert.Description == wire.AlertFallback
	switch {
	case yes:
	case a.outcome == accepted:
		s.say("tls.no-fallback-scsv", "a hello of %v that says it fell back is accepted", p.version)
	default:
		// It refuses, and says so in words of its own.
		yes = a.outcome == refused || a.outcome == closed
	}
	s.features.FallbackSCSV = &yes
}

// preference asks whose order of suites counts in TLS 1.2 and before.
func (s *scan) preference(ctx context.Context) {
	if p := s.newest(); p != nil && p.order == "" {
		s.order(ctx, p)
	}
}

// primes offers the named primes of RFC 7919 beside suites of Diffie-Hellman: without
// them a server may have a prime of its own, and another with them.
func (s *scan) primes(ctx context.Context) {
	for _, v := range legacies {
		p := s.protocols[v]
		if p == nil {
			continue
		}
		for _, a := range p.answers {
			s.prime(a)
		}
	}
	for _, v := range []wire.Version{wire.TLS12, wire.TLS11, wire.TLS10} {
		p := s.protocols[v]
		if p == nil || s.manner.none {
			continue
		}
		suites := slices.DeleteFunc(slices.Clone(p.suites), func(x wire.Suite) bool { return !x.DiffieHellman() })
		if len(suites) == 0 {
			continue
		}
		a := s.ask(ctx, s.legacy(v, suites, []wire.Group{256, 257, 258, 259, 260}))
		if a.outcome == accepted {
			s.prime(a)
		}
		return
	}
}

// logjam is the largest field in which a discrete logarithm was computed in public, in
// bits (Boudot and others, 2019).
const logjam = 795

func (s *scan) prime(a *answer) {
	if a.key == nil || len(a.key.P) == 0 {
		return
	}
	p := new(big.Int).SetBytes(a.key.P)
	bits := p.BitLen()
	s.mu.Lock()
	if !has(s.dhBits, bits) {
		s.dhBits = append(s.dhBits, bits)
	}
	s.mu.Unlock()
	if name := session.KnownPrime(p); name != "" {
		s.note("kex.known-prime", "the prime of %d bits is %s, which others use as well", bits, name)
	}
	if bits < 2048 {
		s.say("kex.dh-weak", "%v in %v uses a prime of %d bits, less than 2048", a.hello.Suite, a.hello.Version, bits)
	}
	if bits <= logjam {
		s.say("tls.logjam", "logarithms in a field of %d bits can be computed: 512 bits in 2015 for little money, %d in 2019", bits, logjam)
	}
	if bits <= 4096 && !p.ProbablyPrime(1) {
		s.say("kex.dh-composite", "the modulus of %d bits is no prime", bits)
	}
}
