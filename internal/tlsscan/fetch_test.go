package tlsscan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestFetchStaysOutside holds that the server of a scan cannot make this machine talk to
// its own network.
func TestFetchStaysOutside(t *testing.T) {
	inside := httptest.NewServer(http.NotFoundHandler())
	defer inside.Close()
	for addr, refused := range map[string]bool{"192.0.2.7:443": true, "10.0.0.1:443": true, "shop.example:443": true, "127.0.0.1:443": false, "[::1]:443": false, "localhost:443": false} {
		s := &scan{budget: &budget{addr: addr}, o: Options{Timeout: 5 * time.Second}}
		answer, err := s.fetchClient().Get(inside.URL)
		if err == nil {
			answer.Body.Close()
		}
		if (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "of a public address") {
			t.Errorf("scanning %s, an address of this machine gives %v, want refused %t", addr, err, refused)
		}
	}
}

func TestPublicAddress(t *testing.T) {
	for addr, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1:248:1893:25c8:1946": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false,
		"224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.51.100.1": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false,
		"::ffff:10.0.0.1": false, "::10.0.0.1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "ff02::1": false, "2001:db8::1": false,
	} {
		if got := publicAddress(netip.MustParseAddr(addr)); got != want {
			t.Errorf("publicAddress(%s) = %t, want %t", addr, got, want)
		}
	}
}

func TestFetchable(t *testing.T) {
	for at, want := range map[string]bool{"http://crl.example/a.crl": true, "https://crl.example/": false, "ldap://crl.example/": false, "http:///a": false, "http://u:p@crl.example/": false, "file:///etc/passwd": false, "\x00": false} {
		if got := fetchable(at) == nil; got != want {
			t.Errorf("fetchable(%q) = %t, want %t", at, got, want)
		}
	}
}

// FuzzReadCRLs holds that no list panics, and that what is not signed says nothing.
func FuzzReadCRLs(f *testing.F) {
	f.Add([]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"))
	f.Add([]byte{0x30, 0})
	leaf := someLeaf(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := ReadCRLs(text)
		if (err == nil) != (len(lists) > 0) {
			t.Fatalf("ReadCRLs = %v, %v", lists, err)
		}
		for _, l := range lists {
			if w, err := byList(l, leaf, leaf, time.Unix(1_900_000_000, 0)); err == nil {
				t.Errorf("a list from nowhere says %+v", w)
			}
		}
	})
}

// someLeaf is some certificate.
func someLeaf(f *testing.F) *x509.Certificate {
	f.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "a"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		f.Fatal(err)
	}
	return c
}
