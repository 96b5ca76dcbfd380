package tlsscan_test

import (
	"crypto/rsa"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// TestRobot holds the strength of oracles: by alerts, by silence, and by an end, where the
// flight is full and where only one that stops after the key tells.
func TestRobot(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	key := id.PrivateKey.(*rsa.PrivateKey)
	end := func(c net.Conn) {}
	alert := func(number byte) func(net.Conn) {
		return func(c net.Conn) {
			c.Write(wire.AppendRecords(nil, wire.RecordAlert, wire.TLS12, []byte{2, number}))
		}
	}
	for _, tc := range []struct {
		name, want string
		// early answers right after the key, and not after the flight.
		early bool
		// reacts to what a key decrypts to.
		reacts func(block []byte) func(net.Conn)
	}{
		{"begins right", "strong", false, func(b []byte) func(net.Conn) {
			if b[0] != 0 || b[1] != 2 {
				return alert(51)
			}
			return alert(20)
		}},
		{"has a zero", "strong", false, func(b []byte) func(net.Conn) {
			if b[0] != 0 || b[1] != 2 {
				return alert(20)
			}
			if slices.Index(b[2:], 0) < 0 {
				return end
			}
			return alert(20)
		}},
		{"is right as a whole", "weak", false, func(b []byte) func(net.Conn) {
			if b[0] != 0 || b[1] != 2 || slices.Index(b[2:], 0) != len(b)-51 {
				return alert(40)
			}
			return alert(20)
		}},
		{"has the version", "weak", false, func(b []byte) func(net.Conn) {
			if b[0] == 0 && b[1] == 2 && slices.Index(b[2:], 0) == len(b)-51 && b[len(b)-47] != 3 {
				return end
			}
			return alert(20)
		}},
		{"tells before the flight ends", "strong", true, func(b []byte) func(net.Conn) {
			if b[0] != 0 || b[1] != 2 {
				return alert(20)
			}
			return nil
		}},
		{"tells nothing", "", false, func([]byte) func(net.Conn) { return alert(20) }},
		{"hangs up whatever comes", "", false, func([]byte) func(net.Conn) { return end }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{chain: id.Certificate, key: key, extensions: []byte{0xff, 1, 0, 1, 0}, after: func(c net.Conn, _ *faulty) {
				rec, err := wire.ReadRecord(c)
				if err != nil || rec.Type != wire.RecordHandshake || len(rec.Data) < 6 {
					alert(10)(c)
					return
				}
				block := new(big.Int).SetBytes(rec.Data[6:])
				react := tc.reacts(block.Exp(block, key.D, key.N).FillBytes(make([]byte, 256)))
				if tc.early && react != nil {
					c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
					if _, err := wire.ReadRecord(c); err != nil { // nothing came behind the key
						react(c)
						return
					}
				}
				c.SetReadDeadline(time.Now().Add(20 * time.Second))
				wire.ReadRecord(c)
				if !tc.early {
					wire.ReadRecord(c)
					react(c)
					return
				}
				alert(20)(c)
			}}
			r := scan(t, raw(t, f.serve), root.cert)
			got := r.Evidence["tls.robot"]
			if found := slices.Contains(r.Findings, "tls.robot"); found != (tc.want != "") || !strings.Contains(got, tc.want) {
				t.Errorf("found %v, %q, want %q; notes %v, not tested %v", found, got, tc.want, r.Notes, r.NotTested)
			}
		})
	}
}
