package tlsscan_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// readHello returns a hello's version and suites, and the connection's next bytes stay.
func readHello(c net.Conn) (version [2]byte, suites []uint16, ok bool) {
	var b []byte
	for len(b) < 45 || len(b) < 4+(int(b[2])<<8|int(b[3])) { // it may come in several records
		rec, err := wire.ReadRecord(c)
		if err != nil || rec.Type != wire.RecordHandshake {
			return version, nil, false
		}
		b = append(b, rec.Data...)
	}
	version = [2]byte{b[4], b[5]}
	n := 39 + int(b[38])
	list := b[n+2:][:int(b[n])<<8|int(b[n+1])]
	for ; len(list) > 1; list = list[2:] {
		suites = append(suites, uint16(list[0])<<8|uint16(list[1]))
	}
	return version, suites, true
}

// firstFlight is ServerHello, Certificate and Done.
func firstFlight(version [2]byte, suite uint16, chain [][]byte) []byte {
	hello := append(append([]byte{version[0], version[1]}, make([]byte, 32)...), 0, byte(suite>>8), byte(suite), 0)
	var certs []byte
	for _, der := range chain {
		certs = append(append(certs, byte(len(der)>>16), byte(len(der)>>8), byte(len(der))), der...)
	}
	certs = append([]byte{byte(len(certs) >> 16), byte(len(certs) >> 8), byte(len(certs))}, certs...)
	out := wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHello, hello))
	out = wire.AppendRecords(out, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeCertificate, certs))
	return wire.AppendRecords(out, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHelloDone, nil))
}

// playing answers each hello of TLS 1.2 that offers static RSA with this chain.
func playing(chain ...[]byte) func(net.Conn) {
	return func(c net.Conn) {
		version, suites, ok := readHello(c)
		if !ok || version != [2]byte{3, 3} || !slices.Contains(suites, 0x2f) {
			say(c, 40)
			return
		}
		c.Write(firstFlight(version, 0x2f, chain))
		if _, err := wire.ReadRecord(c); err == nil {
			say(c, 40)
		}
	}
}

// bombs are certificates that cost whoever reads them.
func bombs(t *testing.T) map[string][][]byte {
	t.Helper()
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	sign := func(template, parent *x509.Certificate, pub any, by any) []byte {
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(7), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	huge := func(bits int) *rsa.PublicKey {
		n := make([]byte, bits/8)
		rand.Read(n)
		n[0], n[len(n)-1] = 0x80|n[0], 1|n[len(n)-1]
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 1<<31 - 1}
	}
	app := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "app.test"}, DNSNames: []string{"app.test"}}
	}
	good := sign(app(), root.cert, root.key.Public(), root.key)
	all := map[string][][]byte{"a key of 32768 bits": {sign(app(), root.cert, huge(32768), root.key)}}

	names := app()
	for i := range 9000 {
		names.DNSNames = append(names.DNSNames, fmt.Sprintf("n%d.app.test", i))
	}
	all["names by the thousand"] = [][]byte{sign(names, root.cert, root.key.Public(), root.key)}

	many := [][]byte{good}
	for size := len(good); size < 250<<10; size += len(root.cert.Raw) {
		many = append(many, root.cert.Raw)
	}
	all["certificates by the hundred"] = many

	var deep [][]byte
	by := root
	for i := range 60 {
		by = newAuthority(t, fmt.Sprint("floor ", i), by, 100*time.Hour)
		deep = append([][]byte{by.cert.Raw}, deep...)
	}
	all["a deep chain"] = append([][]byte{sign(app(), by.cert, root.key.Public(), by.key)}, deep...)

	// Issuers of one name, each with a key that a path might lead through.
	var maze [][]byte
	for range 60 {
		a := newAuthority(t, "the same", root, 100*time.Hour)
		maze = append(maze, a.cert.Raw)
		by = a
	}
	all["a maze of issuers"] = append([][]byte{sign(app(), by.cert, root.key.Public(), by.key)}, maze...)

	// The issuer's key is huge, and the leaf's signature as long.
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "huge"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	pub := huge(32768)
	issuerDER := sign(issuer, root.cert, pub, root.key)
	parsed, err := x509.ParseCertificate(issuerDER)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parsed.PublicKey = key.Public()
	leaf := sign(app(), parsed, root.key.Public(), key)
	all["an issuer's key of 32768 bits"] = [][]byte{leaf, issuerDER}
	all["no certificate at all"] = [][]byte{bytes.Repeat([]byte{0x30, 0x80}, 100_000)}
	return all
}

// loopers are servers that want to be asked for ever.
func loopers(t *testing.T) map[string]func(net.Conn) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{rsa: 2048}.make(t, root)
	retry := append([]byte{3, 3, 0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB,
		0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C}, 32)
	again := func(c net.Conn, group uint16) bool {
		rec, err := wire.ReadRecord(c)
		if err != nil || len(rec.Data) < 71 || rec.Data[38] != 32 {
			say(c, 70)
			return false
		}
		hello := append(append(slices.Clone(retry), rec.Data[39:71]...), 0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2)
		hello = binary.BigEndian.AppendUint16(hello, group)
		_, err = c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHello, hello)))
		return err == nil
	}
	var turn atomic.Uint32
	config := &tls.Config{Certificates: []tls.Certificate{good}}
	return map[string]func(net.Conn){
		"takes every suite": func(c net.Conn) {
			if v, suites, ok := readHello(c); ok && len(suites) > 0 {
				c.Write(firstFlight(v, suites[turn.Add(1)%uint32(len(suites))], good.Certificate))
			}
		},
		"takes what was not offered": func(c net.Conn) {
			if v, _, ok := readHello(c); ok {
				c.Write(firstFlight(v, 0xfafa, good.Certificate))
			}
		},
		"retries for ever": func(c net.Conn) {
			for again(c, 29) {
			}
		},
		"retries with every group": func(c net.Conn) {
			for again(c, uint16(turn.Add(1))) {
			}
		},
		"one byte at a time": func(c net.Conn) {
			if v, _, ok := readHello(c); ok {
				for _, b := range firstFlight(v, 0x2f, good.Certificate) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
		},
		"tickets for ever": func(c net.Conn) {
			if v, _, ok := readHello(c); ok {
				c.Write(firstFlight(v, 0x2f, good.Certificate))
				for {
					if _, err := c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(4, make([]byte, 8000)))); err != nil {
						return
					}
				}
			}
		},
		"a head without end": func(c net.Conn) {
			s := tls.Server(c, config)
			io.WriteString(s, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(s, "X-A: "+string(bytes.Repeat([]byte{'a'}, 4000))+"\r\n"); err != nil {
					return
				}
			}
		},
	}
}

// TestBombs holds that certificates which cost their reader, and servers that want to be
// asked for ever, cost a bounded time, bounded memory and at most 400 connections.
func TestBombs(t *testing.T) {
	servers := loopers(t)
	for name, chain := range bombs(t) {
		servers[name] = playing(chain...)
	}
	unfinished := map[string]bool{
		"takes every suite": true, "takes what was not offered": true, "retries for ever": true, "retries with every group": true, "one byte at a time": true,
	}
	const timeout, most = time.Second, 256 << 20
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for name, f := range servers {
		var n atomic.Int32
		addr := raw(t, func(c net.Conn) { n.Add(1); f(c) })
		wg.Go(func() {
			r, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", Timeout: timeout})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if n.Load() > 400 || r.Connections > 400 {
				t.Errorf("%s: %d connections, and %d by its own count", name, n.Load(), r.Connections)
			}
			// All are asked at once and share the processors with other tests.
			if limit := 15*timeout + 15*time.Second; r.Took > limit {
				t.Errorf("%s: it took %v, more than %v", name, r.Took, limit)
			}
			// A server with which no handshake comes to its end has to be told as such.
			never := slices.ContainsFunc(r.Findings, func(f string) bool { return contains(f, "target.") }) || len(r.Incomplete) > 0
			if unfinished[name] && !never || len(r.Findings) == 0 {
				t.Errorf("%s: it looks like any server: %v", name, r.Findings)
			}
			t.Logf("%-30s %3d connections, %v: %v, incomplete %v", name, r.Connections, r.Took.Round(time.Millisecond), r.Findings, r.Incomplete)
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	peak := uint64(0)
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(50 * time.Millisecond):
		}
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc)
	}
	if peak > before.HeapAlloc+most {
		t.Errorf("the heap grew by %d MiB, more than %d", (peak-before.HeapAlloc)>>20, most>>20)
	}
	t.Logf("the heap grew by %d MiB at most", (max(peak, before.HeapAlloc)-before.HeapAlloc)>>20)
}
