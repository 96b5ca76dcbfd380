package tlspolicy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/tlspolicy"
)

func ExampleIntermediate() {
	var cert tls.Certificate // from tls.LoadX509KeyPair
	srv := &http.Server{TLSConfig: tlspolicy.Intermediate(cert), ReadHeaderTimeout: 10 * time.Second}
	fmt.Println(tls.VersionName(srv.TLSConfig.MinVersion), len(srv.TLSConfig.CipherSuites), "suites")
	fmt.Println(srv.TLSConfig.CurvePreferences)
	// Output:
	// TLS 1.2 6 suites
	// [X25519MLKEM768 X25519 CurveP256 CurveP384]
}

func ExampleModern() {
	fmt.Println(tls.VersionName(tlspolicy.Modern().MinVersion))
	// Output: TLS 1.3
}

func ExampleByName() {
	policy, ok := tlspolicy.ByName("modern")
	fmt.Println(policy, ok, tls.VersionName(policy.Config().MinVersion))
	_, ok = tlspolicy.ByName("old")
	fmt.Println(ok, tlspolicy.Names())
	// Output:
	// modern true TLS 1.3
	// false [intermediate modern]
}

func ExampleProfile_Check() {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{
		PublicKey: &ecdsa.PublicKey{Curve: elliptic.P521()}, SignatureAlgorithm: x509.SHA1WithRSA,
		NotBefore: start, NotAfter: start.AddDate(10, 0, 0),
	}
	fmt.Println(tlspolicy.Profile{}.Check(leaf))
	// Output:
	// tlspolicy: certificate key is "ECDSA P-521": must be ECDSA P-256, ECDSA P-384 or RSA of at least 2048 bits
	// tlspolicy: certificate signature is "SHA1-RSA": must be ECDSA-SHA256, ECDSA-SHA384, ECDSA-SHA512 or SHA256-RSA
	// tlspolicy: certificate lifetime is "3652 days": must be at most 366 days; 90 days or less, renewed by a program, is what the guideline advises
}
