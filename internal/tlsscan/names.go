package tlsscan

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/records"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// DNS is what the name's records say. They are hints: nothing is a finding that only they
// tell, and no answer is none.
type DNS struct {
	CAA []records.CAA `json:"caa,omitempty"`
	// CAAAt is the name that has the records, the server's or a parent of it.
	CAAAt string          `json:"caa_at,omitempty"`
	HTTPS []records.HTTPS `json:"https,omitempty"`
}

// askDNS asks DNS about the name. That of a target on this machine, or a name that no
// public resolver knows, is nobody else's to hear: it is asked for only where a resolver
// was given.
func (s *scan) askDNS(ctx context.Context) {
	if s.o.Resolver == "" {
		if why := private(s.name, s.addr); why != "" {
			s.skip("dns.caa", why)
			s.skip("dns.https", why)
			return
		}
	}
	if s.name == "" {
		s.skip("dns.caa", "an address has no records")
		s.skip("dns.https", "an address has no records")
		return
	}
	c := records.Client{Server: s.o.Resolver}
	var d DNS
	var caa, https error
	s.together(ctx,
		func(ctx context.Context) { d.CAA, d.CAAAt, caa = c.CAA(ctx, s.name) },
		func(ctx context.Context) { d.HTTPS, https = c.HTTPS(ctx, s.name) })
	if caa != nil {
		s.skip("dns.caa", caa.Error())
	}
	if https != nil {
		s.skip("dns.https", https.Error())
	}
	if caa != nil && https != nil {
		return
	}
	s.mu.Lock()
	s.dns = &d
	s.mu.Unlock()
	if caa == nil && len(d.CAA) == 0 {
		s.note("dns.no-caa", "no CAA record says which authorities may issue certificates for %s: all may", s.name)
	}
}

// private says why a name is not asked for, or nothing.
func private(name, addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()) {
			return "the target is on this machine or its network"
		}
		if strings.EqualFold(host, "localhost") {
			return "the target is on this machine"
		}
	}
	if name == "" {
		return "an address has no records"
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == name || slices.Contains([]string{"test", "example", "invalid", "localhost", "local", "internal", "home", "lan", "corp"}, last) {
		return "the name is not a public one"
	}
	return ""
}

// issuers are the words by which certificates of an authority can be told, by the domain
// that CAA has for it.
var issuers = map[string]string{
	"letsencrypt.org": "Let's Encrypt", "pki.goog": "Google Trust Services", "digicert.com": "DigiCert", "symantec.com": "DigiCert", "thawte.com": "DigiCert",
	"sectigo.com": "Sectigo", "comodoca.com": "Sectigo", "comodo.com": "Sectigo", "usertrust.com": "Sectigo", "amazon.com": "Amazon", "amazontrust.com": "Amazon",
	"awstrust.com": "Amazon", "amazonaws.com": "Amazon", "globalsign.com": "GlobalSign", "entrust.net": "Entrust", "buypass.com": "Buypass", "buypass.no": "Buypass",
	"ssl.com": "SSL Corp", "godaddy.com": "GoDaddy", "starfieldtech.com": "Starfield", "certum.pl": "Certum", "quovadisglobal.com": "QuoVadis", "swisssign.com": "SwissSign",
	"identrust.com": "IdenTrust", "harica.gr": "Hellenic Academic", "telesec.de": "Telekom", "actalis.it": "Actalis", "microsoft.com": "Microsoft",
}

// consent holds the authorities that CAA names against who issued the certificates. It
// counts on the day of the issue, so that a difference today is a hint and no fault.
func (s *scan) consent() {
	if s.dns == nil || len(s.dns.CAA) == 0 {
		return
	}
	for _, x := range s.served {
		leaf, err := x509.ParseCertificate(x.chain[0])
		if err != nil {
			continue
		}
		allowed, ruled := authorities(s.dns.CAA, slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.HasPrefix(n, "*.") }))
		if !ruled {
			continue
		}
		by := leaf.Issuer.String()
		known := 0
		fits := slices.ContainsFunc(allowed, func(domain string) bool {
			word, ok := issuers[domain]
			if ok {
				known++
			}
			return ok && strings.Contains(strings.ToLower(by), strings.ToLower(word))
		})
		list := strings.Join(allowed, ", ")
		switch {
		case fits:
		case len(allowed) == 0:
			s.note("dns.caa-differs", "CAA at %s lets no authority issue certificates; this one is from %s", s.dns.CAAAt, by)
		case known == len(allowed):
			s.note("dns.caa-differs", "CAA at %s lets %s issue certificates; this one is from %s", s.dns.CAAAt, list, by)
		default:
			s.note("dns.caa", "CAA at %s lets %s issue certificates; whether that is %s is not known here", s.dns.CAAAt, list, by)
		}
	}
}

// authorities are the domains that may issue, and whether there is any word on it. A
// wildcard follows issuewild where there is one (RFC 8659 section 4.3).
func authorities(list []records.CAA, wildcard bool) (allowed []string, ruled bool) {
	tag := "issue"
	if wildcard && slices.ContainsFunc(list, func(r records.CAA) bool { return r.Tag == "issuewild" }) {
		tag = "issuewild"
	}
	for _, r := range list {
		if r.Tag != tag {
			continue
		}
		ruled = true
		domain, _, _ := strings.Cut(r.Value, ";")
		if domain = strings.ToLower(strings.TrimSpace(domain)); domain != "" && !has(allowed, domain) {
			allowed = append(allowed, domain)
		}
	}
	return allowed, ruled
}

// published holds the HTTPS record against what the server does.
func (s *scan) published() {
	if s.dns == nil {
		return
	}
	for _, r := range s.dns.HTTPS {
		if len(r.ECH) == 0 {
			continue
		}
		configs, err := wire.ParseECHConfigs(r.ECH)
		switch {
		case err != nil:
			s.note("dns.ech-malformed", "the HTTPS record has keys for an Encrypted Client Hello that cannot be read: %v", err)
		case s.features.ECH != nil && !*s.features.ECH:
			s.note("dns.ech-differs", "the HTTPS record has %s for an Encrypted Client Hello, and the server does not know it", count(len(configs), "key"))
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
