package records_test

import (
	"encoding/binary"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/panoplysec/panoply/internal/tlsscan/records"
)

// zone serves answers by name and type, over UDP cut short where big is true, and whole
// over TCP on the same port.
func zone(t *testing.T, big bool, answer func(q dnsmessage.Question) ([]dnsmessage.ResourceBody, dnsmessage.RCode)) string {
	t.Helper()
	reply := func(msg []byte, cut bool) []byte {
		var p dnsmessage.Parser
		h, err := p.Start(msg)
		if err != nil {
			return nil
		}
		q, err := p.Question()
		if err != nil {
			return nil
		}
		bodies, code := answer(q)
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, Truncated: cut, RCode: code}, Questions: []dnsmessage.Question{q}}
		for _, b := range bodies {
			if !cut {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: b})
			}
		}
		out, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return out
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close(); udp.Close() })
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(time.Minute))
			var n [2]byte
			io.ReadFull(c, n[:])
			msg := make([]byte, binary.BigEndian.Uint16(n[:]))
			io.ReadFull(c, msg)
			out := reply(msg, false)
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
			c.Close()
		}
	}()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			udp.WriteTo([]byte("no answer at all"), from)
			udp.WriteTo(reply(buf[:n], big), from)
		}
	}()
	return tcp.Addr().String()
}

func caa(flags byte, tag, value string) dnsmessage.ResourceBody {
	return &dnsmessage.UnknownResource{Type: records.TypeCAA, Data: append(append([]byte{flags, byte(len(tag))}, tag...), value...)}
}

func TestCAA(t *testing.T) {
	answer := func(q dnsmessage.Question) ([]dnsmessage.ResourceBody, dnsmessage.RCode) {
		switch q.Name.String() {
		case "shop.example.":
			return []dnsmessage.ResourceBody{caa(0, "issue", "letsencrypt.org; validationmethods=dns-01"), caa(0x80, "IODEF", "mailto:a@shop.example"), &dnsmessage.UnknownResource{Type: records.TypeCAA, Data: []byte{0, 9}}}, 0
		case "broken.example.":
			return nil, dnsmessage.RCodeServerFailure
		}
		return nil, dnsmessage.RCodeNameError
	}
	for _, big := range []bool{false, true} {
		c := records.Client{Server: zone(t, big, answer), Timeout: 10 * time.Second}
		want := []records.CAA{{Tag: "issue", Value: "letsencrypt.org; validationmethods=dns-01"}, {Critical: true, Tag: "iodef", Value: "mailto:a@shop.example"}}
		for _, name := range []string{"shop.example", "www.a.shop.example."} {
			got, at, err := c.CAA(t.Context(), name)
			if err != nil || at != "shop.example" || !reflect.DeepEqual(got, want) {
				t.Errorf("CAA(%s) = %v at %q, %v", name, got, at, err)
			}
		}
		if got, at, err := c.CAA(t.Context(), "other.example"); err != nil || got != nil || at != "" {
			t.Errorf("a name without records: %v at %q, %v", got, at, err)
		}
		if _, _, err := c.CAA(t.Context(), "www.broken.example"); err == nil {
			t.Error("a resolver that fails is no error")
		}
		if _, _, err := c.CAA(t.Context(), "a..b"); err == nil {
			t.Error("a..b was asked for")
		}
	}
}

func TestHTTPS(t *testing.T) {
	c := records.Client{Timeout: 10 * time.Second, Server: zone(t, false, func(q dnsmessage.Question) ([]dnsmessage.ResourceBody, dnsmessage.RCode) {
		return []dnsmessage.ResourceBody{&dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: 1, Target: dnsmessage.MustNewName("."), Params: []dnsmessage.SVCParam{
			{Key: dnsmessage.SVCParamALPN, Value: []byte("\x02h2\x02h3")}, {Key: dnsmessage.SVCParamPort, Value: []byte{0x20, 0xfb}}, {Key: dnsmessage.SVCParamECH, Value: []byte{0, 1, 2}},
		}}}}, 0
	})}
	got, err := c.HTTPS(t.Context(), "shop.example")
	if want := []records.HTTPS{{Priority: 1, Target: ".", ALPN: []string{"h2", "h3"}, Port: 8443, ECH: []byte{0, 1, 2}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("HTTPS = %+v, %v, want %+v", got, err, want)
	}
}

func TestSilentResolver(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	begin := time.Now()
	if _, _, err := (records.Client{Server: udp.LocalAddr().String(), Timeout: 50 * time.Millisecond}).CAA(t.Context(), "a.b.shop.example"); err == nil {
		t.Error("silence is no error")
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}
