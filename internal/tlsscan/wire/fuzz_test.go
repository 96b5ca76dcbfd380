package wire_test

import (
	"bytes"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// serverHello is one that crypto/tls sent: TLS 1.2 with renegotiation_info.
var serverHello = append(append([]byte{3, 3}, make([]byte, 32)...), 0, 0xc0, 0x2f, 0, 0, 5, 0xff, 1, 0, 1, 0)

func FuzzServerHello(f *testing.F) {
	f.Add(serverHello)
	f.Add(serverHello[:38])
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := wire.ParseServerHello(body)
		if err == nil && len(h.SessionID) > 32 {
			t.Errorf("a session id of %d bytes was taken", len(h.SessionID))
		}
		if err == nil && len(body) < 38 {
			t.Errorf("a hello of %d bytes was taken", len(body))
		}
	})
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{0, 0, 3, 0, 0, 0}, uint16(0xc02f), uint16(0x0303))
	f.Add([]byte{3, 0, 29, 1, 9, 8, 4, 0, 1, 7}, uint16(0xc02f), uint16(0x0303))
	f.Add([]byte{0, 1, 23, 0, 1, 2, 0, 1, 4, 0, 1, 9}, uint16(0x0033), uint16(0x0301))
	f.Fuzz(func(t *testing.T, b []byte, suite, version uint16) {
		if c, err := wire.ParseCertificate(b); err == nil && len(c.Chain) > wire.MaxChain {
			t.Errorf("%d certificates were taken", len(c.Chain))
		}
		if c, err := wire.ParseCertificate13(b); err == nil && len(c.Chain) > wire.MaxChain {
			t.Errorf("%d certificates were taken", len(c.Chain))
		}
		if k, err := wire.ParseKeyExchange(b, wire.Suite(suite), wire.Version(version)); err == nil && len(k.Params) > len(b) {
			t.Errorf("parameters of %d bytes in %d", len(k.Params), len(b))
		}
		wire.ParseStatus(b)
		wire.ParseEncryptedExtensions(b)
		wire.ParseALPN(b)
		wire.ParseTicket12(b)
		wire.ParseTicket13(b)
		wire.ParseSSL2Hello(b)
		if v, err := wire.ParseVersionNegotiation(b, [8]byte{}, [8]byte{}); err == nil && (len(v) > wire.MaxQUICVersions || 4*len(v) > len(b)) {
			t.Errorf("%d versions in %d bytes", len(v), len(b))
		}
		if configs, err := wire.ParseECHConfigs(b); err == nil && 6*len(configs) > len(b) {
			t.Errorf("%d configurations in %d bytes", len(configs), len(b))
		}
		wire.ReadSSL2Hello(bytes.NewReader(b))
	})
}

// FuzzRecords holds that messages come out of records as they went in, however they are cut.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 5, 2, 0, 0, 1, 9}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		r := bytes.NewReader(b)
		var m wire.Messages
		for {
			rec, err := wire.ReadRecord(r)
			if err != nil || m.Add(rec.Data) != nil {
				break
			}
			for raw, ok := m.Next(); ok; raw, ok = m.Next() {
				if n := int(raw[1])<<16 | int(raw[2])<<8 | int(raw[3]); n+4 != len(raw) {
					t.Errorf("a message that says %d bytes has %d", n, len(raw)-4)
				}
			}
		}
		body := b[:min(len(b), wire.MaxPlain)]
		want := wire.Handshake(wire.TypeCertificate, body)
		var parts wire.Messages
		for rest := want; len(rest) > 0; {
			n := min(len(rest), int(cut)+1)
			if err := parts.Add(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got, ok := parts.Next(); !ok || !bytes.Equal(got, want) {
			t.Errorf("Next() = %x, %v, want %x", got, ok, want)
		}
	})
}
