package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// askTime is how long one server may take for one question.
	askTime = 2 * time.Second
	// askTries is how often a server is asked by UDP, which loses packets.
	askTries = 2
	// maxServers is how many are asked in turn.
	maxServers = 3
	// maxUDP is what is said to fit into an answer by UDP (DNS flag day 2020).
	maxUDP = 1232
	// typeCAA is the type of RFC 8659 section 4.1.
	typeCAA = dnsmessage.Type(257)
)

// errNoName is the answer for a name that nobody has.
var errNoName = errors.New("no such name")

// A Resolver asks recursive name servers. It knows types that package net does not, and no
// hosts file: what it says is what the world hears. It is safe for concurrent use.
type Resolver struct {
	// Servers are host:port, asked in turn.
	Servers []string
}

// resolverFile is where Unix keeps the name servers.
const resolverFile = "/etc/resolv.conf"

// SystemResolver asks the servers of this machine's resolv.conf.
func SystemResolver() (*Resolver, error) {
	f, err := os.Open(resolverFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil, err
	}
	servers := nameServers(string(text))
	if len(servers) == 0 {
		return nil, fmt.Errorf("%s names no server", resolverFile)
	}
	return &Resolver{Servers: servers}, nil
}

func nameServers(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "nameserver" && len(all) < maxServers {
			if _, err := netip.ParseAddr(f[1]); err == nil {
				all = append(all, net.JoinHostPort(f[1], "53"))
			}
		}
	}
	return all
}

// addresses returns the A and AAAA of a name. errNoName means that there is none of this
// name, no addresses that it has none.
func (r *Resolver) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		answers, err := r.ask(ctx, name, kind)
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			switch body := a.Body.(type) {
			case *dnsmessage.AResource:
				all = append(all, netip.AddrFrom4(body.A))
			case *dnsmessage.AAAAResource:
				all = append(all, netip.AddrFrom16(body.AAAA).Unmap())
			}
		}
	}
	return all, nil
}

// ask returns the answers of one type, aliases followed by the server.
func (r *Resolver) ask(ctx context.Context, name string, kind dnsmessage.Type) ([]dnsmessage.Resource, error) {
	question, id, err := query(name, kind)
	if err != nil {
		return nil, err
	}
	err = errors.New("no name server")
	for _, server := range r.Servers {
		for range askTries {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var answers []dnsmessage.Resource
			if answers, err = exchange(ctx, server, question, id, kind); err == nil || errors.Is(err, errNoName) {
				return answers, err
			}
		}
	}
	return nil, err
}

func query(name string, kind dnsmessage.Type) (packed []byte, id uint16, err error) {
	full, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, 0, err
	}
	id = uint16(rand.Uint32())
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	var opt dnsmessage.ResourceHeader
	err = errors.Join(b.StartQuestions(),
		b.Question(dnsmessage.Question{Name: full, Type: kind, Class: dnsmessage.ClassINET}),
		b.StartAdditionals(), opt.SetEDNS0(maxUDP, dnsmessage.RCodeSuccess, false),
		b.OPTResource(opt, dnsmessage.OPTResource{}))
	if err != nil {
		return nil, 0, err
	}
	packed, err = b.Finish()
	return packed, id, err
}

// exchange asks one server by UDP, and by TCP where the answer did not fit.
func exchange(ctx context.Context, server string, question []byte, id uint16, kind dnsmessage.Type) ([]dnsmessage.Resource, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, network := range []string{"udp", "tcp"} {
		text, err := over(ctx, network, server, question, id)
		if err != nil {
			return nil, fmt.Errorf("the name server %s does not answer: %w", server, err)
		}
		answers, truncated, err := read(text, kind)
		if err != nil {
			return nil, fmt.Errorf("the name server %s: %w", server, err)
		}
		if !truncated {
			return answers, nil
		}
	}
	return nil, fmt.Errorf("the name server %s: an answer that is cut off", server)
}

// over sends the question and returns the answer to it.
func over(ctx context.Context, network, server string, question []byte, id uint16) ([]byte, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at) // a fresh socket takes one
	}
	if network == "tcp" {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)); err != nil {
			return nil, err
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return nil, err
		}
		text := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, text); err != nil {
			return nil, err
		}
		if !answersTo(text, question, id) {
			return nil, errors.New("an answer to another question")
		}
		return text, nil
	}
	if _, err := conn.Write(question); err != nil {
		return nil, err
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		if answersTo(buffer[:n], question, id) {
			return buffer[:n], nil
		}
	}
}

// answersTo tells the answer from what somebody else has sent to our port.
func answersTo(text, question []byte, id uint16) bool {
	var asked, p dnsmessage.Parser
	if _, err := asked.Start(question); err != nil {
		return false
	}
	h, err := p.Start(text)
	if err != nil || h.ID != id || !h.Response {
		return false
	}
	want, err1 := asked.Question()
	got, err2 := p.Question()
	return err1 == nil && err2 == nil && got.Type == want.Type && got.Class == want.Class &&
		bytes.EqualFold(got.Name.Data[:got.Name.Length], want.Name.Data[:want.Name.Length])
}

// read returns the answers of one type.
func read(text []byte, kind dnsmessage.Type) (answers []dnsmessage.Resource, truncated bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(text)
	if err != nil {
		return nil, false, err
	}
	switch {
	case h.RCode == dnsmessage.RCodeNameError:
		return nil, false, errNoName
	case h.RCode != dnsmessage.RCodeSuccess:
		return nil, false, fmt.Errorf("it answers %s", strings.TrimPrefix(h.RCode.String(), "RCode"))
	case h.Truncated:
		return nil, true, nil
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, false, err
	}
	for {
		head, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return answers, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if head.Type != kind {
			if err := p.SkipAnswer(); err != nil {
				return nil, false, err
			}
			continue
		}
		one, err := p.Answer()
		if err != nil {
			return nil, false, err
		}
		answers = append(answers, one)
	}
}
