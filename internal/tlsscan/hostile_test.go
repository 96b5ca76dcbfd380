package tlsscan_test

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

func contains(s, word string) bool { return strings.Contains(s, word) }

// TestHostileServers holds that every server ends the scan in bounded time, with few
// connections, and with a report that does not call it clean.
func TestHostileServers(t *testing.T) {
	looping := wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeHelloRequest, nil))
	for _, tc := range []struct {
		name, finding string
		serve         func(net.Conn)
	}{
		{"plain HTTP", "target.not-tls", func(c net.Conn) {
			c.Read(make([]byte, 4096))
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		}},
		{"hangs up", "target.not-tls", func(net.Conn) {}},
		{"resets", "target.not-tls", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }},
		{"endless warnings", "target.not-tls", func(c net.Conn) {
			for {
				if _, err := c.Write([]byte{21, 3, 3, 0, 2, 1, 112}); err != nil {
					return
				}
			}
		}},
		{"asks for keys again and again", "target.no-handshake", func(c net.Conn) {
			for {
				rec, err := wire.ReadRecord(c)
				if err != nil || len(rec.Data) < 71 || rec.Data[38] != 32 {
					return
				}
				retry := sha256.Sum256([]byte("HelloRetryRequest"))
				hello := slices.Concat([]byte{3, 3}, retry[:], rec.Data[38:71], []byte{0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 29})
				c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHello, hello)))
			}
		}},
		{"tarpit", "target.silent", func(c net.Conn) { io.Copy(io.Discard, c) }},
		{"dribble", "target.silent", func(c net.Conn) {
			for _, b := range append([]byte{22, 3, 3, 0x3e, 0x80}, make([]byte, 16000)...) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}},
		{"16 MiB record", "target.not-tls", func(c net.Conn) {
			io.WriteString(c, "\x16\x03\x03\xff\xff")
			io.Copy(c, io.LimitReader(zeros{}, 16<<20))
		}},
		{"16 MiB message", "target.not-tls", func(c net.Conn) {
			c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, append([]byte{11, 0xff, 0xff, 0xff}, make([]byte, 1<<20)...)))
		}},
		{"endless hello requests", "target.not-tls", func(c net.Conn) {
			for {
				if _, err := c.Write(looping); err != nil {
					return
				}
			}
		}},
		{"refuses everything", "target.no-handshake", func(c net.Conn) {
			c.Read(make([]byte, 4096))
			c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			io.Copy(io.Discard, c)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			addr := raw(t, func(c net.Conn) { n.Add(1); tc.serve(c) })
			r, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", Timeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(r.Findings, tc.finding) {
				t.Errorf("findings = %v, want %s", r.Findings, tc.finding)
			}
			if r.Took > 20*time.Second || n.Load() > 100 {
				t.Errorf("it took %v and %d connections", r.Took, n.Load())
			}
			if len(r.Mozilla) > 0 {
				t.Errorf("there is a verdict: %v", r.Mozilla)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A faulty server plays a first flight of static RSA, and then one fault.
type faulty struct {
	chain      [][]byte
	key        *rsa.PrivateKey
	extensions []byte
	compress   bool
	after      func(c net.Conn, f *faulty)
	// records is how many bytes of the flight a record has; 0 is all.
	records int
	// ends says that the connection ends with the fault.
	ends bool
}

func (f *faulty) serve(c net.Conn) {
	rec, err := wire.ReadRecord(c)
	if err != nil || rec.Type != wire.RecordHandshake || !offers(rec.Data, 0x2f) {
		say(c, 40)
		return
	}
	if rec.Data[4] != 3 || rec.Data[5] != 3 {
		say(c, 70)
		return
	}
	hello := append(append([]byte{3, 3}, make([]byte, 32)...), 0, 0, 0x2f, 0)
	if f.compress && bytes.Contains(rec.Data[39+int(rec.Data[38]):], []byte{2, 1, 0}) {
		hello[len(hello)-1] = 1
	}
	hello = append(append(hello, 0, byte(len(f.extensions))), f.extensions...)
	der := f.chain[0]
	n := len(der)
	certs := append([]byte{0, byte((n + 3) >> 8), byte(n + 3), 0, byte(n >> 8), byte(n)}, der...)
	flight := wire.Handshake(wire.TypeServerHello, hello)
	flight = append(flight, wire.Handshake(wire.TypeCertificate, certs)...)
	flight = append(flight, wire.Handshake(wire.TypeServerHelloDone, nil)...)
	var out []byte
	for part := range slices.Chunk(flight, cmp.Or(f.records, len(flight))) {
		out = wire.AppendRecords(out, wire.RecordHandshake, wire.TLS12, part)
	}
	c.Write(out)
	f.after(c, f)
	if !f.ends {
		io.Copy(io.Discard, c)
	}
}

// offers says whether a hello lists a suite.
func offers(hello []byte, suite uint16) bool {
	n := 39 + int(hello[38])
	for list := hello[n+2:][:int(hello[n])<<8|int(hello[n+1])]; len(list) > 1; list = list[2:] {
		if uint16(list[0])<<8|uint16(list[1]) == suite {
			return true
		}
	}
	return false
}

// modernHello says whether a hello has the extension of TLS 1.3.
func modernHello(hello []byte) bool {
	return bytes.Contains(hello, []byte{0, 43, 0, 9, 8}) || bytes.Contains(hello, []byte{0, 43, 0, 3, 2})
}

func say(c net.Conn, alert byte) { c.Write([]byte{21, 3, 3, 0, 2, 2, alert}) }

func TestFaults(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	renegotiation := []byte{0xff, 1, 0, 1, 0}
	heartbeat := append([]byte{0, 15, 0, 1, 1}, renegotiation...)
	refuse := func(c net.Conn, _ *faulty) {
		if _, err := wire.ReadRecord(c); err == nil {
			say(c, 40)
		}
	}
	// A request without content that says it has some is answered with so much memory.
	memory := append([]byte{2, 0x40, 0}, make([]byte, 0x4010)...)
	beats := func(answer []byte) func(net.Conn, *faulty) {
		return func(c net.Conn, f *faulty) {
			for {
				rec, err := wire.ReadRecord(c)
				switch {
				case err != nil:
					return
				case rec.Type != wire.RecordHeartbeat:
					say(c, 40)
					return
				case answer != nil:
					c.Write(wire.AppendRecords(nil, wire.RecordHeartbeat, wire.TLS12, answer))
				}
			}
		}
	}
	early := func(c net.Conn, _ *faulty) {
		for n := 0; ; n++ {
			rec, err := wire.ReadRecord(c)
			if err != nil {
				return
			}
			if rec.Type != wire.RecordCCS || n > 0 {
				say(c, 20)
				return
			}
		}
	}
	oracle := func(c net.Conn, f *faulty) {
		rec, err := wire.ReadRecord(c)
		if err != nil || rec.Type != wire.RecordHandshake || len(rec.Data) < 6 {
			say(c, 10)
			return
		}
		block := new(big.Int).SetBytes(rec.Data[6:])
		if block.Exp(block, f.key.D, f.key.N); block.BitLen() != 8*256-14 { // 00 02 …
			say(c, 51)
			return
		}
		wire.ReadRecord(c)
		wire.ReadRecord(c)
		say(c, 20)
	}
	for _, tc := range []struct {
		finding    string
		present    bool
		extensions []byte
		compress   bool
		after      func(net.Conn, *faulty)
	}{
		{"tls.heartbleed", true, heartbeat, false, beats(memory)},
		{"tls.heartbleed", false, heartbeat, false, beats(nil)},
		{"tls.heartbleed", false, heartbeat, false, beats(append([]byte{2, 0, 0}, make([]byte, 16)...))},
		{"tls.heartbleed", false, heartbeat, false, beats(append([]byte{1, 0, 4}, make([]byte, 20)...))},
		{"tls.ccs-injection", true, renegotiation, false, early},
		{"tls.ccs-injection", false, renegotiation, false, refuse},
		{"tls.robot", true, renegotiation, false, oracle},
		{"tls.robot", false, renegotiation, false, refuse},
		{"tls.compression", true, renegotiation, true, refuse},
		{"tls.compression", false, renegotiation, false, refuse},
		{"tls.insecure-renegotiation", true, nil, false, refuse},
		{"tls.insecure-renegotiation", false, renegotiation, false, refuse},
	} {
		f := &faulty{chain: id.Certificate, key: id.PrivateKey.(*rsa.PrivateKey), extensions: tc.extensions, compress: tc.compress, after: tc.after}
		if tc.finding == "tls.robot" {
			f.records = 1 // a flight may come so as well
		}
		r := scan(t, raw(t, f.serve), root.cert)
		if got := slices.Contains(r.Findings, tc.finding); got != tc.present {
			t.Errorf("%s = %v, want %v: %v, not tested %v", tc.finding, got, tc.present, r.Findings, r.NotTested)
		}
		if want := []string{"TLS_RSA_WITH_AES_128_CBC_SHA"}; !slices.Equal(r.Suites["TLSv1.2"], want) {
			t.Errorf("%s: suites = %v, want %v", tc.finding, r.Suites, want)
		}
		// What a page would show was not seen, and must not count as seen.
		if r.Features.HSTS != nil || r.NotTested["http.hsts-missing"] == "" {
			t.Errorf("%s: HSTS = %v without a page", tc.finding, r.Features.HSTS)
		}
	}
}

func TestSSL2(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	der := leaf{rsa: 2048}.make(t, newAuthority(t, "middle", root, 1000*time.Hour)).Certificate[0]
	addr := raw(t, func(c net.Conn) {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil || head[0]&0x80 == 0 {
			return
		}
		io.CopyN(io.Discard, c, int64(head[1]))
		body := slices.Concat([]byte{4, 0, 1, 0, 2, byte(len(der) >> 8), byte(len(der)), 0, 3, 0, 0}, der, []byte{7, 0, 0xc0})
		c.Write(append([]byte{0x80 | byte(len(body)>>8), byte(len(body))}, body...))
	})
	r := scan(t, addr, root.cert)
	// It hangs up at all other hellos, and SSLv2 has no place for the issuer's certificate.
	if len(r.Incomplete) > 0 || slices.Contains(r.Findings, "cert.chain-incomplete") || len(r.Certificates) != 1 {
		t.Errorf("incomplete %v, findings %v, %d certificates", r.Incomplete, r.Findings, len(r.Certificates))
	}
	if !r.Reachable || !slices.Contains(r.Findings, "protocol.sslv2") || !slices.Contains(r.Findings, "tls.drown") {
		t.Errorf("reachable %v, findings %v", r.Reachable, r.Findings)
	}
}

// TestPassive holds that a passive scan tries no fault and says so.
func TestPassive(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	var after atomic.Int32
	f := &faulty{chain: id.Certificate, key: id.PrivateKey.(*rsa.PrivateKey), after: func(c net.Conn, _ *faulty) {
		for {
			rec, err := wire.ReadRecord(c)
			if err != nil {
				return
			}
			if rec.Type == wire.RecordCCS || rec.Type == wire.RecordHeartbeat {
				after.Add(1)
			}
		}
	}}
	r, err := tlsscan.Scan(t.Context(), raw(t, f.serve), tlsscan.Options{ServerName: "app.test", Passive: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tls.heartbleed", "tls.ccs-injection", "tls.robot"} {
		if r.NotTested[name] == "" {
			t.Errorf("%s does not stand among what was not tested: %v", name, r.NotTested)
		}
	}
	// The one ChangeCipherSpec of a whole handshake, for the page, is no probe.
	if n := after.Load(); n > 2 {
		t.Errorf("%d records of probes came", n)
	}
}

func TestReadLogs(t *testing.T) {
	for _, bad := range []string{"", "[]", "{}", `[{"key":"!"}]`, `[{"key":"AAAA"}]`} {
		if _, err := tlsscan.ReadLogs(strings.NewReader(bad)); err == nil {
			t.Errorf("ReadLogs(%q) took it", bad)
		}
	}
}
