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

// TestTicketbleed holds the probe against a server that fills a short session id up to 32
// bytes with what lies behind it, and against its mended twin.
func TestTicketbleed(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{rsa: 2048}.make(t, root)}, CipherSuites: intermediate, MaxVersion: tls.VersionTLS12})
	// longID answers an id of one byte with another one of 32.
	longID := func(id func(echo byte) []byte) string {
		return raw(t, func(c net.Conn) {
			rec, err := wire.ReadRecord(c)
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			defer up.Close()
			up.Write(wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data))
			go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
			first, err := wire.ReadRecord(up)
			if err != nil {
				return
			}
			if len(rec.Data) > 39 && rec.Data[38] == 1 && len(first.Data) > 39 && first.Data[0] == wire.TypeServerHello && first.Data[38] == 1 {
				n := int(first.Data[2])<<8 + int(first.Data[3])
				body := slices.Concat(first.Data[4:38], []byte{32}, id(first.Data[39]), first.Data[40:4+n])
				first.Data = append(wire.Handshake(wire.TypeServerHello, body), first.Data[4+n:]...)
			}
			c.Write(wire.AppendRecords(nil, first.Type, first.Version, first.Data))
			io.Copy(c, up)
		})
	}
	bleeding := longID(func(echo byte) []byte { return append([]byte{echo}, bytes.Repeat([]byte{'m'}, 31)...) })
	if r := scan(t, bleeding, root.cert); !slices.Contains(r.Findings, "tls.ticketbleed") {
		t.Errorf("findings = %v, want tls.ticketbleed; not tested %v", r.Findings, r.NotTested)
	}
	// One that takes no ticket gives an id of its own, which may begin like the client's.
	var asked atomic.Int32
	chance := longID(func(byte) []byte {
		asked.Add(1)
		return append([]byte{0x7e}, bytes.Repeat([]byte{'r'}, 31)...)
	})
	if r := scan(t, chance, root.cert); asked.Load() != 2 || slices.Contains(r.Findings, "tls.ticketbleed") || r.Features.ResumesTicket == nil || *r.Features.ResumesTicket {
		t.Errorf("an id that begins alike by chance: asked %d times, findings %v", asked.Load(), r.Findings)
	}
	r := scan(t, server, root.cert)
	if slices.Contains(r.Findings, "tls.ticketbleed") || r.NotTested["tls.ticketbleed"] != "" || r.Features.ResumesTicket == nil || !*r.Features.ResumesTicket {
		t.Errorf("the mended twin: findings %v, not tested %v", r.Findings, r.NotTested)
	}
}
