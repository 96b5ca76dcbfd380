package tlsscan_test

import (
	"crypto/rand"
	"crypto/tls"
	"hash/crc32"
	"io"
	mathrand "math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// balancer passes each connection on to the server that pick says of how many came before
// and of the client's address.
func balancer(t *testing.T, servers []string, pick func(n int, from string) int) string {
	t.Helper()
	turn := make(chan int, 1)
	turn <- 0
	return raw(t, func(c net.Conn) {
		n := <-turn
		to := servers[pick(n, c.RemoteAddr().String())]
		turn <- n + 1
		relay(c, to)
	})
}

// TestSeveralServers holds that a balancer over servers of different configurations is
// noticed by answers that do not agree, however it picks. Which connection leads to which
// server is chance: of 1,200 scans with these, 7 took them for one server.
func TestSeveralServers(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{rsa: 2048}.make(t, root)
	but := func(change func(*tls.Config)) string {
		c := &tls.Config{Certificates: []tls.Certificate{good}, CipherSuites: intermediate, CurvePreferences: groups}
		change(c)
		return serve(t, c)
	}
	base := but(func(*tls.Config) {})
	unseen, all := 0, 0
	for name, other := range map[string]string{
		"an old one": but(func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CurvePreferences, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS12, groups[1:], []uint16{0xc013, 0x002f}
		}),
		"without TLS 1.3":      but(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
		"another certificate":  but(func(c *tls.Config) { c.Certificates = []tls.Certificate{leaf{rsa: 2048}.make(t, root)} }),
		"tickets on one alone": but(func(c *tls.Config) { c.SessionTicketsDisabled = true }),
	} {
		for policy, pick := range map[string]func(int, string) int{
			"in turn":   func(n int, _ string) int { return n % 2 },
			"at random": func(int, string) int { return mathrand.IntN(2) },
			"by a hash": func(_ int, from string) int { return int(crc32.ChecksumIEEE([]byte(from)) % 2) },
		} {
			for range 3 {
				all++
				r := scan(t, balancer(t, []string{base, other}, pick), root.cert)
				if r.Notes["target.several-servers"] == "" || len(r.Incomplete) == 0 {
					unseen++
					t.Logf("%s, %s: suites %v, findings %v", name, policy, r.Suites, r.Findings)
				}
			}
		}
	}
	if unseen > 3 {
		t.Errorf("%d of %d were taken for one server", unseen, all)
	}
}

// TestOneServer holds that likeness is enough: servers of one configuration behind a
// balancer, each with keys of its own for tickets, and one that takes new ones each time,
// are not told as several.
func TestOneServer(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	certificates := []tls.Certificate{leaf{}.make(t, root), leaf{rsa: 2048}.make(t, root)}
	config := func() *tls.Config {
		return &tls.Config{Certificates: certificates, CipherSuites: append([]uint16{0xc013, 0xc014, 0x009c, 0x002f}, intermediate...), CurvePreferences: groups, MinVersion: tls.VersionTLS10}
	}
	rotating := config()
	rotating.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := config()
		var key [32]byte
		rand.Read(key[:])
		c.SetSessionTicketKeys([][32]byte{key})
		return c, nil
	}
	older := serve(t, &tls.Config{Certificates: certificates, CipherSuites: []uint16{0x002f, 0x0035}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12})
	// It has one alert for all that it refuses.
	versioned := raw(t, func(c net.Conn) {
		up, err := net.Dial("tcp", older)
		if err != nil {
			return
		}
		defer up.Close()
		go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
		rec, err := wire.ReadRecord(up)
		if err != nil {
			return
		}
		if rec.Type == wire.RecordAlert {
			rec.Data[1] = wire.AlertProtocolVersion
		}
		c.Write(wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data))
		io.Copy(c, up)
	})
	plain := serve(t, config())
	measured := raw(t, func(c net.Conn) {
		rec, err := wire.ReadRecord(c)
		if err != nil {
			return
		}
		if n := len(rec.Data); n >= 256 && n < 512 {
			c.Write(wire.AppendRecords(nil, wire.RecordAlert, wire.TLS12, []byte{2, wire.AlertHandshakeFailure}))
			return
		}
		relay(c, plain, wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data)...)
	})
	twins := []string{serve(t, config()), serve(t, config())}
	for name, addr := range map[string]string{
		"one alert":           versioned,
		"refuses by a length": measured,
		"twins":               balancer(t, twins, func(int, string) int { return mathrand.IntN(2) }),
		"rotating":            serve(t, rotating),
	} {
		r := scan(t, addr, root.cert)
		if why := r.Notes["target.several-servers"]; why != "" || len(r.Incomplete) > 0 {
			t.Errorf("%s: %s, incomplete %v", name, why, r.Incomplete)
		}
		if r.Connections > 60 {
			t.Errorf("%s: %d connections, want at most 60", name, r.Connections)
		}
	}
}
