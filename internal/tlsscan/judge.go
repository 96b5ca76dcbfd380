package tlsscan

import (
	"crypto/x509"
	"maps"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// report makes the report of what was seen. Nothing is asked any more.
func (s *scan) report(reachable bool) *Report {
	r := &Report{
		Address: s.addr, ServerName: s.name, Reachable: reachable, Protocols: []string{}, Suites: map[string][]string{}, Groups: map[string][]string{},
		Preference: map[string]string{}, Choices: map[string][]string{}, Signatures: map[string][]string{}, Certificates: []Certificate{}, Incomplete: s.state.missing,
	}
	if s.no13 {
		delete(s.protocols, wire.TLS13)
	}
	if reachable {
		s.accepted(r)
		if len(r.Protocols) == 0 && !s.gone() {
			s.say("target.no-handshake", "the server answers, and no handshake comes to its end")
		}
		s.suiteFaults()
		s.messages()
		s.certificates(r)
		s.consent()
		s.published()
	}
	if s.state.shed {
		s.note("target.sheds-load", "the server refuses connections that come too fast; it was asked more slowly")
	}
	if s.features.ClientAuth == "" && (s.features.Tickets13 != nil || s.newest() != nil) {
		s.features.ClientAuth = "none"
	}
	if all := s.features.ALPN; all != nil {
		s.features.ALPNAccepted, s.features.ALPN = all, choices(all)
	}
	s.unkept()
	r.Features, r.DNS = s.features, s.dns
	for v, seen := range s.signing.seen {
		r.Signatures[v.String()] = names(seen)
	}
	slices.Sort(s.dhBits)
	r.DHBits = s.dhBits
	r.Findings = slices.Sorted(maps.Keys(s.findings))
	if r.Findings == nil {
		r.Findings = []string{}
	}
	r.Evidence, r.Notes, r.NotTested = s.findings, s.notes, s.skipped
	if reachable && len(r.Protocols) > 0 {
		s.verdicts(r)
	}
	return r
}

// verdicts judge what the report has by now.
func (s *scan) verdicts(r *Report) {
	r.Mozilla, r.Grade = mozilla(r), gradeOf(r)
	if s.o.Profile != nil {
		v := s.o.Profile.Judge(r)
		r.Profile = &v
	}
	var chosen []wire.Group
	if p := s.protocols[wire.TLS13]; p != nil {
		chosen = p.groups
	}
	r.PostQuantum = postQuantum(r.Protocols, chosen)
}

// accepted fills in protocols, suites and groups.
func (s *scan) accepted(r *Report) {
	if s.ssl2 != nil {
		r.Protocols = append(r.Protocols, wire.SSL2.String())
		r.Suites[wire.SSL2.String()] = slices.Sorted(slices.Values(s.ssl2.Suites))
	}
	for _, v := range slices.Sorted(maps.Keys(s.protocols)) {
		p := s.protocols[v]
		name := v.String()
		r.Protocols = append(r.Protocols, name)
		for _, x := range p.suites {
			r.Choices[name] = append(r.Choices[name], x.String())
		}
		r.Suites[name] = slices.Sorted(slices.Values(r.Choices[name]))
		if v >= wire.TLS12 {
			for _, g := range p.groups {
				r.Groups[name] = append(r.Groups[name], g.String())
			}
			if len(p.groups) > 0 {
				slices.Sort(r.Groups[name])
			}
		}
		if p.order != "" {
			r.Preference[name] = p.order
		}
	}
}

// suiteFaults derives what protocols and suites say by themselves.
func (s *scan) suiteFaults() {
	if s.ssl2 != nil {
		s.say("protocol.sslv2", "SSLv2 is spoken")
		s.say("tls.drown", "SSLv2 is spoken: it decrypts what newer protocols sent to the same key")
	}
	for v, name := range map[wire.Version]string{wire.SSL3: "protocol.sslv3", wire.TLS10: "protocol.tls1.0", wire.TLS11: "protocol.tls1.1"} {
		if s.protocols[v] != nil {
			s.say(name, "%v is spoken", v)
		}
	}
	if s.protocols[wire.TLS13] == nil && len(s.protocols) > 0 {
		s.say("protocol.no-tls1.3", "TLS 1.3 is not spoken")
	}
	quantum := false
	for _, v := range slices.Sorted(maps.Keys(s.protocols)) {
		p := s.protocols[v]
		for _, g := range p.groups {
			quantum = quantum || g.Quantum()
			if bits := g.Bits(); bits > 0 && bits < 224 {
				s.say("kex.curve-weak", "%v in %v has %d bits", g, v, bits)
			}
		}
		for _, x := range p.suites {
			s.suiteFault(v, x)
		}
	}
	if !quantum && len(s.protocols) > 0 {
		s.say("kex.no-pq", "no group with ML-KEM is accepted: what is recorded today can be read when quantum computers exist")
	}
}

func (s *scan) suiteFault(v wire.Version, x wire.Suite) {
	for _, f := range []struct {
		name string
		is   bool
	}{
		{"suite.null", x.Null()}, {"suite.anon", x.Anonymous()}, {"suite.export", x.Kind().Export}, {"suite.rc4", x.RC4()},
		{"suite.des", x.DES()}, {"suite.3des", x.TripleDES()}, {"suite.cbc", x.CBC()}, {"suite.no-forward-secrecy", !x.ForwardSecret()},
		{"tls.sweet32", x.SmallBlock()}, {"tls.poodle", v == wire.SSL3 && x.CBC()},
		{"tls.freak", x.Kind().Export && x.Kind().Exchange == "RSA"}, {"tls.logjam", x.Kind().Export && x.DiffieHellman()},
	} {
		if f.is {
			s.say(f.name, "%v accepts %v", v, x)
		}
	}
	if v <= wire.TLS10 && x.CBC() {
		s.note("tls.beast", "%v accepts %v: old clients without a split of records can be attacked", v, x)
	}
	if x.CBC() {
		s.note("tls.lucky13", "%v accepts %v: safe only where the padding is checked in constant time", v, x)
	}
}

// messages derives what the hellos of the server say.
func (s *scan) messages() {
	for _, p := range s.protocols {
		for _, a := range p.answers {
			if a.hello.Compression != 0 {
				s.say("tls.compression", "%v agrees to compression method %d", p.version, a.hello.Compression)
			}
		}
	}
	p := s.newest()
	if p == nil {
		return
	}
	first := p.answers[0]
	feature := func(id uint16) *bool { _, ok := first.hello.Extensions[id]; return &ok }
	s.features.SecureRenegotiation = feature(wire.ExtRenegotiation)
	if !*s.features.SecureRenegotiation {
		s.say("tls.insecure-renegotiation", "the server does not know secure renegotiation (RFC 5746)")
	}
	if p.version > wire.SSL3 && !s.manner.few && !s.manner.none {
		s.features.ExtendedMaster = feature(wire.ExtExtendedMaster)
		s.features.TicketOffered = feature(wire.ExtTicket)
		for _, a := range p.answers {
			if _, ok := a.hello.Extensions[wire.ExtEncryptThenMAC]; ok {
				s.features.EncryptThenMAC = &ok
			}
		}
	}
}

// staples are all words on a staple, the worst last.
var staples = []string{"none", "good", "unchecked", "unknown", "stale", "invalid", "forged", "revoked"}

func (s *scan) certificates(r *Report) {
	j := &judge{o: &s.o, pools: s.o.pools(), fetched: s.fetched, say: s.say, note: s.note, skip: s.skip}
	r.Asked = s.fetched.asked
	for _, x := range s.served {
		c := j.certificate(x)
		if leaf, sent, err := x.parse(); err == nil && x.name == s.o.ServerName {
			r.Chains = append(r.Chains, append([]*x509.Certificate{leaf}, sent...))
		}
		if signs := s.signing.byLeaf[string(x.chain[0])]; signs != nil {
			c.Signs = names(signs)
		}
		r.Certificates = append(r.Certificates, c)
		if slices.Index(staples, c.Staple) > slices.Index(staples, s.features.Staple) {
			s.features.Staple = c.Staple
		}
	}
}
