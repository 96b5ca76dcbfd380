package doctor

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// A zone is a name server of a test: what it knows, and how it answers the rest.
type zone struct {
	addresses map[string][]string
	caa       map[string][]string // each "flags tag value"
	fails     map[string]bool     // SERVFAIL
	cut       bool                // by UDP nothing fits
}

// serve answers on loopback by UDP and TCP, and returns a resolver that asks it.
func (z *zone) serve(t *testing.T) *Resolver {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	var err error
	for range 20 { // until one number is free for both
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			break
		}
		tcp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close(); tcp.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(buffer)
			if err != nil {
				return
			}
			// First what an attacker would send: it must not be taken.
			udp.WriteTo(forged(buffer[:n]), from)
			udp.WriteTo(z.answer(buffer[:n], z.cut), from)
		}
	}()
	go func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			io.ReadFull(conn, size[:])
			question := make([]byte, binary.BigEndian.Uint16(size[:]))
			io.ReadFull(conn, question)
			text := z.answer(question, false)
			conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
			conn.Close()
		}
	}()
	return &Resolver{Servers: []string{udp.LocalAddr().String()}}
}

// forged is an answer with another id.
func forged(question []byte) []byte {
	out := append([]byte(nil), question...)
	out[0] ^= 0xff
	out[2] |= 0x80
	return out
}

func (z *zone) answer(question []byte, cut bool) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(question)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := strings.TrimSuffix(q.Name.String(), ".")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, RecursionAvailable: true, Truncated: cut}, Questions: []dnsmessage.Question{q}}
	_, hasAddress := z.addresses[name]
	_, hasCAA := z.caa[name]
	switch {
	case z.fails[name]:
		m.RCode = dnsmessage.RCodeServerFailure
	case !hasAddress && !hasCAA:
		m.RCode = dnsmessage.RCodeNameError
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
	if !cut && !z.fails[name] {
		for _, text := range z.addresses[name] {
			a := netip.MustParseAddr(text)
			switch {
			case q.Type == dnsmessage.TypeA && a.Is4():
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
			case q.Type == dnsmessage.TypeAAAA && a.Is6():
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
			}
		}
		for _, text := range z.caa[name] {
			if f := strings.SplitN(text, " ", 3); q.Type == typeCAA {
				flags := byte(0)
				if f[0] != "0" {
					flags = 0x80
				}
				data := append([]byte{flags, byte(len(f[1]))}, f[1]+f[2]...)
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.UnknownResource{Type: typeCAA, Data: data}})
			}
		}
	}
	text, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return text
}
