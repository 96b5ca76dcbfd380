package tlsscan

import (
	"crypto/rand"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A manner is how much a hello may hold for a server that fails at what it does not
// know. The zero manner is what browsers send and more.
type manner struct {
	// modern is false for a server that fails when TLS 1.3 is offered.
	no13 bool
	// few leaves out extensions that only tell about features.
	few bool
	// none leaves out all extensions.
	none bool
	// block is the most suites in one hello; zero is all.
	block int
}

// manners are tried one after the other until a server answers.
var manners = []manner{{}, {block: 60}, {no13: true}, {no13: true, few: true, block: 60}, {no13: true, none: true, block: 60}}

func (m manner) String() string {
	switch {
	case m.none:
		return "hellos with extensions"
	case m.few:
		return "hellos with extensions that it does not know, or long ones"
	case m.no13:
		return "hellos that offer TLS 1.3"
	case m.block > 0:
		return "long hellos"
	}
	return ""
}

// fault is the finding of a server that needs this manner.
func (m manner) fault() string {
	if m.no13 {
		return "tls.intolerant"
	}
	return "tls.size-intolerant"
}

func random32() (b [32]byte) {
	rand.Read(b[:])
	return b
}

// legacy is a hello for SSLv3 to TLS 1.2.
func (s *scan) legacy(v wire.Version, suites []wire.Suite, groups []wire.Group) *wire.ClientHello {
	return s.legacyFor(s.name, v, suites, groups)
}

func (s *scan) legacyFor(name string, v wire.Version, suites []wire.Suite, groups []wire.Group) *wire.ClientHello {
	h := &wire.ClientHello{Version: v, Random: random32(), Suites: suites, Compression: []byte{1, 0}}
	if v == wire.SSL3 || s.manner.none {
		h.Suites = append([]wire.Suite{wire.RenegotiationSCSV}, suites...)
		h.Record = min(v, wire.TLS10)
		return h
	}
	h.AddServerName(name)
	h.Add(wire.ExtRenegotiation, []byte{0})
	if len(groups) > 0 {
		h.AddGroups(groups, true)
	}
	if v == wire.TLS12 {
		h.AddSignatures(s.schemes(v))
	}
	if s.manner.few {
		return h
	}
	h.Pad = true
	h.Add(wire.ExtExtendedMaster, nil)
	h.Add(wire.ExtTicket, nil)
	h.Add(wire.ExtEncryptThenMAC, nil)
	h.Add(wire.ExtHeartbeat, []byte{1})
	h.Add(wire.ExtStatusRequest, []byte{1, 0, 0, 0, 0})
	h.Add(wire.ExtSCT, nil)
	return h
}

// modern is a hello for TLS 1.3 alone. Without shares the server answers with a
// HelloRetryRequest.
func (s *scan) modern(suites []wire.Suite, groups []wire.Group, schemes []wire.SignatureScheme, shares ...wire.KeyShare) *wire.ClientHello {
	return s.modernFor(s.name, suites, groups, schemes, shares...)
}

func (s *scan) modernFor(name string, suites []wire.Suite, groups []wire.Group, schemes []wire.SignatureScheme, shares ...wire.KeyShare) *wire.ClientHello {
	h := &wire.ClientHello{Version: wire.TLS12, Random: random32(), Suites: suites, Compression: []byte{0}, Pad: true}
	id := random32()
	h.SessionID = id[:]
	h.AddServerName(name)
	h.AddVersions(wire.TLS13)
	h.AddGroups(groups, false)
	h.AddSignatures(schemes)
	h.AddKeyShares(shares...)
	h.Add(wire.ExtPSKModes, []byte{1, 1})
	h.Add(wire.ExtStatusRequest, []byte{1, 0, 0, 0, 0})
	h.Add(wire.ExtSCT, nil)
	return h
}

// contact is the first hello: all that this project knows, in one.
func (s *scan) contact(name string) *wire.ClientHello {
	if s.manner.no13 {
		suites := wire.SuitesFor(wire.TLS12)
		if s.manner.block > 0 {
			suites = common
		}
		return s.legacyFor(name, wire.TLS12, suites, wire.Curves12())
	}
	h := &wire.ClientHello{Version: wire.TLS12, Random: random32(), Compression: []byte{0}, Pad: true}
	id := random32()
	h.SessionID = id[:]
	older := wire.SuitesFor(wire.TLS12)
	if s.manner.block > 0 {
		older = common
	}
	h.Suites = append(wire.SuitesFor(wire.TLS13), older...)
	h.AddServerName(name)
	h.AddVersions(wire.TLS13, wire.TLS12, wire.TLS11, wire.TLS10)
	h.AddGroups(classicalFirst(bothGroups()), true)
	h.AddSignatures(wire.Schemes())
	h.AddKeyShares()
	h.Add(wire.ExtPSKModes, []byte{1, 1})
	h.Add(wire.ExtRenegotiation, []byte{0})
	h.Add(wire.ExtExtendedMaster, nil)
	return h
}

// bothGroups are those of TLS 1.3 and of before.
func bothGroups() []wire.Group {
	all := wire.Groups13()
	for _, g := range wire.Curves12() {
		if !has(all, g) {
			all = append(all, g)
		}
	}
	return all
}

// common are the suites that a server has at least one of, no more than a block, what is
// best today first: for servers that fail at long lists.
var common = []wire.Suite{
	0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0xc023, 0xc027, 0xc024, 0xc028,
	0x009e, 0x009f, 0xccaa, 0x0033, 0x0039, 0x0067, 0x006b, 0x009c, 0x009d, 0x002f, 0x0035, 0x003c, 0x003d,
	0x000a, 0x0016, 0xc012, 0xc008, 0x0005, 0x0004, 0xc011, 0xc007, 0x0041, 0x0084, 0x0045, 0x0088, 0x0009, 0x0015,
	0x0003, 0x0006, 0x0008, 0x0014, 0x0001, 0x0002, 0x003b, 0x0018, 0x0034, 0x003a, 0x001b, 0x0019, 0x0017,
}
