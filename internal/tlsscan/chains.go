package tlsscan

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// chains collects the certificates that TLS 1.2 and before showed in clear, and SSLv2's.
func (s *scan) chains() {
	for _, v := range legacies {
		p := s.protocols[v]
		if p == nil {
			continue
		}
		for _, a := range p.answers {
			if a.cert != nil {
				s.serve(served{name: s.o.ServerName, chain: a.cert.Chain, staple: a.staple, scts: a.hello.Extensions[wire.ExtSCT]})
			}
			if a.request && s.features.ClientAuth == "" {
				s.features.ClientAuth = "requested"
			}
		}
	}
	if s.ssl2 != nil && len(s.ssl2.Certificate) > 0 {
		s.serve(served{name: s.o.ServerName, chain: [][]byte{s.ssl2.Certificate}, alone: true})
	}
}

// serve keeps a chain, one per leaf. What came along with a leaf only sometimes, such as
// a staple, is kept when it came.
func (s *scan) serve(x served) {
	if len(x.chain) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.served {
		old := &s.served[i]
		if bytes.Equal(old.chain[0], x.chain[0]) {
			if len(x.chain) > len(old.chain) {
				old.chain = x.chain
			}
			old.alone = old.alone && x.alone
			if old.staple == nil {
				old.staple = x.staple
			}
			if old.scts == nil {
				old.scts = x.scts
			}
			return
		}
	}
	s.served = append(s.served, x)
}

// curveOfKey is the group of an ECDSA certificate of a protocol, or 0.
func curveOfKey(p *protocol) wire.Group {
	for _, a := range p.answers {
		if a.cert == nil || len(a.cert.Chain) == 0 {
			continue
		}
		leaf, err := parse(a.cert.Chain[0])
		if err != nil {
			continue
		}
		name := ""
		if k, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
			name = curveNames[k.Curve.Params().Name]
		} else {
			_, name, _ = unknownKey(leaf.RawSubjectPublicKeyInfo)
		}
		for _, g := range wire.Curves12() {
			if g.String() == name {
				return g
			}
		}
	}
	return 0
}

// nameless asks without a server name. A HelloRetryRequest says nothing about names, so
// it takes a flight with a certificate.
func (s *scan) nameless(ctx context.Context) {
	if s.name == "" || s.manner.none {
		return
	}
	var alert byte
	var refuses bool
	p13 := s.protocols[wire.TLS13]
	g, suites, ok := wire.Group(0), []wire.Suite(nil), false
	if p13 != nil && s.kept13 { // else the same handshake fails with a name as well
		g, suites, ok = computable(p13)
	}
	switch p := s.newest(); {
	case ok:
		var o opened
		if left := s.left13(); len(left) > 0 { // a signature that is to be asked for anyway
			o = s.open13(ctx, offer13{group: g, suites: suites, schemes: left})
		}
		if o.client == nil {
			o = s.open13(ctx, offer13{group: g, suites: suites, schemes: s.schemes(wire.TLS13)})
		}
		if o.client != nil {
			if o.client.Cert != nil {
				s.signed(wire.TLS13, o.client.Cert.Chain, o.client.Scheme)
			}
			o.close()
		}
		alert, refuses = o.alert, o.alert != 0 || o.client == nil && hungUp(o.err)
	case p != nil && p.version > wire.SSL3:
		a := s.ask(ctx, s.legacyFor("", p.version, p.suites, wire.Curves12()))
		alert, refuses = a.alert.Description, a.outcome == refused || a.outcome == closed
	case p13 != nil:
		s.skip("target.sni-required", "no handshake of TLS 1.3 could be finished with a name")
		return
	}
	if refuses {
		how := "the server hangs up"
		if alert != 0 {
			how = fmt.Sprintf("the handshake ends in alert %d", alert)
		}
		s.say("target.sni-required", "without a server name %s", how)
	}
}

// maxOtherNames are how many names of a certificate are asked for beside the one given.
const maxOtherNames = 2

// otherNames asks for the other names in the certificates, which may have certificates
// of their own.
func (s *scan) otherNames(ctx context.Context) {
	if s.name == "" || s.findings["target.sni-required"] == "" {
		return
	}
	var names []string
	for _, x := range s.served {
		leaf, err := x509.ParseCertificate(x.chain[0])
		if err != nil {
			continue
		}
		for _, n := range leaf.DNSNames {
			if !strings.EqualFold(n, s.name) && !strings.HasPrefix(n, "*") && !has(names, n) && len(names) < maxOtherNames {
				names = append(names, n)
			}
		}
	}
	for _, n := range names {
		s.certificateFor(ctx, n)
	}
}
