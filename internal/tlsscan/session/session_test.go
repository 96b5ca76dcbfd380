package session_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/session"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// identities are a certificate with an RSA key and one with an ECDSA key.
func identities(t *testing.T) []tls.Certificate {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"app.test"}, NotAfter: time.Now().Add(time.Hour)}
	a, err := x509.CreateCertificate(rand.Reader, template, template, r.Public(), r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.CreateCertificate(rand.Reader, template, template, e.Public(), e)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{{Certificate: [][]byte{a}, PrivateKey: r}, {Certificate: [][]byte{b}, PrivateKey: e}}
}

// echo serves one connection of crypto/tls that sends each line back, and dials it.
func echo(t *testing.T, c *tls.Config) net.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(time.Minute))
		s := tls.Server(raw, c)
		if line, err := bufio.NewReader(s).ReadString('\n'); err == nil {
			s.Write([]byte(line))
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

func heard(t *testing.T, c interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}) {
	t.Helper()
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "hello\n" {
		t.Fatalf("the server sent back %q, %v", line, err)
	}
}

func hello(v wire.Version, suites []wire.Suite, groups []wire.Group) *wire.ClientHello {
	h := &wire.ClientHello{Version: min(v, wire.TLS12), Suites: suites, Compression: []byte{0}}
	rand.Read(h.Random[:])
	h.AddServerName("app.test")
	h.AddGroups(groups, true)
	h.AddSignatures(wire.Schemes())
	h.Add(wire.ExtRenegotiation, []byte{0})
	return h
}

func TestHandshake13WithEachGroupAndSuite(t *testing.T) {
	certificates := identities(t)
	for _, suite := range session.Suites13[:3] { // those of crypto/tls
		for _, group := range []wire.Group{wire.X25519, wire.Secp256r1, wire.Secp384r1, wire.Secp521r1, wire.X25519MLKEM768, wire.SecP256r1MLKEM768, wire.SecP384r1MLKEM1024} {
			t.Run(suite.String()+"/"+group.String(), func(t *testing.T) {
				conn := echo(t, &tls.Config{Certificates: certificates, CurvePreferences: []tls.CurveID{tls.CurveID(group)}, NextProtos: []string{"h2"}})
				share, err := session.NewShare(group)
				if err != nil {
					t.Fatal(err)
				}
				h := hello(wire.TLS13, []wire.Suite{suite}, []wire.Group{group})
				h.AddVersions(wire.TLS13)
				h.AddALPN([]string{"h2"})
				h.AddKeyShares(wire.KeyShare{Group: group, Key: share.Public})
				c, err := session.Handshake13(conn, h, share)
				if err != nil {
					t.Fatal(err)
				}
				heard(t, c)
				if len(c.Cert.Chain) != 1 || c.Scheme == 0 || c.Hello.Suite != suite {
					t.Errorf("got %d certificates, scheme %v, suite %v", len(c.Cert.Chain), c.Scheme, c.Hello.Suite)
				}
				if name, err := wire.ParseALPN(c.Extensions[wire.ExtALPN]); name != "h2" {
					t.Errorf("ALPN = %q, %v, want h2", name, err)
				}
			})
		}
	}
}

func TestHandshake12WithEachSuite(t *testing.T) {
	certificates := identities(t)
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		suite := wire.Suite(s.ID)
		if !session.Computes12(suite) {
			continue
		}
		for _, v := range s.SupportedVersions {
			if v == tls.VersionTLS13 {
				continue
			}
			for _, ems := range []bool{false, true} {
				t.Run(s.Name+"/"+wire.Version(v).String(), func(t *testing.T) {
					conn := echo(t, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS10, CipherSuites: []uint16{s.ID}})
					h := hello(wire.Version(v), []wire.Suite{suite}, []wire.Group{wire.X25519, wire.Secp256r1})
					h.Add(wire.ExtTicket, nil)
					if ems {
						h.Add(wire.ExtExtendedMaster, nil)
					}
					c, err := session.Handshake12(conn, h)
					if err != nil {
						t.Fatal(err)
					}
					if len(c.Ticket) == 0 {
						t.Error("no ticket came")
					}
					heard(t, c)
				})
			}
		}
	}
}

// Go refuses renegotiation with an alert; that is a refusal, not a renegotiation.
func TestRenegotiationRefused(t *testing.T) {
	conn := echo(t, &tls.Config{Certificates: identities(t), MaxVersion: tls.VersionTLS12})
	h := hello(wire.TLS12, []wire.Suite{0xc02f, 0xc02b}, []wire.Group{wire.X25519})
	c, err := session.Handshake12(conn, h)
	if err != nil {
		t.Fatal(err)
	}
	if yes, err := c.Renegotiate(h, true); yes || err == nil {
		t.Errorf("Renegotiate = %v, %v, want false and the alert", yes, err)
	}
}

func TestKnownPrimes(t *testing.T) {
	// The second group of RFC 2409, as it stands there.
	oakley2, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
	if got := session.KnownPrime(oakley2); got != "RFC 2409's 1024-bit group" {
		t.Errorf("KnownPrime = %q", got)
	}
	if got := session.KnownPrime(new(big.Int).Add(oakley2, big.NewInt(2))); got != "" {
		t.Errorf("KnownPrime of another number = %q, want none", got)
	}
	for g := wire.FFDHE2048; g <= 258; g++ {
		share, err := session.NewShare(g)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := session.NewShare(g)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := share.Secret(peer.Public)
		b, errB := peer.Secret(share.Public)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%v: both sides have different secrets: %v, %v", g, errA, errB)
		}
	}
}

func TestSharesRefuseForeignKeys(t *testing.T) {
	for _, g := range []wire.Group{wire.X25519, wire.Secp256r1, wire.X25519MLKEM768, wire.SecP256r1MLKEM768, wire.MLKEM768, wire.FFDHE2048} {
		s, err := session.NewShare(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, peer := range [][]byte{nil, {0}, {1}, make([]byte, 32), make([]byte, 65), make([]byte, 4000)} {
			if _, err := s.Secret(peer); err == nil {
				t.Errorf("%v takes a key of %d zeros", g, len(peer))
			}
		}
	}
}
