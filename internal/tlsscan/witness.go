package tlsscan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// An exchange is a hello and what the server made of it, in the words by which answers
// can be held against each other.
type exchange struct {
	offer
	// hello is nil where an alert came.
	hello *wire.ServerHello
	alert byte
	// group is the one of the keys, 0 for none.
	group wire.Group
	// scheme is what the handshake was signed with, 0 for nothing.
	scheme wire.SignatureScheme
	// leaf is the certificate as it is, and key which kind of key it has and what signed it.
	leaf []byte
	key  string
	// request says that a certificate of the client was asked for, where the flight was whole.
	whole, request bool
	// encrypted are the extensions that TLS 1.3 encrypts.
	encrypted []uint16
}

// An offer is what a hello says.
type offer struct {
	name       string
	legacy     wire.Version
	versions   []wire.Version
	suites     []wire.Suite
	groups     []wire.Group
	schemes    []wire.SignatureScheme
	alpn       string
	extensions []uint16
	compressed bool
	session    int // bytes of the session's id
	size       int
	// keyed says that it has keys, so that the server need not ask for a group.
	keyed bool
	// special says that it asks for more than a connection: to resume, to fall back, or to
	// bear what nobody knows.
	special bool
}

// witnesses are all exchanges of a scan.
type witnesses struct {
	sync.Mutex
	all []*exchange
}

func offerOf(h *wire.ClientHello) offer {
	o := offer{legacy: h.Version, suites: h.Suites, compressed: len(h.Compression) > 1, session: len(h.SessionID), size: len(h.Records())}
	o.special = has(h.Suites, wire.FallbackSCSV) || h.Split > 0 || h.Version > wire.TLS12 || slices.ContainsFunc(h.Suites, grease)
	// Of a length at which some servers hang is only what tries just that.
	if n := len(h.Marshal()); !h.Pad && n >= 256 && n < 512 {
		o.special = true
	}
	for v := wire.SSL3; v <= min(h.Version, wire.TLS12); v++ {
		o.versions = append(o.versions, v)
	}
	for _, x := range h.Extensions {
		o.extensions = append(o.extensions, x.ID)
		o.special = o.special || grease(x.ID)
		switch x.ID {
		case wire.ExtECH, wire.ExtPadding:
			o.special = true
		case wire.ExtServerName:
			o.name = string(x.Data)
		case wire.ExtALPN:
			o.alpn = string(x.Data)
		case wire.ExtGroups:
			o.groups = list[wire.Group](x.Data, 2)
		case wire.ExtSignatures:
			o.schemes = list[wire.SignatureScheme](x.Data, 2)
		case wire.ExtSupportedVersions:
			o.versions = list[wire.Version](x.Data, 1)
		case wire.ExtKeyShare:
			o.keyed = len(x.Data) > 2
		case wire.ExtTicket:
			o.special = o.special || len(x.Data) > 0
		}
	}
	if o.session > 0 && !has(o.versions, wire.TLS13) {
		o.special = true
	}
	return o
}

// grease are the numbers that nobody has (RFC 8701).
func grease[T ~uint16](n T) bool { return n&0x0f0f == 0x0a0a && n>>8 == n&0xff }

// list reads numbers of two bytes behind a length.
func list[T ~uint16](b []byte, head int) []T {
	var out []T
	for b = b[min(head, len(b)):]; len(b) > 1; b = b[2:] {
		out = append(out, T(b[0])<<8|T(b[1]))
	}
	return out
}

// witness keeps an answer.
func (s *scan) witness(h *wire.ClientHello, a *answer) {
	if a.hello == nil && a.outcome != refused {
		return // a silence says nothing
	}
	e := &exchange{offer: offerOf(h), hello: a.hello, alert: a.alert.Description, whole: a.done, request: a.request}
	if a.hello != nil {
		if e.group = a.hello.Group; e.group == 0 {
			e.group = lastGroup(a)
		}
	}
	if a.key != nil {
		e.scheme = a.key.Scheme
	}
	if a.cert != nil && len(a.cert.Chain) > 0 {
		e.leaf, e.key = a.cert.Chain[0], kindOfKey(a.cert.Chain[0])
	}
	s.keepExchange(e)
}

func (s *scan) keepExchange(e *exchange) {
	s.heard.Lock()
	defer s.heard.Unlock()
	s.heard.all = append(s.heard.all, e)
}

// witness12 keeps the answer to a whole connection.
func (s *scan) witness12(h *wire.ClientHello, c *session.Client12, err error) {
	a := &answer{hello: c.Hello, cert: c.Cert, key: c.Key, request: c.Request, done: err == nil}
	if errors.As(err, &a.alert) {
		a.outcome = refused
	} else if c.Hello == nil {
		a.outcome = broken
	}
	s.witness(h, a)
}

func (s *scan) witness13(h *wire.ClientHello, c *session.Client13, err error) {
	var alert wire.Alert
	if c == nil || c.Hello == nil {
		if errors.As(err, &alert) {
			s.witness(h, &answer{outcome: refused, alert: alert})
		}
		return
	}
	e := &exchange{offer: offerOf(h), hello: c.Hello, group: c.Hello.Group, scheme: c.Scheme, whole: err == nil, request: c.Request, encrypted: slices.Sorted(maps.Keys(c.Extensions))}
	if c.Cert != nil && len(c.Cert.Chain) > 0 {
		e.leaf, e.key = c.Cert.Chain[0], kindOfKey(c.Cert.Chain[0])
	}
	s.keepExchange(e)
}

// kindOfKey tells certificates apart that one server may have for one name. It is empty where the certificate cannot be read.
func kindOfKey(der []byte) string {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	kind := leaf.PublicKeyAlgorithm.String() + ", signed by " + leaf.SignatureAlgorithm.String()
	if k, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
		kind = k.Curve.Params().Name + " " + kind
	}
	return kind
}

// manner12 is what the extensions of an answer depend on beside the offer.
func (e *exchange) manner12() string {
	k := e.hello.Suite.Kind()
	words := []string{k.Sign}
	if e.hello.Suite.Elliptic() {
		words = append(words, "elliptic")
	}
	switch {
	case e.hello.Suite.CBC():
		words = append(words, "CBC")
	case e.hello.Suite.Null():
		words = append(words, "NULL")
	case e.hello.Suite.RC4():
		words = append(words, "RC4")
	}
	return strings.Join(words, " ")
}

// varying are the extensions of answers that come and go at one server: staples,
// timestamps, and cookies that it asks for under load.
var varying = []uint16{wire.ExtStatusRequest, wire.ExtSCT, wire.ExtCookie}

// sessionKind says whether an answer has no id for the session, the client's, or which
// length.
func (e *exchange) sessionKind() int {
	if n := len(e.hello.SessionID); e.hello.Version < wire.TLS13 || n == 0 || n != e.session {
		return n
	}
	return -1
}

// downgrade is the mark at the end of a random by which a server says that it knows a
// newer version (RFC 8446 section 4.1.3).
func (e *exchange) downgrade() string {
	if tail := e.hello.Random[24:]; bytes.HasPrefix(tail, []byte("DOWNGRD")) && tail[7] < 2 {
		return "with the mark of newer versions"
	}
	return "without the mark of newer versions"
}
