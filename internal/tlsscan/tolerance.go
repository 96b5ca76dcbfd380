package tlsscan

import (
	"context"
	"slices"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// An oddity is what a server has to bear in a hello although it need not know it.
type oddity struct {
	finding, what string
	change        func(*wire.ClientHello)
}

// oddities are sent together in a hello that is sent anyway. Only a server that fails at
// it is asked for each alone.
//
// Source: RFC 8446 sections 4.1.2 and 5.1, RFC 8701 (GREASE), RFC 7685, RFC 9849 section 6.2.
var oddities = []oddity{
	{"tls.grease-intolerant", "with a suite, a group, a scheme and a version that do not exist", func(h *wire.ClientHello) {
		h.Suites = append([]wire.Suite{0x1a1a}, h.Suites...)
		for i, x := range h.Extensions {
			switch x.ID {
			case wire.ExtGroups, wire.ExtSignatures:
				list := append([]byte{x.Data[0], x.Data[1], 0x2a, 0x2a}, x.Data[2:]...)
				n := len(list) - 2
				list[0], list[1] = byte(n>>8), byte(n)
				h.Extensions[i].Data = list
			case wire.ExtSupportedVersions:
				h.Extensions[i].Data = append([]byte{x.Data[0] + 2, 0x6a, 0x6a}, x.Data[1:]...)
			}
		}
	}},
	{"tls.extension-intolerant", "with extensions that do not exist", func(h *wire.ClientHello) {
		h.Add(0x3a3a, []byte{0})
		h.Add(0x5a5a, nil)
	}},
	{"tls.ech-intolerant", "with an Encrypted Client Hello", func(h *wire.ClientHello) { h.Add(wire.ExtECH, wire.GreaseECH()) }},
	{"tls.size-intolerant", "of more than 1,400 bytes", func(h *wire.ClientHello) { h.Add(wire.ExtPadding, make([]byte, 1400)) }},
	{"tls.record-intolerant", "in records of 100 bytes", func(h *wire.ClientHello) { h.Split = 100 }},
}

// tolerance finds out what a server fails at, where it failed at all oddities together,
// and sends a version that does not exist yet.
func (s *scan) tolerance(ctx context.Context) {
	if s.control == nil || s.manner.none {
		s.unknownExtension(ctx)
		return
	}
	base := s.newest()
	if base != nil && base.version == wire.SSL3 {
		return
	}
	hello := func() *wire.ClientHello {
		if base != nil && (s.protocols[wire.TLS13] == nil || s.manner.no13) {
			return s.legacy(base.version, rsaSigned(base.suites), wire.Curves12())
		}
		return s.contact(s.name)
	}
	if !s.odd && !s.bears(ctx, hello(), oddities...) {
		for _, x := range oddities {
			if !s.bears(ctx, hello(), x) {
				s.say(x.finding, "the server fails at a hello %s", x.what)
			}
		}
	}
	s.versions(ctx, base)
}

func (s *scan) bears(ctx context.Context, h *wire.ClientHello, odd ...oddity) bool {
	for _, x := range odd {
		x.change(h)
	}
	return !s.fails(ctx, h)
}

// fails says that the server surely did not bear the hello. Of one that hangs up at
// times whatever it is asked only a word counts.
func (s *scan) fails(ctx context.Context, h *wire.ClientHello) bool { return s.failed(s.ask(ctx, h)) }

func (s *scan) failed(a *answer) bool {
	s.state.Lock()
	defer s.state.Unlock()
	return a.outcome == refused || a.outcome == foreign || a.no && !s.state.flaky && !s.state.shed
}

// versions tells what a server makes of versions that it does not know: of TLS 1.3 if
// that is what the first hello failed at, and of one that is still to come. The last has a
// length that all other hellos are kept out of.
func (s *scan) versions(ctx context.Context, p *protocol) {
	if p == nil {
		return
	}
	if s.manner.no13 {
		h := s.legacy(p.version, p.suites, wire.Curves12())
		h.AddVersions(wire.TLS13, p.version)
		if s.fails(ctx, h) {
			s.say("tls.version-intolerant", "the server fails at a hello that offers TLS 1.3 beside %v", p.version)
			return
		}
	}
	hello := func(v wire.Version) *wire.ClientHello {
		h := s.legacy(p.version, p.suites[:min(len(p.suites), len(common))], wire.Curves12())
		h.Version, h.Pad = v, false
		if p.version < wire.TLS12 {
			h.AddSignatures(wire.Schemes())
		}
		if !s.manner.few {
			h.Fill(256)
		}
		return h
	}
	future := hello(0x0305)
	switch a := s.ask(ctx, future); {
	case a.outcome == accepted:
	case s.protocols[wire.TLS13] != nil && a.outcome == refused && a.alert.Description == wire.AlertIllegalParameter:
		// TLS 1.3 is agreed on in an extension, and no client of it names more than 1.2 in
		// the old field: older crypto/tls, which knows that, calls this hello illegal.
		s.note("tls.legacy-version", "the server fails at a hello whose old field names a version after TLS 1.2, which no client sends: %v", a.err)
	case !s.failed(a):
	case s.fails(ctx, hello(p.version)):
		s.say("tls.size-intolerant", "the server fails at a hello of %d bytes", len(future.Marshal()))
		if future.Pad = !s.manner.few; future.Pad && s.fails(ctx, future) {
			s.say("tls.version-intolerant", "the server fails at a hello with a version that does not exist yet")
		}
	default:
		s.say("tls.version-intolerant", "the server fails at a hello with a version that does not exist yet: %v", a.err)
	}
}

// unknownExtension is for a server that answers only hellos without extensions.
func (s *scan) unknownExtension(ctx context.Context) {
	p := s.newest()
	if p == nil || p.version == wire.SSL3 {
		return
	}
	h := s.legacy(p.version, p.suites, nil)
	h.Suites = slices.DeleteFunc(h.Suites, func(x wire.Suite) bool { return x == wire.RenegotiationSCSV })
	h.Add(wire.ExtRenegotiation, []byte{0})
	if s.fails(ctx, h) {
		s.say("tls.extension-intolerant", "the server fails at a hello with any extension")
	}
}

// ech tells whether the server answered a made-up Encrypted Client Hello with its keys:
// only one that knows it does (RFC 9849 section 7.1).
func (s *scan) ech(extensions map[uint16][]byte) {
	data, ok := extensions[wire.ExtECH]
	s.mu.Lock()
	s.features.ECH = &ok
	s.mu.Unlock()
	if !ok {
		return
	}
	configs, err := wire.ParseECHConfigs(data)
	if err != nil {
		s.note("tls.ech-malformed", "the server answers an Encrypted Client Hello with what cannot be read: %v", err)
		return
	}
	for _, c := range configs {
		s.note("tls.ech", "the server has keys for an Encrypted Client Hello under the name %q", c.PublicName)
	}
}
