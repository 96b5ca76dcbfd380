// Package records asks DNS for what it says about the TLS of a name: which authorities may
// issue its certificates (CAA, RFC 8659), and how its HTTPS is reached (HTTPS, RFC 9460).
//
//	c := records.Client{}
//	caa, at, err := c.CAA(ctx, "shop.example")
//
// The answers are hints. They are not authenticated here: whoever stands on the way to the
// resolver can change them, and a resolver that does not answer proves nothing.
//
// It is held by tests against a server of its own and a fuzz target for the answers.
package records

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// TypeCAA is the number of the record, which the library does not name.
const TypeCAA dnsmessage.Type = 257

// A CAA record.
type CAA struct {
	Critical bool   `json:"critical,omitempty"`
	Tag      string `json:"tag"`
	Value    string `json:"value"`
}

// An HTTPS record, as far as it is read. Priority 0 is an alias for Target.
type HTTPS struct {
	Priority uint16   `json:"priority"`
	Target   string   `json:"target"`
	ALPN     []string `json:"alpn,omitempty"`
	Port     uint16   `json:"port,omitempty"`
	// ECH is the list of keys for an Encrypted Client Hello, as it stands in the record.
	ECH []byte `json:"ech,omitempty"`
}

// A Client asks one resolver. The zero Client asks the system's first one. It is safe for
// concurrent use.
type Client struct {
	// Server is HOST:PORT of a recursive resolver; empty is that of the system.
	Server string
	// Timeout is for each of two tries; zero is one second.
	Timeout time.Duration
}

// maxRecords of one answer are read, and maxLabels of a name are climbed.
const (
	maxRecords = 64
	maxLabels  = 10
)

// CAA returns the records that count for a name, and the name that has them: its own or
// its closest parent's (RFC 8659 section 3). Without any there is no error.
func (c Client) CAA(ctx context.Context, name string) (list []CAA, at string, err error) {
	at = strings.TrimSuffix(name, ".")
	for range maxLabels {
		answers, err := c.ask(ctx, at, TypeCAA)
		if err != nil {
			return nil, "", err
		}
		for _, a := range answers {
			u, ok := a.Body.(*dnsmessage.UnknownResource)
			if !ok || a.Header.Type != TypeCAA {
				continue
			}
			if r, err := parseCAA(u.Data); err == nil {
				list = append(list, r)
			}
		}
		_, parent, ok := strings.Cut(at, ".")
		if len(list) > 0 || !ok {
			break
		}
		at = parent
	}
	if len(list) == 0 {
		at = ""
	}
	return list, at, nil
}

var errCAA = errors.New("malformed CAA record")

func parseCAA(b []byte) (CAA, error) {
	if len(b) < 2 || b[1] == 0 || len(b) < 2+int(b[1]) {
		return CAA{}, errCAA
	}
	n := 2 + int(b[1])
	for _, x := range b[2:n] {
		if (x|0x20) < 'a' || (x|0x20) > 'z' {
			if x < '0' || x > '9' {
				return CAA{}, errCAA
			}
		}
	}
	return CAA{Critical: b[0]&0x80 != 0, Tag: strings.ToLower(string(b[2:n])), Value: string(b[n:])}, nil
}

// HTTPS returns the records of a name.
func (c Client) HTTPS(ctx context.Context, name string) ([]HTTPS, error) {
	answers, err := c.ask(ctx, strings.TrimSuffix(name, "."), dnsmessage.TypeHTTPS)
	if err != nil {
		return nil, err
	}
	var out []HTTPS
	for _, a := range answers {
		r, ok := a.Body.(*dnsmessage.HTTPSResource)
		if !ok {
			continue
		}
		h := HTTPS{Priority: r.Priority, Target: r.Target.String()}
		for _, p := range r.Params {
			switch p.Key {
			case dnsmessage.SVCParamALPN:
				for b := p.Value; len(b) > 0 && len(b) > int(b[0]); b = b[1+int(b[0]):] {
					h.ALPN = append(h.ALPN, string(b[1:1+int(b[0])]))
				}
			case dnsmessage.SVCParamPort:
				if len(p.Value) == 2 {
					h.Port = binary.BigEndian.Uint16(p.Value)
				}
			case dnsmessage.SVCParamECH:
				h.ECH = p.Value
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// ask sends one question, twice if need be, and over TCP where the answer is cut short.
func (c Client) ask(ctx context.Context, name string, typ dnsmessage.Type) ([]dnsmessage.Resource, error) {
	server := c.Server
	if server == "" {
		var err error
		if server, err = system(ctx); err != nil {
			return nil, err
		}
	}
	id := uint16(rand.Uint32())
	q, err := question(id, name, typ)
	if err != nil {
		return nil, fmt.Errorf("%q is no name for DNS: %w", name, err)
	}
	for _, network := range []string{"udp", "udp", "tcp"} {
		if network == "tcp" && err == nil {
			break
		}
		var answers []dnsmessage.Resource
		var cut bool
		if answers, cut, err = c.once(ctx, network, server, q, id, typ); err == nil && !cut {
			return answers, nil
		}
		if cut {
			answers, _, err = c.once(ctx, "tcp", server, q, id, typ)
			return answers, err
		}
		var told codeError
		if errors.As(err, &told) || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("DNS at %s, %v of %s: %w", server, typ, name, err)
}

func question(id uint16, name string, typ dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, err
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	var opt dnsmessage.ResourceHeader
	err = errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{Name: n, Type: typ, Class: dnsmessage.ClassINET}),
		b.StartAdditionals(), opt.SetEDNS0(1232, dnsmessage.RCodeSuccess, false), b.OPTResource(opt, dnsmessage.OPTResource{}))
	if err != nil {
		return nil, err
	}
	return b.Finish()
}

func (c Client) once(ctx context.Context, network, server string, q []byte, id uint16, typ dnsmessage.Type) (answers []dnsmessage.Resource, cut bool, err error) {
	wait := c.Timeout
	if wait <= 0 {
		wait = time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	if at, ok := ctx.Deadline(); ok {
		conn.SetDeadline(at)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	if network == "tcp" {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
			return nil, false, err
		}
		var n [2]byte
		if _, err := io.ReadFull(conn, n[:]); err != nil {
			return nil, false, err
		}
		msg := make([]byte, binary.BigEndian.Uint16(n[:]))
		if _, err := io.ReadFull(conn, msg); err != nil {
			return nil, false, err
		}
		return parse(msg, id, typ)
	}
	if _, err := conn.Write(q); err != nil {
		return nil, false, err
	}
	buf := make([]byte, 4096)
	for range 8 { // an answer to another question is passed over
		n, err := conn.Read(buf)
		if err != nil {
			return nil, false, err
		}
		if answers, cut, err = parse(buf[:n], id, typ); !errors.Is(err, errOther) {
			return answers, cut, err
		}
	}
	return nil, false, errOther
}

var errOther = errors.New("the answer is to another question")

// A codeError is the resolver's word that it has no answer.
type codeError struct{ dnsmessage.RCode }

func (e codeError) Error() string { return fmt.Sprintf("the resolver says %v", e.RCode) }

// parse reads an answer. A name that does not exist has no records; that is no error.
func parse(msg []byte, id uint16, typ dnsmessage.Type) (answers []dnsmessage.Resource, cut bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil, false, err
	}
	if h.ID != id || !h.Response {
		return nil, false, errOther
	}
	q, err := p.Question()
	if err != nil || q.Type != typ {
		return nil, false, errOther
	}
	switch {
	case h.Truncated:
		return nil, true, nil
	case h.RCode == dnsmessage.RCodeNameError:
		return nil, false, nil
	case h.RCode != dnsmessage.RCodeSuccess:
		return nil, false, codeError{h.RCode}
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, false, err
	}
	for range maxRecords {
		a, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		answers = append(answers, a)
	}
	return answers, false, nil
}

// system is the address of the system's first resolver, as the library has it.
func system(ctx context.Context) (string, error) {
	var server string
	found := errors.New("found")
	r := net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		if server == "" {
			server = address
		}
		return nil, found
	}}
	r.LookupTXT(ctx, "resolver.invalid.")
	if server == "" {
		return "", errors.New("the system has no resolver")
	}
	return server, nil
}
