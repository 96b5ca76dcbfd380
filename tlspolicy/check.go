package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// The guideline's demands on certificates.
const (
	// MinRSABits is the least size of an RSA key, under the intermediate profile.
	MinRSABits = 2048

	maxDaysIntermediate = 366
	maxDaysModern       = 90
)

// MaxLifetime is the longest time from NotBefore to NotAfter: 366 days under the
// intermediate profile, 90 under the modern one.
func (p Profile) MaxLifetime() time.Duration {
	if p.modern {
		return maxDaysModern * 24 * time.Hour
	}
	return maxDaysIntermediate * 24 * time.Hour
}

// Check holds a server's own certificate against the profile: the kind and size of its
// key, the signature on it, and how long it lives. It returns nil or all problems at
// once, as joined *[guard.OptionError]s whose Field is "certificate", "certificate
// key", "certificate signature" or "certificate lifetime". It does not build chains
// and does not look at the clock.
func (p Profile) Check(leaf *x509.Certificate) error {
	problems := guard.Problems{Package: "tlspolicy"}
	if leaf == nil {
		problems.Add("certificate", "nil", "a parsed certificate", "")
		return problems.Err()
	}
	if !p.allowsKey(leaf.PublicKey) {
		allowed, hint := fmt.Sprintf("ECDSA P-256, ECDSA P-384 or RSA of at least %d bits", MinRSABits), ""
		if p.modern {
			allowed = "ECDSA P-256 or ECDSA P-384"
			if _, ok := leaf.PublicKey.(*rsa.PublicKey); ok {
				hint = "use the profile intermediate for an RSA certificate"
			}
		}
		problems.Add("certificate key", keyName(leaf.PublicKey), allowed, hint)
	}
	if allowed := p.signatures(); !slices.Contains(allowed, leaf.SignatureAlgorithm) {
		hint := ""
		if p.modern && leaf.SignatureAlgorithm == x509.SHA256WithRSA {
			hint = "use the profile intermediate for a certificate from an RSA issuer"
		}
		problems.Add("certificate signature", leaf.SignatureAlgorithm.String(), oneOf(allowed), hint)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > p.MaxLifetime() {
		problems.Add("certificate lifetime", days(life), "at most "+days(p.MaxLifetime()),
			"90 days or less, renewed by a program, is what the guideline advises")
	}
	return problems.Err()
}

func (p Profile) allowsKey(key any) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return !p.modern && k.N != nil && k.N.BitLen() >= MinRSABits
	}
	return false
}

func (p Profile) signatures() []x509.SignatureAlgorithm {
	list := []x509.SignatureAlgorithm{x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}
	if !p.modern {
		list = append(list, x509.SHA256WithRSA)
	}
	return list
}

func keyName(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != nil {
			return "ECDSA " + k.Curve.Params().Name
		}
	case *rsa.PublicKey:
		if k.N != nil {
			return fmt.Sprintf("RSA of %d bits", k.N.BitLen())
		}
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

func oneOf(list []x509.SignatureAlgorithm) string {
	text := list[0].String()
	for i, a := range list[1:] {
		if i == len(list)-2 {
			text += " or "
		} else {
			text += ", "
		}
		text += a.String()
	}
	return text
}

// days rounds up, so that a minute too long is seen to be too long.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	return fmt.Sprintf("%d days", (d+day-1)/day)
}
