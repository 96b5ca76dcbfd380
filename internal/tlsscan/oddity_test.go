package tlsscan_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// behind passes connections on to a server, but hangs up on hellos that fail.
func behind(t *testing.T, server string, fails func(hello []byte) bool) string {
	t.Helper()
	return raw(t, func(c net.Conn) {
		rec, err := wire.ReadRecord(c)
		for err == nil && rec.Type == wire.RecordHandshake && len(rec.Data) > 3 && length(rec.Data) > len(rec.Data) {
			var next wire.Record
			next, err = wire.ReadRecord(c)
			rec.Data = append(rec.Data, next.Data...)
		}
		if err != nil || fails(rec.Data) {
			return
		}
		relay(c, server, wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data)...)
	})
}

// relay gives what was read to a server, and lets both talk.
func relay(c net.Conn, server string, read ...byte) {
	up, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer up.Close()
	up.Write(read)
	go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
	io.Copy(c, up)
}

func length(hello []byte) int { return 4 + int(hello[1])<<16 + int(hello[2])<<8 + int(hello[3]) }

// TestEachIntolerance holds that each has its own name, that nothing else is blamed, and
// that the server is scanned as well as its sound twin.
func TestEachIntolerance(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{rsa: 2048}.make(t, root)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := serve(t, &tls.Config{Certificates: []tls.Certificate{id}, CipherSuites: intermediate, CurvePreferences: groups, MaxVersion: version})
		sound := scan(t, server, root.cert)
		if slices.ContainsFunc(sound.Findings, func(f string) bool { return strings.HasSuffix(f, "intolerant") }) {
			t.Fatalf("the sound server has %v", sound.Findings)
		}
		for _, tc := range []struct {
			finding string
			fails   func([]byte) bool
		}{
			// Two bytes anywhere would be in a key of ML-KEM by chance.
			{"tls.grease-intolerant", func(hello []byte) bool { return offers(hello, 0x1a1a) }},
			{"tls.extension-intolerant", func(hello []byte) bool { return bytes.Contains(hello, []byte{0x3a, 0x3a, 0, 1, 0}) }},
			{"tls.ech-intolerant", func(hello []byte) bool { return bytes.Contains(hello, []byte{0xfe, 0x0d, 0, 0xda}) }},
			{"tls.size-intolerant", func(hello []byte) bool { return len(hello) > 1400 }},
			{"tls.size-intolerant", func(hello []byte) bool { return len(hello) >= 256 && len(hello) < 512 }}, // RFC 7685
			{"tls.size-intolerant", func(hello []byte) bool { return len(hello) > 900 }},
			{"tls.version-intolerant", func(hello []byte) bool { return len(hello) > 6 && hello[4] == 3 && hello[5] > 4 }},
		} {
			r := scan(t, behind(t, server, tc.fails), root.cert)
			want := append(slices.Clone(sound.Findings), tc.finding)
			slices.Sort(want)
			if !slices.Equal(r.Findings, want) {
				t.Errorf("%x: findings = %v, want %v", version, r.Findings, want)
			}
			if !slices.Equal(r.Suites["TLSv1.2"], sound.Suites["TLSv1.2"]) || len(r.Incomplete) > 0 || r.Features.HSTS == nil {
				t.Errorf("%x, %s: suites %v, incomplete %v, HSTS %v", version, tc.finding, r.Suites, r.Incomplete, r.Features.HSTS)
			}
		}
		// One that does not wait for the rest of a hello.
		r := scan(t, raw(t, func(c net.Conn) {
			head := make([]byte, 9)
			if _, err := io.ReadFull(c, head); err != nil || length(head[5:]) > int(head[3])<<8+int(head[4]) {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			defer up.Close()
			up.Write(head)
			go func() { io.Copy(up, c); up.(*net.TCPConn).CloseWrite() }()
			io.Copy(c, up)
		}), root.cert)
		if !slices.Contains(r.Findings, "tls.record-intolerant") || slices.Contains(r.Findings, "tls.grease-intolerant") {
			t.Errorf("%x: findings = %v, want tls.record-intolerant", version, r.Findings)
		}
	}
}

// TestLegacyVersion holds that a server of TLS 1.3 that calls a newer version in the old
// field illegal is not blamed, for no client sends one.
func TestLegacyVersion(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CipherSuites: intermediate, CurvePreferences: groups})
	r := scan(t, raw(t, func(c net.Conn) {
		rec, err := wire.ReadRecord(c)
		if err != nil {
			return
		}
		if len(rec.Data) > 6 && rec.Data[5] > 3 {
			c.Write(wire.AppendRecords(nil, wire.RecordAlert, wire.TLS12, []byte{2, wire.AlertIllegalParameter}))
			return
		}
		relay(c, server, wire.AppendRecords(nil, rec.Type, rec.Version, rec.Data)...)
	}), root.cert)
	if slices.Contains(r.Findings, "tls.version-intolerant") || r.Notes["tls.legacy-version"] == "" {
		t.Errorf("findings %v, notes %v; want a note alone", r.Findings, r.Notes)
	}
}

// echKey makes keys for an Encrypted Client Hello under a public name.
func echKey(t *testing.T, name string) tls.EncryptedClientHelloKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	body := append([]byte{7, 0, 0x20, 0, 32}, key.PublicKey().Bytes()...)
	body = append(body, 0, 4, 0, 1, 0, 1, 64, byte(len(name)))
	body = append(append(body, name...), 0, 0)
	config := append([]byte{0xfe, 0x0d, 0, byte(len(body))}, body...)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: key.Bytes(), SendAsRetry: true}
}

func TestECH(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{}.make(t, root)
	r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{id}, EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{echKey(t, "public.test")}}), root.cert)
	if r.Features.ECH == nil || !*r.Features.ECH || !strings.Contains(r.Notes["tls.ech"], "public.test") {
		t.Errorf("ECH = %v, notes %v, not tested %v", r.Features.ECH, r.Notes, r.NotTested)
	}
	if r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{id}}), root.cert); r.Features.ECH == nil || *r.Features.ECH {
		t.Errorf("without keys ECH = %v", r.Features.ECH)
	}
	if r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}), root.cert); r.Features.ECH != nil {
		t.Errorf("in TLS 1.2 ECH = %v, want nothing", *r.Features.ECH)
	}
}

// TestSignatures holds the schemes against what crypto/tls signs with.
func TestSignatures(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root), leaf{rsa: 2048}.make(t, root)}, CipherSuites: intermediate, CurvePreferences: groups}), root.cert)
	pss := []string{"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"}
	ecdsa := []string{"ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512"}
	rsa := append([]string{"rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"}, pss...)
	for v, want := range map[string][]string{"TLSv1.2": append(slices.Clone(ecdsa), rsa...), "TLSv1.3": append([]string{ecdsa[0]}, pss...)} {
		if !slices.Equal(r.Signatures[v], want) {
			t.Errorf("%s: %v, want %v", v, r.Signatures[v], want)
		}
	}
	for _, c := range r.Certificates {
		if want := map[string][]string{"ecdsa": ecdsa, "rsa": rsa}[c.Key]; !slices.Equal(c.Signs, want) {
			t.Errorf("%s signs %v, want %v", c.Key, c.Signs, want)
		}
	}
	if r.Connections > 30 {
		t.Errorf("%d connections, want at most 30", r.Connections)
	}
}

// TestQuantumOnly holds that a server with ML-KEM alone is scanned whole.
func TestQuantumOnly(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	for _, g := range []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024} {
		r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CurvePreferences: []tls.CurveID{g}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}}), root.cert)
		if !slices.Equal(r.Groups["TLSv1.3"], []string{wire.Group(g).String()}) || len(r.Suites["TLSv1.3"]) != 3 || len(r.Certificates) != 1 || !r.Certificates[0].Trusted {
			t.Errorf("%v: groups %v, suites %v, certificates %v", g, r.Groups, r.Suites, r.Certificates)
		}
		f := r.Features
		if f.HSTS == nil || f.Tickets13 == nil || *f.Tickets13 == 0 || f.ECH == nil || !slices.Equal(f.ALPN, []string{"h2", "http/1.1"}) {
			t.Errorf("%v: features %+v, not tested %v", g, f, r.NotTested)
		}
		if !slices.Equal(r.Findings, []string{"cert.no-sct"}) || len(r.Incomplete) > 0 {
			t.Errorf("%v: findings %v, incomplete %v", g, r.Findings, r.Incomplete)
		}
	}
}

// TestUnfinished13 holds that a server that answers hellos of TLS 1.3 and finishes no
// handshake is told as without it, and not blamed for a name that makes no difference.
func TestUnfinished13(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{curve: elliptic.P224()}.make(t, root)}, CipherSuites: intermediate}), root.cert)
	if want := []string{"cert.curve-weak", "cert.no-sct", "kex.no-pq", "protocol.no-tls1.3"}; !slices.Equal(r.Findings, want) || !slices.Equal(r.Protocols, []string{"TLSv1.2"}) {
		t.Errorf("protocols %v, findings %v, want TLSv1.2 and %v", r.Protocols, r.Findings, want)
	}
}

// TestUnoffered holds that a server that takes what was not offered is not believed.
func TestUnoffered(t *testing.T) {
	r := scan(t, raw(t, func(c net.Conn) {
		if _, err := wire.ReadRecord(c); err != nil {
			return
		}
		retry := "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
		hello := append([]byte{3, 3}, retry...)
		hello = append(hello, 0, 0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0x77, 0x77)
		c.Write(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, wire.Handshake(wire.TypeServerHello, hello)))
	}))
	if len(r.Protocols) > 0 || len(r.Groups) > 0 || !slices.Contains(r.Findings, "target.no-handshake") {
		t.Errorf("protocols %v, groups %v, findings %v", r.Protocols, r.Groups, r.Findings)
	}
}
