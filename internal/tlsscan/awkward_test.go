package tlsscan_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// TestSSL3Only holds that a server with nothing newer is not called intolerant.
func TestSSL3Only(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	addr := raw(t, func(c net.Conn) {
		rec, err := wire.ReadRecord(c)
		if err != nil || rec.Type != wire.RecordHandshake || modernHello(rec.Data) || !offers(rec.Data, 0x0a) {
			say(c, 40)
			return
		}
		hello := append(append([]byte{3, 0}, make([]byte, 32)...), 0, 0, 0x0a, 0)
		der := id.Certificate[0]
		n := len(der)
		flight := wire.Handshake(wire.TypeServerHello, hello)
		flight = append(flight, wire.Handshake(wire.TypeCertificate, append([]byte{0, byte((n + 3) >> 8), byte(n + 3), 0, byte(n >> 8), byte(n)}, der...))...)
		c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.SSL3, append(flight, wire.Handshake(wire.TypeServerHelloDone, nil)...)))
		io.Copy(io.Discard, c)
	})
	r := scan(t, addr, root.cert)
	if !slices.Equal(r.Protocols, []string{"SSLv3"}) || slices.Contains(r.Findings, "tls.intolerant") || !slices.Contains(r.Findings, "protocol.sslv3") {
		t.Errorf("protocols = %v, findings = %v", r.Protocols, r.Findings)
	}
}

// TestIntolerant holds that servers that fail at what they do not know are scanned all
// the same.
func TestIntolerant(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	behind := serve(t, &tls.Config{Certificates: []tls.Certificate{id}, CipherSuites: []uint16{0xc02f, 0xc013, 0x002f}, CurvePreferences: []tls.CurveID{tls.CurveP256}, MaxVersion: tls.VersionTLS12})
	for name, tc := range map[string]struct {
		finding string
		fails   func([]byte) bool
	}{
		"TLS 1.3":        {"tls.intolerant", modernHello},
		"512 bytes":      {"tls.size-intolerant", func(hello []byte) bool { return len(hello) > 512 }},
		"any extensions": {"tls.intolerant", func(hello []byte) bool { return bytes.Contains(hello, []byte{0xff, 1, 0, 1, 0}) }},
	} {
		addr := raw(t, func(c net.Conn) {
			rec, err := wire.ReadRecord(c)
			if err != nil || tc.fails(rec.Data) {
				return
			}
			up, err := net.Dial("tcp", behind)
			if err != nil {
				return
			}
			defer up.Close()
			up.Write(wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data))
			go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
			io.Copy(c, up)
		})
		r := scan(t, addr, root.cert)
		if !slices.Contains(r.Findings, tc.finding) {
			t.Errorf("%s: findings = %v, want %s", name, r.Findings, tc.finding)
		}
		if want := []string{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"}; name != "any extensions" && !slices.Equal(r.Suites["TLSv1.2"], want) {
			t.Errorf("%s: suites = %v, want %v", name, r.Suites, want)
		}
		if len(r.Protocols) != 1 || r.Connections > 120 {
			t.Errorf("%s: protocols = %v in %d connections", name, r.Protocols, r.Connections)
		}
	}
}

// TestRateLimited holds that a server that hangs up on connections that come too fast is
// reported as a whole, or as incomplete, but never with less than it has in silence.
func TestRateLimited(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{rsa: 2048}.make(t, root)
	config := &tls.Config{Certificates: []tls.Certificate{good}, CipherSuites: append(slices.Clone(intermediate), 0xc013, 0xc014, 0x009c), CurvePreferences: groups}
	whole := scan(t, serve(t, config), root.cert)
	behind := serve(t, config)
	var tokens atomic.Int32
	tokens.Store(8)
	stop := time.NewTicker(25 * time.Millisecond)
	t.Cleanup(stop.Stop)
	go func() {
		for range stop.C {
			if tokens.Load() < 8 {
				tokens.Add(1)
			}
		}
	}()
	addr := raw(t, func(c net.Conn) {
		if tokens.Add(-1) < 0 {
			tokens.Add(1)
			return
		}
		up, err := net.Dial("tcp", behind)
		if err != nil {
			return
		}
		defer up.Close()
		go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
		io.Copy(c, up)
	})
	r := scan(t, addr, root.cert)
	if len(r.Incomplete) > 0 {
		t.Logf("incomplete: %v", r.Incomplete)
		return
	}
	for v, want := range whole.Suites {
		if !slices.Equal(r.Suites[v], want) {
			t.Errorf("%s: suites = %v, want %v", v, r.Suites[v], want)
		}
	}
	for v, want := range whole.Groups {
		if !slices.Equal(r.Groups[v], want) {
			t.Errorf("%s: groups = %v, want %v", v, r.Groups[v], want)
		}
	}
	if !slices.Equal(r.Findings, whole.Findings) {
		t.Errorf("findings = %v, want %v", r.Findings, whole.Findings)
	}
}
