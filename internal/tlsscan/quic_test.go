package tlsscan_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// beside answers packets of UDP on the port of a server of TCP.
func beside(t *testing.T, server string, answer func(packet []byte) []byte) {
	t.Helper()
	c, err := net.ListenPacket("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := answer(buf[:n]); out != nil {
				c.WriteTo(out, from)
			}
		}
	}()
}

// negotiation is the answer of a server that has QUICv1, QUICv2 and one made-up version.
func negotiation(packet []byte) []byte {
	if len(packet) < 1200 || packet[5] != 8 {
		return nil
	}
	out := append([]byte{0x80, 0, 0, 0, 0, 8}, packet[15:23]...)
	out = append(append(out, 8), packet[6:14]...)
	return append(out, 0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf, 0x1a, 0x2a, 0x3a, 0x4a)
}

func TestQUIC(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	config := func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}} }
	for _, tc := range []struct {
		name      string
		answer    func([]byte) []byte
		reachable bool
	}{
		{"one that has QUIC", negotiation, true},
		{"one that says nothing", func([]byte) []byte { return nil }, false},
		{"one that answers something else", func(p []byte) []byte { return p }, false},
		{"one that answers with ids of its own", func([]byte) []byte { return negotiation(make([]byte, 1200)) }, false},
	} {
		addr := serve(t, config())
		beside(t, addr, tc.answer)
		q := scan(t, addr, root.cert).Features.QUIC
		if q == nil || q.Reachable != tc.reachable || tc.reachable && !slices.Equal(q.Versions, []string{"QUICv1", "QUICv2"}) {
			t.Errorf("%s: %+v", tc.name, q)
		}
	}
	if q := scan(t, serve(t, config()), root.cert).Features.QUIC; q == nil || q.Reachable {
		t.Errorf("nothing at the port: %+v", q)
	}
}

// TestAltSvc holds that HTTP/3 that is announced and does not answer is told.
func TestAltSvc(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	var field string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Alt-Svc", field) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}}
	s.StartTLS()
	t.Cleanup(s.Close)
	addr := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	field = `h2="other.test:443"; ma=60, h3=":` + port + `"; ma=86400, clear`
	r := scan(t, addr, root.cert)
	if want := []string{`h2="other.test:443"`, `h3=":` + port + `"`}; !slices.Equal(r.Features.AltSvc, want) || !strings.Contains(r.Notes["http.h3-unreachable"], port) {
		t.Errorf("Alt-Svc %q, notes %v", r.Features.AltSvc, r.Notes)
	}
	beside(t, addr, negotiation)
	if r := scan(t, addr, root.cert); r.Notes["http.h3-unreachable"] != "" {
		t.Errorf("notes = %v, want none on HTTP/3", r.Notes)
	}
}

func TestQUICProbe(t *testing.T) {
	d, s := [8]byte{1}, [8]byte{2}
	p := wire.QUICProbe(d, s)
	if len(p) != 1200 {
		t.Errorf("the probe has %d bytes, want 1200", len(p))
	}
	if got, err := wire.ParseVersionNegotiation(negotiation(p), d, s); err != nil || !slices.Equal(got, []uint32{1, 0x6b3343cf}) {
		t.Errorf("versions = %x, %v", got, err)
	}
	if _, err := wire.ParseVersionNegotiation(negotiation(p), s, d); err == nil {
		t.Error("an answer to somebody else is taken")
	}
}
