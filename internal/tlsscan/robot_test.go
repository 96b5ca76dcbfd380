package tlsscan_test

import (
	"crypto/rsa"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// wrong says in which way the padding of a key is wrong: 0 is right, 1 begins wrongly, 2
// has its zero too early, 3 none, 4 a wrong version.
func wrong(block []byte) int {
	switch {
	case len(block) != 255 || block[0] != 2:
		return 1
	case !slices.Contains(block, 0):
		return 3
	case slices.Index(block, 0) != 206:
		return 2
	case block[207] != 3 || block[208] != 3:
		return 4
	}
	return 0
}

// TestOracles holds that every way to tell paddings apart is seen, and that a server that
// is merely moody has none.
func TestOracles(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	key := id.PrivateKey.(*rsa.PrivateKey)
	reset := func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }
	wait := func(c net.Conn) { io.Copy(io.Discard, c) }
	sound := func(c net.Conn, _ int) { say(c, 20) }
	for name, tc := range map[string]struct {
		oracle bool
		// early answers the key and says whether that was all, late the whole flight.
		early func(net.Conn, int) bool
		late  func(net.Conn, int)
	}{
		"sound":          {false, nil, sound},
		"silent":         {false, func(c net.Conn, _ int) bool { wait(c); return true }, nil},
		"resets":         {false, func(c net.Conn, _ int) bool { reset(c); return true }, nil},
		"moody":          {false, nil, func(c net.Conn, _ int) { say(c, []byte{20, 40}[rand.N(2)]) }},
		"another alert":  {true, nil, func(c net.Conn, how int) { say(c, []byte{20, 51, 51, 51, 51}[how]) }},
		"one kind alone": {true, nil, func(c net.Conn, how int) { say(c, []byte{20, 20, 20, 40, 20}[how]) }},
		"two alerts": {true, nil, func(c net.Conn, how int) {
			if say(c, 20); how > 0 {
				say(c, 40)
			}
		}},
		"stays open": {true, nil, func(c net.Conn, how int) {
			if say(c, 20); how > 0 {
				wait(c)
			}
		}},
		"reset or close": {true, nil, func(c net.Conn, how int) {
			if how > 0 {
				reset(c)
			}
		}},
		"half a flight": {true, func(c net.Conn, how int) bool {
			if how > 0 {
				say(c, 20)
			}
			return how > 0
		}, sound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{chain: id.Certificate, key: key, extensions: []byte{0xff, 1, 0, 1, 0}, after: func(c net.Conn, f *faulty) {
				rec, err := wire.ReadRecord(c)
				if err != nil || rec.Type != wire.RecordHandshake || len(rec.Data) != 262 {
					say(c, 10)
					return
				}
				block := new(big.Int).SetBytes(rec.Data[6:])
				how := wrong(block.Exp(block, key.D, key.N).Bytes())
				if tc.early != nil && tc.early(c, how) {
					return
				}
				for {
					if rec, err := wire.ReadRecord(c); err != nil {
						return
					} else if rec.Type == wire.RecordHandshake {
						tc.late(c, how)
						return
					}
				}
			}, ends: true}
			r := scan(t, raw(t, f.serve), root.cert)
			if got := slices.Contains(r.Findings, "tls.robot"); got != tc.oracle {
				t.Errorf("tls.robot = %v, want %v: notes %v, not tested %v", got, tc.oracle, r.Notes, r.NotTested)
			}
		})
	}
}
