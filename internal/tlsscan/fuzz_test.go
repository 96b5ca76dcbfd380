package tlsscan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// FuzzFlight holds that a first flight is only accepted with a ServerHello in it.
func FuzzFlight(f *testing.F) {
	hello := append(append([]byte{3, 3}, make([]byte, 32)...), 0, 0, 0x2f, 0)
	flight := append(wire.Handshake(wire.TypeServerHello, hello), wire.Handshake(wire.TypeServerHelloDone, nil)...)
	f.Add(wire.AppendRecords(nil, wire.RecordHandshake, wire.TLS12, flight))
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := readFlight(bytes.NewReader(b))
		if (a.outcome == accepted) != (a.hello != nil) {
			t.Errorf("outcome %d with hello %v", a.outcome, a.hello)
		}
		if a.done && a.hello == nil {
			t.Error("a flight without a hello is done")
		}
	})
}

// FuzzCertificate holds that no chain, staple or list of timestamps makes the judge
// panic, and that nothing from nowhere is trusted.
func FuzzCertificate(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	list := pkix.Extension{Id: oidSCTs, Value: []byte{4, 4, 0, 2, 0, 0}}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"app.test"}, NotAfter: time.Now().Add(time.Hour), ExtraExtensions: []pkix.Extension{list}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, der, []byte{0x30, 3, 10, 1, 0}, []byte{0, 2, 0, 0})
	if c, err := x509.ParseCertificate(der); err == nil {
		f.Add(withKey(f, c, []byte{0x30, 7, 0x30, 3, 6, 1, 0x2a, 3, 0}, key), der, []byte{}, []byte{})
	}
	f.Fuzz(func(t *testing.T, leaf, next, staple, scts []byte) {
		o := Options{ServerName: "app.test", Now: time.Unix(1_900_000_000, 0)}
		j := &judge{o: &o, pools: o.pools(), say: func(string, string, ...any) {}, note: func(string, string, ...any) {}, skip: func(string, string) {}}
		c := j.certificate(served{name: "app.test", chain: [][]byte{leaf, next}, staple: staple, scts: scts})
		if c.Trusted || c.Verified > 0 || c.Staple == "good" && !bytes.Equal(leaf, next) {
			t.Errorf("a certificate from nowhere was believed: %+v", c)
		}
		if x, err := x509.ParseCertificate(leaf); err == nil {
			if tbs, err := withoutExtension(x.RawTBSCertificate, oidSCTs); err == nil && len(tbs) > len(x.RawTBSCertificate) {
				t.Errorf("taking an extension away made %d bytes of %d", len(tbs), len(x.RawTBSCertificate))
			}
		}
	})
}

// FuzzPage holds that an age is never negative, and that a head ends.
func FuzzPage(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=63072000; includeSubDomains\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nStrict-Transport-Security: MAX-AGE=\"1\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if age := maxAge(string(b)); age < 0 {
			t.Errorf("maxAge = %d", age)
		}
		head, err := readHead(bytes.NewReader(b))
		if err == nil && maxAge(head.Get("Strict-Transport-Security")) < 0 {
			t.Error("a negative age")
		}
		ReadLogs(bytes.NewReader(b))
		if list := alternatives(string(b)); len(list) > maxAlternatives {
			t.Errorf("%d alternatives", len(list))
		}
	})
}
