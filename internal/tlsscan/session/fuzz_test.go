package session_test

import (
	"bytes"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// hostile plays a server that has said all it will say.
type hostile struct{ r *bytes.Reader }

func (h hostile) Read(p []byte) (int, error)  { return h.r.Read(p) }
func (h hostile) Write(p []byte) (int, error) { return len(p), nil }

// FuzzHandshakes holds that no server makes a client panic, and that none is believed
// that does not know the keys.
func FuzzHandshakes(f *testing.F) {
	sh := append(append([]byte{3, 3}, make([]byte, 32)...), 0, 0xc0, 0x13, 0)
	f.Add(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHello, sh)))
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		suites := []wire.Suite{0xc013, 0x0033, 0x002f, 0x0018, 0x0003, 0x0008, 0xc09c, 0xc0ae}
		for _, v := range []wire.Version{wire.TLS12, wire.SSL3} {
			if _, err := session.Handshake12(hostile{bytes.NewReader(b)}, hello(v, suites, []wire.Group{wire.X25519, wire.X448, wire.Brainpool256})); err == nil {
				t.Errorf("a handshake of %v was believed", v)
			}
		}
		share, err := session.NewShare(wire.X25519)
		if err != nil {
			t.Fatal(err)
		}
		h := hello(wire.TLS13, session.Suites13, []wire.Group{wire.X25519})
		h.AddVersions(wire.TLS13)
		h.AddKeyShares(wire.KeyShare{Group: wire.X25519, Key: share.Public})
		if _, err := session.Handshake13(hostile{bytes.NewReader(b)}, h, share); err == nil {
			t.Error("a handshake of TLS 1.3 was believed")
		}
	})
}
