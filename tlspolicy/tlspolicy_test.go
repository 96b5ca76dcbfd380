package tlspolicy_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/tlspolicy"
)

// guideline is what the tests read of Mozilla's file.
type guideline struct {
	Version        float64
	Configurations map[string]struct {
		CertificateCurves     []string `json:"certificate_curves"`
		CertificateSignatures []string `json:"certificate_signatures"`
		CertificateTypes      []string `json:"certificate_types"`
		Ciphers               struct{ IANA []string }
		Ciphersuites          []string
		MaxLifespan           int      `json:"maximum_certificate_lifespan"`
		RSAKeySize            *int     `json:"rsa_key_size"`
		Curves                []string `json:"tls_curves"`
		Versions              []string `json:"tls_versions"`
	}
}

func mozilla(t *testing.T) guideline {
	t.Helper()
	data, err := os.ReadFile("testdata/mozilla-guidelines-6.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var g guideline
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if g.Version != 6.0 || len(g.Configurations) != 2 {
		t.Fatalf("guideline %v with %d levels, want 6.0 with 2", g.Version, len(g.Configurations))
	}
	return g
}

var (
	groupNames   = map[string]tls.CurveID{"X25519MLKEM768": tls.X25519MLKEM768, "X25519": tls.X25519, "prime256v1": tls.CurveP256, "secp384r1": tls.CurveP384}
	versionNames = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	curves       = map[string]elliptic.Curve{"prime256v1": elliptic.P256(), "secp384r1": elliptic.P384(), "secp521r1": elliptic.P521()}
	signatures   = map[string]x509.SignatureAlgorithm{
		"sha256WithRSAEncryption": x509.SHA256WithRSA, "ecdsa-with-SHA256": x509.ECDSAWithSHA256,
		"ecdsa-with-SHA384": x509.ECDSAWithSHA384, "ecdsa-with-SHA512": x509.ECDSAWithSHA512,
	}
)

func TestConfigIsTheGuideline(t *testing.T) {
	for name, level := range mozilla(t).Configurations {
		t.Run(name, func(t *testing.T) {
			p, ok := tlspolicy.ByName(name)
			if !ok || p.String() != name {
				t.Fatalf("ByName(%q) = %v, %v", name, p, ok)
			}
			c := p.Config()
			var suites []string
			for _, id := range c.CipherSuites {
				suites = append(suites, tls.CipherSuiteName(id))
			}
			if !slices.Equal(suites, level.Ciphers.IANA) && len(level.Ciphers.IANA)+len(suites) != 0 {
				t.Errorf("suites = %v, want %v", suites, level.Ciphers.IANA)
			}
			var groups []tls.CurveID
			for _, g := range level.Curves {
				id, ok := groupNames[g]
				if !ok {
					t.Fatalf("no group for %q", g)
				}
				groups = append(groups, id)
			}
			if !slices.Equal(c.CurvePreferences, groups) {
				t.Errorf("groups = %v, want %v", c.CurvePreferences, groups)
			}
			if want := versionNames[level.Versions[0]]; c.MinVersion != want || c.MaxVersion != 0 || level.Versions[len(level.Versions)-1] != "TLSv1.3" {
				t.Errorf("versions from %x to %x, want from %x to the newest", c.MinVersion, c.MaxVersion, want)
			}
			// TLS 1.3's suites are Go's to choose: the guideline's must be all it has.
			var own []string
			for _, s := range tls.CipherSuites() {
				if slices.Equal(s.SupportedVersions, []uint16{tls.VersionTLS13}) {
					own = append(own, s.Name)
				}
			}
			slices.Sort(own)
			if want := slices.Sorted(slices.Values(level.Ciphersuites)); !slices.Equal(own, want) {
				t.Errorf("TLS 1.3 suites of Go = %v, want %v", own, want)
			}
			if want := []string{"h2", "http/1.1"}; !slices.Equal(c.NextProtos, want) {
				t.Errorf("NextProtos = %v, want %v", c.NextProtos, want)
			}
		})
	}
}

func TestConfigsAreApart(t *testing.T) {
	cert := tls.Certificate{Certificate: [][]byte{{1}}}
	certs := []tls.Certificate{cert}
	a, b := tlspolicy.Intermediate(certs...), tlspolicy.Intermediate()
	a.CipherSuites[0], a.CurvePreferences[0], a.NextProtos[0] = 0, 0, "x"
	certs[0] = tls.Certificate{}
	if b.CipherSuites[0] == 0 || b.CurvePreferences[0] == 0 || b.NextProtos[0] == "x" {
		t.Error("a change of one configuration changed another")
	}
	if len(a.Certificates[0].Certificate) != 1 {
		t.Error("a change of the caller's slice changed the configuration")
	}
}

func TestByName(t *testing.T) {
	for _, name := range tlspolicy.Names() {
		if p, ok := tlspolicy.ByName(name); !ok || p.String() != name {
			t.Errorf("ByName(%q) = %v, %v", name, p, ok)
		}
	}
	for _, name := range []string{"", "old", "Intermediate", "modern "} {
		if _, ok := tlspolicy.ByName(name); ok {
			t.Errorf("ByName(%q) is known", name)
		}
	}
}

func rsaKey(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
}

func ecKey(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }

func leaf(key any, sig x509.SignatureAlgorithm, life time.Duration) *x509.Certificate {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &x509.Certificate{PublicKey: key, SignatureAlgorithm: sig, NotBefore: start, NotAfter: start.Add(life)}
}

const day = 24 * time.Hour

func TestCheck(t *testing.T) {
	p256, p384 := ecKey(elliptic.P256()), ecKey(elliptic.P384())
	tests := []struct {
		name         string
		cert         *x509.Certificate
		intermediate string // the fields at fault, without "certificate ", or empty
		modern       string
	}{
		{"P-256", leaf(p256, x509.ECDSAWithSHA256, 90*day), "", ""},
		{"P-384", leaf(p384, x509.ECDSAWithSHA384, 90*day), "", ""},
		{"P-521", leaf(ecKey(elliptic.P521()), x509.ECDSAWithSHA512, 90*day), "key", "key"},
		{"P-224", leaf(ecKey(elliptic.P224()), x509.ECDSAWithSHA256, 90*day), "key", "key"},
		{"ECDSA key of an RSA issuer", leaf(p256, x509.SHA256WithRSA, 90*day), "", "signature"},
		{"RSA 2048", leaf(rsaKey(2048), x509.SHA256WithRSA, 90*day), "", "key signature"},
		{"RSA 2047", leaf(rsaKey(2047), x509.SHA256WithRSA, 90*day), "key", "key signature"},
		{"RSA 4096", leaf(rsaKey(4096), x509.ECDSAWithSHA256, 90*day), "", "key"},
		{"Ed25519", leaf(ed25519.PublicKey{}, x509.PureEd25519, 90*day), "key signature", "key signature"},
		{"SHA-1", leaf(p256, x509.SHA1WithRSA, 90*day), "signature", "signature"},
		{"SHA-384 with RSA", leaf(p256, x509.SHA384WithRSA, 90*day), "signature", "signature"},
		{"RSA-PSS", leaf(p256, x509.SHA256WithRSAPSS, 90*day), "signature", "signature"},
		{"a day over 90", leaf(p256, x509.ECDSAWithSHA256, 91*day), "", "lifetime"},
		{"a second over 90 days", leaf(p256, x509.ECDSAWithSHA256, 90*day+time.Second), "", "lifetime"},
		{"366 days", leaf(p256, x509.ECDSAWithSHA256, 366*day), "", "lifetime"},
		{"a second over 366 days", leaf(p256, x509.ECDSAWithSHA256, 366*day+time.Second), "lifetime", "lifetime"},
		{"everything", leaf(rsaKey(1024), x509.MD5WithRSA, 3650*day), "key signature lifetime", "key signature lifetime"},
		{"no key", leaf(nil, x509.ECDSAWithSHA256, day), "key", "key"},
		{"empty keys", leaf(&rsa.PublicKey{}, x509.ECDSAWithSHA256, day), "key", "key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, want := range map[string]string{"intermediate": test.intermediate, "modern": test.modern} {
				p, _ := tlspolicy.ByName(name)
				err := p.Check(test.cert)
				var fields []string
				for _, e := range guard.OptionErrors(err) {
					fields = append(fields, strings.TrimPrefix(e.Field, "certificate "))
				}
				if got := strings.Join(fields, " "); got != want || (err == nil) != (want == "") {
					t.Errorf("%s: Check = %v: %q at fault, want %q", name, err, got, want)
				}
			}
		})
	}
	if err := (tlspolicy.Profile{}).Check(nil); err == nil {
		t.Error("Check(nil) = nil")
	}
}

// TestCheckIsTheGuideline asks for each value that the guideline allows, and for each
// that it allows only at the other level or at none.
func TestCheckIsTheGuideline(t *testing.T) {
	for name, level := range mozilla(t).Configurations {
		p, _ := tlspolicy.ByName(name)
		allowed := func(cert *x509.Certificate) bool { return p.Check(cert) == nil }
		for curve, c := range curves {
			if got, want := allowed(leaf(ecKey(c), x509.ECDSAWithSHA256, day)), slices.Contains(level.CertificateCurves, curve); got != want {
				t.Errorf("%s: curve %s allowed = %v, want %v", name, curve, got, want)
			}
		}
		for sig, s := range signatures {
			if got, want := allowed(leaf(ecKey(elliptic.P256()), s, day)), slices.Contains(level.CertificateSignatures, sig); got != want {
				t.Errorf("%s: signature %s allowed = %v, want %v", name, sig, got, want)
			}
		}
		bits := tlspolicy.MinRSABits
		if level.RSAKeySize != nil {
			bits = *level.RSAKeySize
		}
		if got, want := allowed(leaf(rsaKey(uint(bits)), x509.ECDSAWithSHA256, day)), slices.Contains(level.CertificateTypes, "rsa"); got != want {
			t.Errorf("%s: RSA of %d bits allowed = %v, want %v", name, bits, got, want)
		}
		if allowed(leaf(rsaKey(uint(bits-1)), x509.ECDSAWithSHA256, day)) {
			t.Errorf("%s: RSA of %d bits is allowed", name, bits-1)
		}
		if got, want := p.MaxLifetime(), time.Duration(level.MaxLifespan)*day; got != want {
			t.Errorf("%s: MaxLifetime = %v, want %v", name, got, want)
		}
	}
}
