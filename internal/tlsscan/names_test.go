package tlsscan

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/panoplysec/panoply/internal/tlsscan/records"
)

// zone answers each question of DNS with the given bodies of its type.
func zone(t *testing.T, bodies map[dnsmessage.Type][]dnsmessage.ResourceBody) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			q := m.Questions[0]
			m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
			for _, b := range bodies[q.Type] {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: b})
			}
			if out, err := m.Pack(); err == nil {
				c.WriteTo(out, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func caa(tag, value string) dnsmessage.ResourceBody {
	return &dnsmessage.UnknownResource{Type: records.TypeCAA, Data: append(append([]byte{0, byte(len(tag))}, tag...), value...)}
}

// TestRecords holds what is said about the issuer, and about keys that the server lacks.
// The test certificate of the library is from Acme Co.
func TestRecords(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	s.StartTLS()
	defer s.Close()
	addr := s.Listener.Addr().String()
	keys := append([]byte{0, 49, 0xfe, 0x0d, 0, 45, 7, 0, 0x20, 0, 32}, make([]byte, 32)...)
	keys = append(keys, 0, 4, 0, 1, 0, 1, 0, 0)
	keys = append(keys, 0, 0)
	keys[1], keys[5] = byte(len(keys)-2), byte(len(keys)-6)
	https := &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: 1, Target: dnsmessage.MustNewName("."), Params: []dnsmessage.SVCParam{{Key: dnsmessage.SVCParamECH, Value: keys}}}}
	for _, tc := range []struct {
		name, note, word string
		caa              []dnsmessage.ResourceBody
	}{
		{"another known authority", "dns.caa-differs", "letsencrypt.org", []dnsmessage.ResourceBody{caa("issue", "LetsEncrypt.org; x=y"), caa("iodef", "mailto:a@b.test")}},
		{"nobody", "dns.caa-differs", "no authority", []dnsmessage.ResourceBody{caa("issue", ";")}},
		{"an unknown one", "dns.caa", "ca.test", []dnsmessage.ResourceBody{caa("issue", "ca.test")}},
		{"no record", "dns.no-caa", "example.com", nil},
	} {
		r, err := Scan(t.Context(), addr, Options{ServerName: "example.com", Resolver: zone(t, map[dnsmessage.Type][]dnsmessage.ResourceBody{records.TypeCAA: tc.caa, dnsmessage.TypeHTTPS: {https}})})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.Notes[tc.note], tc.word) {
			t.Errorf("%s: notes = %v, want %s with %q; not tested %v", tc.name, r.Notes, tc.note, tc.word, r.NotTested)
		}
		if r.Notes["dns.ech-differs"] == "" || r.DNS == nil || len(r.DNS.HTTPS) != 1 {
			t.Errorf("%s: DNS = %+v, notes %v", tc.name, r.DNS, r.Notes)
		}
	}
	for _, o := range []Options{{ServerName: "example.com"}, {ServerName: "127.0.0.1", Resolver: "127.0.0.1:1"}} {
		r, err := Scan(t.Context(), addr, o)
		if err != nil || r.DNS != nil || r.NotTested["dns.caa"] == "" {
			t.Errorf("%+v: DNS %+v, not tested %v, %v", o, r.DNS, r.NotTested, err)
		}
	}
	// A resolver that does not answer costs a word and little time.
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r, err := Scan(t.Context(), addr, Options{ServerName: "example.com", Resolver: silent.LocalAddr().String()})
	if err != nil || r.NotTested["dns.caa"] == "" || len(r.Incomplete) > 0 || r.Took > 30*time.Second {
		t.Errorf("a silent resolver: not tested %v, incomplete %v, %v, %v", r.NotTested, r.Incomplete, r.Took, err)
	}
	if _, err := Scan(t.Context(), addr, Options{Resolver: "nowhere"}); err == nil {
		t.Error("a resolver without a port is taken")
	}
}

func TestPrivateNames(t *testing.T) {
	for _, tc := range []struct {
		name, addr string
		public     bool
	}{
		{"shop.com", "192.0.2.1:443", true}, {"shop.com", "127.0.0.1:443", false}, {"shop.com", "10.0.0.1:443", false}, {"shop.com", "[::1]:443", false},
		{"shop", "192.0.2.1:443", false}, {"shop.test", "192.0.2.1:443", false}, {"", "192.0.2.1:443", false}, {"a.shop.com.", "shop.com:443", true}, {"x.com", "localhost:1", false},
	} {
		if why := private(tc.name, tc.addr); (why == "") != tc.public {
			t.Errorf("private(%q, %q) = %q", tc.name, tc.addr, why)
		}
	}
}
