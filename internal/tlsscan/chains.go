package tlsscan

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
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
		s.serve(served{name: s.o.ServerName, chain: [][]byte{s.ssl2.Certificate}})
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
		leaf, err := x509.ParseCertificate(a.cert.Chain[0])
		if err != nil {
			continue
		}
		if k, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
			switch k.Curve.Params().Name {
			case "P-224":
				return wire.Secp224r1
			case "P-256":
				return wire.Secp256r1
			case "P-384":
				return wire.Secp384r1
			case "P-521":
				return wire.Secp521r1
			}
		}
	}
	return 0
}

// nameless asks without a server name.
func (s *scan) nameless(ctx context.Context) {
	if s.name == "" || s.control == nil || s.manner.none {
		return
	}
	a := s.ask(ctx, s.contact(""))
	if a.outcome == refused {
		s.say("target.sni-required", "without a server name the handshake ends in %v", a.alert)
	} else if a.doubtful() {
		s.say("target.sni-required", "without a server name the server hangs up")
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
