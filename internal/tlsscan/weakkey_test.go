package tlsscan

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"
)

// marked makes a factor as the broken generator did: k·M + 65537^a mod M, with M the
// product of the primes up to 167.
func marked(t *testing.T) *big.Int {
	t.Helper()
	m := big.NewInt(2)
	for p := int64(3); p <= 167; p += 2 {
		if big.NewInt(p).ProbablyPrime(10) {
			m.Mul(m, big.NewInt(p))
		}
	}
	k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 800))
	if err != nil {
		t.Fatal(err)
	}
	a, err := rand.Int(rand.Reader, m)
	if err != nil {
		t.Fatal(err)
	}
	return k.Add(k.Mul(k, m), a.Exp(big.NewInt(65537), a, m))
}

func TestROCA(t *testing.T) {
	if n := new(big.Int).Mul(marked(t), marked(t)); !roca(n) {
		t.Errorf("a modulus of the broken generator is not seen: %v", n)
	}
	for range 3 {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		if roca(k.N) {
			t.Errorf("a good modulus is blamed: %v", k.N)
		}
	}
}

func TestClosePrimes(t *testing.T) {
	p, err := rand.Prime(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	q := new(big.Int).Add(p, big.NewInt(2))
	for !q.ProbablyPrime(10) {
		q.Add(q, big.NewInt(2))
	}
	if !closePrimes(new(big.Int).Mul(p, q)) {
		t.Error("two primes in a row are not seen")
	}
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if closePrimes(k.N) {
		t.Errorf("a good modulus is blamed: %v", k.N)
	}
	for _, n := range []int64{0, -7} {
		if closePrimes(big.NewInt(n)) {
			t.Errorf("closePrimes(%d) = true", n)
		}
	}
	if !closePrimes(big.NewInt(1 << 20)) {
		t.Error("an even modulus is not seen")
	}
}

// judged judges a self-made certificate as if the system trusted its authority.
func judged(t *testing.T, template, parent *x509.Certificate, pub any, signer *rsa.PrivateKey, public bool) (Certificate, map[string]string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, signer)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{ServerName: "shop.example", Now: template.NotBefore.Add(time.Hour)}
	said := map[string]string{}
	say := func(name, format string, args ...any) { said[name] = format }
	p := pool{name: systemStore, roots: x509.NewCertPool()}
	if !public {
		p.name, p.given = "given", true
	}
	p.roots.AddCert(parent)
	j := &judge{o: &o, pools: []pool{p}, say: say, note: func(string, string, ...any) {}, skip: func(string, string) {}}
	return j.certificate(served{name: "shop.example", chain: [][]byte{der}}), said
}

// TestIssuance holds what an authority that all trust must not sign, and one's own may.
func TestIssuance(t *testing.T) {
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: day(2020, 1, 1), NotAfter: day(2040, 1, 1), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, &signer.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ev := []x509.OID{mustOID(t, 2, 23, 140, 1, 1)}
	for _, tc := range []struct {
		name       string
		begins     time.Time
		days       int
		public     bool
		names      []string
		policies   []x509.OID
		modulus    *big.Int
		want       []string
		validation string
	}{
		{name: "398 days before the rule", begins: day(2026, 3, 14), days: 398, public: true},
		{name: "399 days", begins: day(2026, 3, 14), days: 399, public: true, want: []string{"cert.lifetime-long"}},
		{name: "200 days under the rule", begins: day(2026, 3, 15), days: 200, public: true},
		{name: "201 days", begins: day(2026, 3, 15), days: 201, public: true, want: []string{"cert.lifetime-long"}},
		{name: "101 days from 2027 on", begins: day(2027, 3, 15), days: 101, public: true, want: []string{"cert.lifetime-long"}},
		{name: "47 days from 2029 on", begins: day(2029, 3, 15), days: 47, public: true},
		{name: "48 days", begins: day(2029, 3, 15), days: 48, public: true, want: []string{"cert.lifetime-long"}},
		{name: "a year of one's own authority", begins: day(2029, 3, 15), days: 366},
		{name: "names inside, public", begins: day(2026, 1, 1), days: 90, public: true, names: []string{"shop.example", "db.corp"}, want: []string{"cert.internal-name"}},
		{name: "names inside, one's own", begins: day(2026, 1, 1), days: 90, names: []string{"shop.example", "db.corp"}},
		{name: "extended validation", begins: day(2026, 1, 1), days: 90, public: true, policies: ev, validation: "extended"},
		{name: "a broken generator", begins: day(2026, 1, 1), days: 90, public: true, modulus: new(big.Int).Mul(marked(t), marked(t)), want: []string{"cert.roca"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: tc.names, NotBefore: tc.begins, NotAfter: tc.begins.Add(time.Duration(tc.days) * 24 * time.Hour), Policies: tc.policies}
			if tc.names == nil {
				template.DNSNames = []string{"shop.example"}
			}
			pub := signer.PublicKey
			if tc.modulus != nil {
				pub.N = tc.modulus
			}
			c, said := judged(t, template, root, &pub, signer, tc.public)
			for _, name := range []string{"cert.lifetime-long", "cert.internal-name", "cert.roca", "cert.rsa-factored"} {
				if _, got := said[name]; got != slices.Contains(tc.want, name) {
					t.Errorf("%s is said: %t", name, got)
				}
			}
			if c.Validation != tc.validation || !c.Trusted {
				t.Errorf("the certificate is judged as %+v, want validation %q", c, tc.validation)
			}
		})
	}
}

func mustOID(t *testing.T, arcs ...uint64) x509.OID {
	t.Helper()
	oid, err := x509.OIDFromInts(arcs)
	if err != nil {
		t.Fatal(err)
	}
	return oid
}

func TestInternalNames(t *testing.T) {
	for name, want := range map[string]bool{"shop.example": false, "db": true, "db.local": true, "*.corp": true, "a.internal": true, "printer.home.arpa": true, "internal.shop.example": false, "DB.LAN.": true} {
		if got := internalName(name); got != want {
			t.Errorf("internalName(%q) = %t, want %t", name, got, want)
		}
	}
}
