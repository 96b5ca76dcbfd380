package tlsscan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A Grade is the mark of SSL Labs' Server Rating Guide, 2009r of 2025-05-16, as testssl
// 3.3 computes it: 30 % protocol, 30 % key exchange, 40 % cipher, each from 0 to 100 and
// rounded down, then the caps. Under F, T and M there is no score.
//
// Source: https://github.com/ssllabs/research/wiki/SSL-Server-Rating-Guide
type Grade struct {
	// Grade is A+ to F, T for a certificate that is not trusted, M for one of another name,
	// unknown where no certificate was seen.
	Grade string `json:"grade"`
	Score int    `json:"score"`
	// Protocol, KeyExchange and Cipher are the marks before they are weighed.
	Protocol    int `json:"protocol"`
	KeyExchange int `json:"key_exchange"`
	Cipher      int `json:"cipher"`
	// Caps are what bounds the grade, the worst first; Warnings make an A+ an A-.
	Caps     []Cap    `json:"caps"`
	Warnings []string `json:"warnings"`
	// Untested is what could make the grade worse and was not seen.
	Untested []string `json:"untested,omitempty"`
	// Testssl is what testssl 3.3 prints where that is another grade: its code has the caps
	// for small blocks, RC4 in TLS 1.1, missing AEAD and the mark of Diffie-Hellman, as the
	// guide has, and never reaches them.
	Testssl string `json:"testssl,omitempty"`
}

// A Cap is the best grade that a fault leaves.
type Cap struct {
	Grade  string `json:"grade"`
	Reason string `json:"reason"`
}

// longHSTS is what testssl asks of a max-age: 180 days in seconds.
const longHSTS = 180 * 24 * 60 * 60

// gradeOf marks a report; nil where nothing is spoken.
func gradeOf(r *Report) *Grade {
	if len(r.Protocols) == 0 {
		return nil
	}
	g := mark(r, true)
	if printed := mark(r, false).Grade; printed != g.Grade {
		g.Testssl = printed
	}
	return g
}

// mark grades by the whole guide, or without what testssl never reaches.
func mark(r *Report, whole bool) *Grade {
	g := &Grade{Caps: []Cap{}, Warnings: []string{}}
	accepted := suitesOf(r)
	g.protocolCaps(r)
	g.suiteCaps(accepted, whole)
	g.beast(r, accepted)
	g.certificateCaps(r)
	g.faultCaps(r)
	g.warn(r)
	g.untested(r)
	switch lowest := g.cap(); {
	case lowest >= "F": // F, M and T come after all others
		g.Grade = lowest
	case len(r.Certificates) == 0:
		g.Grade = "unknown"
	default:
		g.score(r, accepted, whole)
	}
	slices.SortFunc(g.Caps, func(a, b Cap) int { return cmp.Or(cmp.Compare(b.Grade, a.Grade), cmp.Compare(a.Reason, b.Reason)) })
	return g
}

// cap is the lowest cap, empty for none. The letters sort as the grades do: T over M
// over F.
func (g *Grade) cap() string {
	lowest := ""
	for _, c := range g.Caps {
		lowest = max(lowest, c.Grade)
	}
	return lowest
}

func (g *Grade) capIf(is bool, grade, reason string, args ...any) {
	if is {
		g.Caps = append(g.Caps, Cap{grade, fmt.Sprintf(reason, args...)})
	}
}

func speaks(r *Report, versions ...wire.Version) bool {
	return slices.ContainsFunc(versions, func(v wire.Version) bool { return has(r.Protocols, v.String()) })
}

// suitesOf are the suites that have a place in the registry, by protocol.
func suitesOf(r *Report) map[string][]wire.Suite {
	all := map[string][]wire.Suite{}
	for version, names := range r.Suites {
		for _, n := range names {
			if s, ok := wire.SuiteNamed(n); ok {
				all[version] = append(all[version], s)
			}
		}
	}
	return all
}

// first returns a suite that is so, and the protocol, for the reason.
func first(all map[string][]wire.Suite, is func(wire.Suite) bool, versions ...wire.Version) (string, bool) {
	for _, v := range versions {
		for _, s := range all[v.String()] {
			if is(s) {
				return fmt.Sprintf("%v in %v", s, v), true
			}
		}
	}
	return "", false
}

var versionsDown = []wire.Version{wire.TLS13, wire.TLS12, wire.TLS11, wire.TLS10, wire.SSL3}

func (g *Grade) protocolCaps(r *Report) {
	g.capIf(speaks(r, wire.SSL2), "F", "SSLv2 is spoken")
	g.capIf(speaks(r, wire.SSL3), "B", "SSLv3 is spoken")
	g.capIf(speaks(r, wire.TLS10), "B", "TLS 1.0 is spoken")
	g.capIf(speaks(r, wire.TLS11), "B", "TLS 1.1 is spoken")
	g.capIf(!speaks(r, wire.TLS12, wire.TLS13), "C", "neither TLS 1.2 nor TLS 1.3 is spoken")
}

func (g *Grade) suiteCaps(all map[string][]wire.Suite, whole bool) {
	weak := func(s wire.Suite) bool { bits := s.Strength(); return bits >= 0 && bits < 112 }
	fresh := []wire.Version{wire.TLS13, wire.TLS12, wire.TLS11}
	for _, c := range []struct {
		grade, reason string
		is            func(wire.Suite) bool
		versions      []wire.Version
	}{
		{"F", "a cipher of less than 112 bits: %s", weak, versionsDown},
		{"F", "a suite made weak for export: %s", func(s wire.Suite) bool { return s.Kind().Export }, versionsDown},
		{"C", "a cipher with blocks of 64 bits (SWEET32) in TLS 1.1 or newer: %s", wire.Suite.SmallBlock, fresh},
		{"C", "RC4 in TLS 1.1 or newer: %s", wire.Suite.RC4, fresh},
		{"B", "RC4: %s", wire.Suite.RC4, versionsDown},
	} {
		s, ok := first(all, c.is, c.versions...)
		g.capIf(ok && (whole || c.grade != "C"), c.grade, c.reason, s)
	}
	if len(all) == 0 {
		return
	}
	_, ok := first(all, wire.Suite.AEAD, versionsDown...)
	g.capIf(!ok && whole, "B", "no suite with authenticated encryption (AEAD)")
	_, ok = first(all, func(s wire.Suite) bool { return s.ForwardSecret() && !s.Anonymous() }, versionsDown...)
	g.capIf(!ok, "B", "no suite with forward secrecy")
}

func (g *Grade) beast(r *Report, all map[string][]wire.Suite) {
	s, ok := first(all, wire.Suite.CBC, wire.TLS10, wire.SSL3)
	g.capIf(ok && !speaks(r, wire.TLS11, wire.TLS12, wire.TLS13), "B", "BEAST: %s, and nothing newer is spoken", s)
}

func (g *Grade) certificateCaps(r *Report) {
	told := func(name string) bool { return has(r.Findings, name) }
	g.capIf(told("cert.revoked") || told("ocsp.revoked"), "T", "the certificate is revoked")
	g.capIf(told("cert.expired"), "T", "the certificate has ended")
	g.capIf(told("cert.not-yet-valid"), "T", "the certificate is not valid yet")
	g.capIf(told("cert.intermediate-expired"), "T", "a certificate of the chain has ended")
	for _, c := range r.Certificates {
		md := strings.HasPrefix(c.Signature, "md")
		g.capIf(md, "F", "the certificate of %s is signed by %s", c.Subject, c.Signature)
		g.capIf(!c.NameOK, "M", "the certificate of %s is for another name", c.Subject)
		switch {
		case told("cert.sha1") && !md && !c.Trusted:
			g.capIf(true, "T", "SHA-1 in the chain of %s", c.Subject)
		case told("cert.self-signed") && !c.Trusted:
			g.capIf(true, "T", "the certificate of %s is signed by itself", c.Subject)
		case told("cert.chain-incomplete") && !c.Trusted:
			g.capIf(true, "B", "the chain of %s is not sent whole", c.Subject)
		case !c.Trusted && !told("cert.expired") && !told("cert.not-yet-valid") && !told("cert.intermediate-expired"):
			g.capIf(true, "T", "no trusted root leads to the certificate of %s", c.Subject)
		}
	}
	g.capIf(told("cert.rsa-exponent"), "F", "the RSA key has an exponent that encrypts nothing")
}

func (g *Grade) faultCaps(r *Report) {
	for _, c := range []struct{ finding, grade, reason string }{
		{"tls.heartbleed", "F", "Heartbleed"}, {"tls.ccs-injection", "F", "CCS injection"}, {"tls.ticketbleed", "F", "Ticketbleed"},
		{"tls.robot", "F", "ROBOT"}, {"tls.drown", "F", "DROWN"}, {"tls.compression", "C", "CRIME: TLS compresses"}, {"tls.poodle", "C", "POODLE"},
	} {
		g.capIf(has(r.Findings, c.finding), c.grade, "%s", c.reason)
	}
}

func (g *Grade) warn(r *Report) {
	say := func(is bool, text string) {
		if is {
			g.Warnings = append(g.Warnings, text)
		}
	}
	say(!speaks(r, wire.TLS13), "TLS 1.3 is not spoken")
	say(has(r.Findings, "tls.insecure-renegotiation"), "secure renegotiation is not supported")
	if age := r.Features.HSTS; age != nil {
		say(*age == 0 && r.Features.sentHSTS, "Strict-Transport-Security has no max-age above 0")
		say(*age > 0 && *age < longHSTS, "the max-age of Strict-Transport-Security is less than 180 days")
	}
}

func (g *Grade) untested(r *Report) {
	for _, name := range []string{"tls.heartbleed", "tls.ccs-injection", "tls.ticketbleed", "tls.robot"} {
		if r.NotTested[name] != "" {
			g.Untested = append(g.Untested, name)
		}
	}
	if len(r.Certificates) == 0 {
		g.Untested = append(g.Untested, "certificate")
	}
	if r.Features.HSTS == nil {
		g.Untested = append(g.Untested, "hsts")
	}
	if len(r.Incomplete) > 0 {
		g.Untested = append(g.Untested, "what the scan could not finish")
	}
}

// score weighs the three marks; the caps that come of the marks are added here.
func (g *Grade) score(r *Report, all map[string][]wire.Suite, whole bool) {
	g.Protocol = protocolMark(r)
	g.capIf(!speaks(r, wire.TLS10, wire.TLS11, wire.TLS12, wire.TLS13), "F", "SSLv3 is the best that is spoken")
	g.KeyExchange = keyMark(r, whole)
	g.capIf(g.KeyExchange <= 40, "F", "a key of the certificate or of Diffie-Hellman that can be broken")
	g.capIf(g.KeyExchange > 40 && g.KeyExchange <= 80, "B", "a weak key of the certificate or of Diffie-Hellman")
	g.Cipher = cipherMark(all)
	if g.Protocol > 0 && g.KeyExchange > 0 && g.Cipher > 0 {
		g.Score = g.Protocol*30/100 + g.KeyExchange*30/100 + g.Cipher*40/100
	}
	g.Grade = "F"
	for _, x := range []struct {
		least int
		grade string
	}{{20, "E"}, {35, "D"}, {50, "C"}, {65, "B"}, {80, "A"}} {
		if g.Score >= x.least {
			g.Grade = x.grade
		}
	}
	switch lowest := g.cap(); {
	case lowest >= g.Grade:
		g.Grade = lowest
	case lowest == "" && g.Grade == "A" && len(g.Warnings) == 0:
		g.Grade = "A+"
	case lowest == "" && g.Grade == "A":
		g.Grade = "A-"
	}
}

func protocolMark(r *Report) int {
	best, worst := 0, 100
	for _, x := range []struct {
		v    wire.Version
		mark int
	}{{wire.SSL2, 0}, {wire.SSL3, 80}, {wire.TLS10, 90}, {wire.TLS11, 95}, {wire.TLS12, 100}, {wire.TLS13, 100}} {
		if speaks(r, x.v) {
			best, worst = max(best, x.mark), min(worst, x.mark)
		}
	}
	return (best + worst) / 2
}

// keyMark is that of the weakest key: of all certificates, and of Diffie-Hellman.
func keyMark(r *Report, diffieHellman bool) int {
	mark := 100
	for _, c := range r.Certificates {
		switch c.Key {
		case "ecdsa", "ed25519":
			mark = min(mark, markOf(c.Bits, 110, 123, 163, 225))
		case "rsa":
			mark = min(mark, markOf(c.Bits, 512, 1024, 2048, 4096))
		}
	}
	for _, bits := range r.DHBits {
		if !diffieHellman {
			break
		}
		mark = min(mark, markOf(bits, 512, 1024, 2048, 4096))
	}
	return mark
}

func markOf(bits int, limits ...int) int {
	for i, mark := range []int{20, 40, 80, 90} {
		if bits < limits[i] {
			return mark
		}
	}
	return 100
}

func cipherMark(all map[string][]wire.Suite) int {
	best, worst := 0, 100
	for _, list := range all {
		for _, s := range list {
			mark := 0
			switch bits := s.Strength(); {
			case bits < 0:
				continue
			case bits >= 256:
				mark = 100
			case bits >= 128:
				mark = 80
			case bits > 0:
				mark = 20
			}
			best, worst = max(best, mark), min(worst, mark)
		}
	}
	if best == 0 {
		return 0
	}
	return (best + worst) / 2
}
