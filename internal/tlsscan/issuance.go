package tlsscan

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A rule of the CA/Browser Forum's Baseline Requirements (ballot SC-081v3): how long a
// certificate of a public authority may be valid that begins on that day or later.
type lifetimeRule struct {
	from time.Time
	days int
}

func day(year int, month time.Month, d int) time.Time {
	return time.Date(year, month, d, 0, 0, 0, 0, time.UTC)
}

var lifetimeRules = []lifetimeRule{{day(2026, time.March, 15), 200}, {day(2027, time.March, 15), 100}, {day(2029, time.March, 15), 47}}

// privateLifetime is what browsers took of public authorities until then, in days. An
// authority of one's own is held to no more than that.
const privateLifetime = 398

// longestLifetime is how many days a certificate that begins then may be valid.
func longestLifetime(begins time.Time, public bool) int {
	days := privateLifetime
	for _, r := range lifetimeRules {
		if public && !begins.Before(r.from) {
			days = r.days
		}
	}
	return days
}

// issuance judges what an authority should not have signed. It is public where the
// system's store leads to it.
func (j *judge) issuance(leaf *x509.Certificate, c *Certificate) {
	public := c.Stores[systemStore]
	c.Validation = validation(leaf)
	if most := longestLifetime(leaf.NotBefore, public); c.Days > most {
		j.say("cert.lifetime-long", "the certificate is valid for %d days, more than the %d that browsers accept of one that begins on %s", c.Days, most, c.NotBefore.Format(time.DateOnly))
	}
	if inside := internalNames(leaf); public && len(inside) > 0 {
		j.say("cert.internal-name", "a public certificate tells of names inside: %s; who owns them cannot be checked, and all see them in the logs", listed(inside))
	}
}

// internalNames are names and addresses that mean something inside one network only.
func internalNames(leaf *x509.Certificate) []string {
	var out []string
	for _, ip := range leaf.IPAddresses {
		if internalAddress(ip) {
			out = append(out, ip.String())
		}
	}
	for _, n := range leaf.DNSNames {
		if internalName(n) {
			out = append(out, n)
		}
	}
	if cn := leaf.Subject.CommonName; (internalAddress(net.ParseIP(cn)) || strings.Contains(cn, ".") && internalName(cn)) && !has(out, cn) {
		out = append(out, cn)
	}
	return out
}

func internalAddress(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	return ok && !publicAddress(a)
}

// insides end names that the public DNS never has (RFC 6761, RFC 6762, RFC 8375, ICANN's
// .internal and .alt, and what networks use out of habit).
var insides = []string{"local", "localhost", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "test", "invalid", "alt"}

func internalName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."))
	return !strings.Contains(name, ".") || slices.ContainsFunc(insides, func(end string) bool { return strings.HasSuffix(name, "."+end) })
}

// policies say how the authority looked at the owner (Baseline Requirements 7.1.6.1).
// Older names of extended validation, one an authority, are not known here.
var policies = map[string]string{"2.23.140.1.1": "extended", "2.23.140.1.2.1": "domain", "2.23.140.1.2.2": "organization", "2.23.140.1.2.3": "individual"}

func validation(leaf *x509.Certificate) string {
	for _, p := range leaf.PolicyIdentifiers {
		if v := policies[p.String()]; v != "" {
			return v
		}
	}
	return ""
}
