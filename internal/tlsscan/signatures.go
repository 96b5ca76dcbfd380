package tlsscan

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"slices"
	"sync"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// signing is what the server was seen to sign handshakes with. Every hello offers first
// what was not seen yet, so that servers that follow the client's order show one scheme
// more with each connection, whatever the connection is for.
type signing struct {
	sync.Mutex
	seen, led map[wire.Version][]wire.SignatureScheme
	byLeaf    map[string][]wire.SignatureScheme
}

// signed notes a signature of a handshake under a certificate.
func (s *scan) signed(v wire.Version, chain [][]byte, x wire.SignatureScheme) {
	if x == 0 || len(chain) == 0 {
		return
	}
	g := &s.signing
	g.Lock()
	defer g.Unlock()
	if g.seen == nil {
		g.seen, g.byLeaf = map[wire.Version][]wire.SignatureScheme{}, map[string][]wire.SignatureScheme{}
	}
	if !has(g.seen[v], x) {
		g.seen[v] = append(g.seen[v], x)
	}
	delete(g.led, v) // the other kind of key was led with in vain
	if leaf := string(chain[0]); !has(g.byLeaf[leaf], x) {
		g.byLeaf[leaf] = append(g.byLeaf[leaf], x)
	}
}

// schemes are all schemes in the order in which to offer them: unseen ones first, and of
// those what another connection does not lead with at the same time.
func (s *scan) schemes(v wire.Version) []wire.SignatureScheme {
	g := &s.signing
	g.Lock()
	defer g.Unlock()
	all := wire.Schemes()
	rank := func(x wire.SignatureScheme) int {
		switch {
		case has(g.seen[v], x):
			return 2
		case has(g.led[v], x):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b wire.SignatureScheme) int { return rank(a) - rank(b) })
	if g.led == nil {
		g.led = map[wire.Version][]wire.SignatureScheme{}
	}
	for _, rsa := range []bool{true, false} {
		if i := slices.IndexFunc(all, func(x wire.SignatureScheme) bool { return x.RSA() == rsa }); i >= 0 && !has(g.led[v], all[i]) {
			g.led[v] = append(g.led[v], all[i])
		}
	}
	return all
}

func (s *scan) unseen(v wire.Version) []wire.SignatureScheme {
	s.signing.Lock()
	defer s.signing.Unlock()
	return without(wire.Schemes(), s.signing.seen[v]...)
}

// signatures asks for what no connection showed by itself, until the server has no more.
func (s *scan) signatures(ctx context.Context) {
	s.together(ctx, s.signatures12, s.signatures13)
}

func (s *scan) signatures12(ctx context.Context) {
	p := s.protocols[wire.TLS12]
	if p == nil || s.manner.none {
		return
	}
	suites := slices.DeleteFunc(slices.Clone(p.suites), func(x wire.Suite) bool { return !x.Signed() })
	suites = s.wide(p, suites)
	for len(suites) > 0 && ctx.Err() == nil {
		left := s.unseen(wire.TLS12)
		if len(left) == 0 {
			return
		}
		h := s.legacy(wire.TLS12, suites, wire.Curves12())
		h.Replace(wire.ExtSignatures, left)
		a := s.ask(ctx, h)
		if !a.accepts(wire.TLS12) || a.key == nil || !has(left, a.key.Scheme) {
			return
		}
	}
}

// signatures13 asks only for what the keys of the certificates can sign: each curve has
// one scheme in TLS 1.3, and RSA three (RFC 8446 section 4.2.3).
func (s *scan) signatures13(ctx context.Context) {
	p := s.protocols[wire.TLS13]
	if p == nil || !s.kept13 {
		return
	}
	group, suites, ok := computable(p)
	for ok && ctx.Err() == nil {
		left := s.left13()
		if len(left) == 0 {
			return
		}
		o := s.open13(ctx, offer13{name: s.name, group: group, suites: suites, schemes: left})
		if o.client == nil {
			return
		}
		s.took13(o.client)
		o.close()
		if !has(left, o.client.Scheme) {
			return
		}
	}
}

// left13 are the schemes that some certificate's key can sign by, and was not seen to.
func (s *scan) left13() []wire.SignatureScheme {
	return slices.DeleteFunc(s.unseen(wire.TLS13), func(x wire.SignatureScheme) bool { return !s.signs13(x) })
}

// signs13 says whether a key of a certificate that was served can sign so.
func (s *scan) signs13(x wire.SignatureScheme) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, served := range s.served {
		leaf, err := x509.ParseCertificate(served.chain[0])
		if err != nil {
			continue
		}
		switch k := leaf.PublicKey.(type) {
		case *rsa.PublicKey:
			if x >= 0x0804 && x <= 0x0806 {
				return true
			}
		case *ecdsa.PublicKey:
			if x == map[string]wire.SignatureScheme{"P-256": 0x0403, "P-384": 0x0503, "P-521": 0x0603}[k.Curve.Params().Name] {
				return true
			}
		case ed25519.PublicKey:
			if x == 0x0807 {
				return true
			}
		}
	}
	return false
}

// names are the sorted names of schemes.
func names(list []wire.SignatureScheme) []string {
	out := []string{}
	for _, x := range list {
		out = append(out, x.String())
	}
	slices.Sort(out)
	return out
}

// rsaSigned are the suites that an RSA key signs for, or all without any: RSA has most
// schemes to show.
func rsaSigned(suites []wire.Suite) []wire.Suite {
	var out []wire.Suite
	for _, x := range suites {
		if x.Signed() && x.Kind().Sign == "RSA" {
			out = append(out, x)
		}
	}
	return orElse(out, suites)
}
