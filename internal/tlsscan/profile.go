package tlsscan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A Profile is what a server may do: a configuration of Mozilla's Server Side TLS
// guideline, or one of that shape. A nil list and a zero number demand nothing; an empty
// list allows nothing. A server may do less, never more.
type Profile struct {
	Name string
	// Protocols are names as reports have them, such as TLSv1.2.
	Protocols []string
	// Suites are those up to TLS 1.2, Suites13 those of TLS 1.3; the registry's names.
	Suites, Suites13 []string
	// Groups are those of key exchange; the registry's names.
	Groups []string
	// Types, Curves and Signatures are the certificate's: ecdsa, secp256r1, and OpenSSL's
	// names of algorithms. One certificate of several has to fit, for clients choose.
	Types, Curves, Signatures []string
	// Lifespan is how many days a certificate may be valid.
	Lifespan int
	// RSA, DH and EC are the least bits of an RSA key, of a prime of Diffie-Hellman, and of
	// the curves of key exchange where Groups is nil.
	RSA, DH, EC int
	// HSTS is the least max-age of Strict-Transport-Security in seconds.
	HSTS int
	// Staple demands an OCSP response of a certificate with must-staple. ServerOrder
	// demands that the server's order of suites counts up to TLS 1.2.
	Staple, ServerOrder bool
}

// A Verdict is a server held against a profile.
type Verdict struct {
	// Name is the profile's.
	Name    string   `json:"name,omitempty"`
	Pass    bool     `json:"pass"`
	Reasons []string `json:"reasons"`
	// Why says of each reason what was seen and what is allowed.
	Why map[string]string `json:"why,omitempty"`
	// Untested are reasons that could not be looked at; Pass does not count them.
	Untested []string `json:"untested,omitempty"`
}

// faults collects reasons in the order in which they are found.
type faults struct {
	names []string
	why   map[string]string
}

func (f *faults) say(bad bool, name, format string, args ...any) {
	if !bad {
		return
	}
	if f.why == nil {
		f.why = map[string]string{}
	}
	f.names = append(f.names, name)
	f.why[name] = fmt.Sprintf(format, args...)
}

// Judge holds a report against the profile.
func (p *Profile) Judge(r *Report) Verdict {
	var f faults
	v := Verdict{Name: p.Name}
	p.agreements(r, &f)
	if reasons, ok := p.certificates(r.Certificates); ok {
		for _, name := range reasons.names {
			f.say(true, name, "%s", reasons.why[name])
		}
	} else {
		v.Untested = append(v.Untested, "certificate")
	}
	switch h := r.Features.HSTS; {
	case p.HSTS == 0:
	case h == nil:
		v.Untested = append(v.Untested, "hsts")
	case *h == 0:
		f.say(true, "hsts", "no Strict-Transport-Security with a max-age came; send max-age=%d", p.HSTS)
	default:
		f.say(*h < p.HSTS, "hsts", "the max-age of Strict-Transport-Security is %d; send at least %d", *h, p.HSTS)
	}
	if len(r.Incomplete) > 0 {
		v.Untested = append(v.Untested, "what the scan could not finish")
	}
	v.Reasons, v.Why = append([]string{}, f.names...), f.why
	v.Pass = len(v.Reasons) == 0
	return v
}

// agreements judges what is agreed on before the certificate.
func (p *Profile) agreements(r *Report, f *faults) {
	if more := beyond(r.Protocols, p.Protocols); len(more) > 0 {
		f.say(true, "protocols", "%s spoken; turn off what is not among %s", listed(more), listed(p.Protocols))
	}
	var suites []string
	for _, v := range r.Protocols {
		allowed := p.Suites
		if v == wire.TLS13.String() {
			allowed = p.Suites13
		}
		for _, s := range beyond(r.Suites[v], allowed) {
			if !has(suites, s) {
				suites = append(suites, s)
			}
		}
	}
	f.say(len(suites) > 0, "suites", "accepted and not allowed: %s; take them out of the server's list", listed(suites))
	var groups []string
	for _, v := range r.Protocols {
		for _, g := range beyond(r.Groups[v], p.Groups) {
			if !has(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	f.say(len(groups) > 0, "groups", "accepted and not allowed: %s; set the server's groups to %s", listed(groups), listed(p.Groups))
	if p.Groups == nil && p.EC > 0 {
		for _, names := range r.Groups {
			for _, n := range names {
				if g, ok := wire.GroupNamed(n); ok && g.Bits() > 0 && g.Bits() < p.EC && !has(f.names, "ecdh_param_size") {
					f.say(true, "ecdh_param_size", "%s has %d bits; at least %d", n, g.Bits(), p.EC)
				}
			}
		}
	}
	if len(r.DHBits) > 0 {
		least := slices.Min(r.DHBits)
		f.say(least < p.DH, "dh_param_size", "a prime of %d bits; take one of at least %d, or no suite with DHE", least, p.DH)
	}
	if p.ServerOrder {
		for v, order := range r.Preference {
			f.say(order == "client" && !has(f.names, "server_preferred_order"), "server_preferred_order", "in %s the client's order of suites counts; let the server's", v)
		}
	}
}

// beyond are those that are not allowed; nil allows all.
func beyond(have, allowed []string) []string {
	if allowed == nil {
		return nil
	}
	return without(have, allowed...)
}

// listed writes a list for people, and no more of it than they read.
func listed(names []string) string {
	const most = 6
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// certificates are the reasons of the certificate that fits best; false without any.
func (p *Profile) certificates(all []Certificate) (best faults, ok bool) {
	for _, c := range all {
		var f faults
		of := c.Subject
		if of == "" && len(c.Names) > 0 {
			of = c.Names[0]
		}
		f.say(p.Types != nil && !has(p.Types, c.Key), "certificate_type", "the key of %s is of type %s; get a certificate with a key of type %s", of, c.Key, listed(p.Types))
		f.say(c.Key == "ecdsa" && (p.Types == nil || has(p.Types, "ecdsa")) && p.Curves != nil && !has(p.Curves, c.Curve), "certificate_curve",
			"the key of %s is on %s; get a certificate with a key on %s", of, c.Curve, listed(p.Curves))
		f.say(p.Signatures != nil && !has(p.Signatures, c.Signature), "certificate_signature",
			"the certificate of %s is signed by %s, its authority's choice; have it signed by %s", of, c.Signature, listed(p.Signatures))
		f.say(c.Key == "rsa" && c.Bits < p.RSA, "rsa_key_size", "the RSA key of %s has %d bits; make one of at least %d", of, c.Bits, p.RSA)
		f.say(p.Lifespan > 0 && c.Days > p.Lifespan, "certificate_lifespan", "the certificate of %s is valid for %d days; get one for at most %d", of, c.Days, p.Lifespan)
		f.say(!c.Trusted, "certificate_trust", "no trust store (%s) leads to the certificate of %s; send its whole chain, from an authority that clients trust, in its time", listed(storeNames(c)), of)
		f.say(!c.NameOK, "certificate_name", "the certificate is for %s, not for the name that was asked for; get one that names it too", listed(c.Names))
		f.say(p.Staple && c.MustStaple && c.Staple == "none", "ocsp_staple", "the certificate of %s demands a stapled OCSP response, and none came; turn stapling on", of)
		if !ok || len(f.names) < len(best.names) {
			best, ok = f, true
		}
	}
	return best, ok
}
