package wire_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

func TestNamesAreThoseOfTheLibrary(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := wire.Suite(s.ID).String(); got != s.Name {
			t.Errorf("Suite(%#04x) = %s, want %s", s.ID, got, s.Name)
		}
	}
	for _, id := range []tls.CurveID{tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024} {
		if got := wire.Group(id).String(); !strings.EqualFold(got, id.String()) {
			t.Errorf("Group(%d) = %s, want %s", id, got, id)
		}
	}
}

func TestSuites(t *testing.T) {
	for _, tc := range []struct {
		id                                               wire.Suite
		exchange, sign, cipher, mac                      string
		export, cbc, null, anon, rc4, des, three, secret bool
	}{
		{id: 0x0014, exchange: "DHE", sign: "RSA", cipher: "DES40_CBC", mac: "SHA", export: true, cbc: true, des: true, secret: true},
		{id: 0x0003, exchange: "RSA", sign: "RSA", cipher: "RC4_40", mac: "MD5", export: true, rc4: true},
		{id: 0x000a, exchange: "RSA", sign: "RSA", cipher: "3DES_EDE_CBC", mac: "SHA", cbc: true, three: true},
		{id: 0x0018, exchange: "DH", sign: "anon", cipher: "RC4_128", mac: "MD5", anon: true, rc4: true, secret: true},
		{id: 0x003b, exchange: "RSA", sign: "RSA", cipher: "NULL", mac: "SHA256", null: true},
		{id: 0xc02b, exchange: "ECDHE", sign: "ECDSA", cipher: "AES_128_GCM", mac: "SHA256", secret: true},
		{id: 0xc0ae, exchange: "ECDHE", sign: "ECDSA", cipher: "AES_128_CCM_8", mac: "SHA256", secret: true},
		{id: 0xc019, exchange: "ECDH", sign: "anon", cipher: "AES_256_CBC", mac: "SHA", anon: true, cbc: true, secret: true},
		{id: 0xc004, exchange: "ECDH", sign: "ECDSA", cipher: "AES_128_CBC", mac: "SHA", cbc: true},
		{id: 0x00aa, exchange: "DHE_PSK", cipher: "AES_128_GCM", mac: "SHA256", secret: true},
		{id: 0x1301, cipher: "AES_128_GCM", mac: "SHA256", secret: true},
	} {
		k := tc.id.Kind()
		if k.Exchange != tc.exchange || k.Sign != tc.sign || k.Cipher != tc.cipher || k.MAC != tc.mac || k.Export != tc.export {
			t.Errorf("%v.Kind() = %+v", tc.id, k)
		}
		got := []bool{tc.id.CBC(), tc.id.Null(), tc.id.Anonymous(), tc.id.RC4(), tc.id.DES(), tc.id.TripleDES(), tc.id.ForwardSecret()}
		if want := []bool{tc.cbc, tc.null, tc.anon, tc.rc4, tc.des, tc.three, tc.secret}; !slices.Equal(got, want) {
			t.Errorf("%v: CBC, Null, Anonymous, RC4, DES, TripleDES, ForwardSecret = %v, want %v", tc.id, got, want)
		}
	}
	if !slices.IsSorted(wire.SuitesFor(wire.TLS12)) || slices.Contains(wire.SuitesFor(wire.TLS12), 0x1301) || !slices.Contains(wire.SuitesFor(wire.TLS13), 0x1301) {
		t.Error("SuitesFor mixes the suites of TLS 1.3 and of before, or their order")
	}
}

func TestReadRecord(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n", wire.ErrNotTLS},
		{"SSH", "SSH-2.0-x\r\n", wire.ErrNotTLS},
		{"16 MiB said", "\x16\x03\x03\xff\xff", wire.ErrTooMuch},
		{"ends in the header", "\x16\x03", wire.ErrNotTLS},
		{"ends in the body", "\x16\x03\x03\x00\x05ab", io.ErrUnexpectedEOF},
		{"nothing", "", io.EOF},
		{"whole", "\x15\x03\x03\x00\x02\x02\x28", nil},
	} {
		if _, err := wire.ReadRecord(strings.NewReader(tc.in)); !errors.Is(err, tc.want) {
			t.Errorf("%s: ReadRecord = %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	var m wire.Messages
	if err := m.Add([]byte{11, 0xff, 0xff, 0xff}); !errors.Is(err, wire.ErrTooMuch) {
		t.Errorf("a message of 16 MiB: %v, want %v", err, wire.ErrTooMuch)
	}
	var empty wire.Messages
	if err := empty.Add(nil); !errors.Is(err, wire.ErrTooMuch) {
		t.Errorf("an empty record: %v, want %v", err, wire.ErrTooMuch)
	}
}

func TestSSL2(t *testing.T) {
	body := []byte{4, 0, 1, 0, 2, 0, 2, 0, 3, 0, 1, 0xaa, 0xbb, 7, 0, 0xc0, 9}
	in := append([]byte{0x80, byte(len(body))}, body...)
	h, err := wire.ReadSSL2Hello(bytes.NewReader(in))
	if err != nil || !slices.Equal(h.Suites, []string{"SSL_CK_DES_192_EDE3_CBC_WITH_MD5"}) || len(h.Certificate) != 2 {
		t.Errorf("ReadSSL2Hello = %+v, %v", h, err)
	}
}
