package tlsscan

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A level is one configuration of Mozilla's Server Side TLS guideline.
//
// Source: https://ssl-config.mozilla.org/guidelines/ 6.0 and 5.8.
type level struct {
	name       string
	protocols  []string
	suites     []string
	types      []string
	curves     []string
	signatures []string
	lifespan   int // days
	rsa, dh    int // bits; zero is not said
	hsts       int
}

var suites13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

var suitesIntermediate = append(slices.Clone(suites13),
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")

var suitesOld = append(slices.Clone(suitesIntermediate),
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
	"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
	"TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256",
	"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")

var levelCurves = []string{"secp256r1", "secp384r1"}
var levelGroups = []wire.Group{wire.X25519MLKEM768, wire.X25519, wire.Secp256r1, wire.Secp384r1}
var ecdsaSignatures = []string{"ecdsa-with-SHA256", "ecdsa-with-SHA384", "ecdsa-with-SHA512"}

var levels = []level{
	{"6.0/modern", []string{"TLSv1.3"}, suites13, []string{"ecdsa"}, levelCurves, ecdsaSignatures, 90, 0, 0, 63072000},
	{"6.0/intermediate", []string{"TLSv1.2", "TLSv1.3"}, suitesIntermediate, []string{"ecdsa", "rsa"}, levelCurves,
		append(slices.Clone(ecdsaSignatures), "sha256WithRSAEncryption"), 366, 2048, 2048, 63072000},
	{"5.8/old", []string{"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}, suitesOld, []string{"rsa"}, levelCurves,
		[]string{"sha256WithRSAEncryption"}, 366, 2048, 2048, 63072000},
}

// mozilla holds a report against all levels. A server may do less than a level, never
// more; of several certificates one has to fit, for clients choose.
func mozilla(r *Report) map[string]Verdict {
	out := map[string]Verdict{}
	for _, l := range levels {
		v := Verdict{Reasons: []string{}}
		say := func(bad bool, reason string) {
			if bad {
				v.Reasons = append(v.Reasons, reason)
			}
		}
		say(beyond(r.Protocols, l.protocols), "protocols")
		var suites []string
		for _, list := range r.Suites {
			suites = append(suites, list...)
		}
		say(beyond(suites, l.suites), "suites")
		var groups, allowed []string
		for _, list := range r.Groups {
			groups = append(groups, list...)
		}
		for _, g := range levelGroups {
			allowed = append(allowed, g.String())
		}
		say(beyond(groups, allowed), "groups")
		if len(r.DHBits) > 0 {
			say(slices.Min(r.DHBits) < l.dh, "dh_param_size")
		}
		if reasons, ok := l.certificates(r.Certificates); ok {
			v.Reasons = append(v.Reasons, reasons...)
		} else {
			v.Untested = append(v.Untested, "certificate")
		}
		if h := r.Features.HSTS; h == nil {
			v.Untested = append(v.Untested, "hsts")
		} else {
			say(*h < l.hsts, "hsts")
		}
		v.Pass = len(v.Reasons) == 0
		out[l.name] = v
	}
	return out
}

func beyond(have, allowed []string) bool {
	return slices.ContainsFunc(have, func(x string) bool { return !slices.Contains(allowed, x) })
}

// certificates are the reasons of the certificate that fits best.
func (l level) certificates(all []Certificate) (best []string, ok bool) {
	for _, c := range all {
		var reasons []string
		say := func(bad bool, reason string) {
			if bad {
				reasons = append(reasons, reason)
			}
		}
		say(!slices.Contains(l.types, c.Key), "certificate_type")
		say(c.Key == "ecdsa" && slices.Contains(l.types, "ecdsa") && !slices.Contains(l.curves, c.Curve), "certificate_curve")
		say(!slices.Contains(l.signatures, c.Signature), "certificate_signature")
		say(c.Key == "rsa" && c.Bits < l.rsa, "rsa_key_size")
		say(c.Days > l.lifespan, "certificate_lifespan")
		say(!c.Trusted, "certificate_trust")
		say(!c.NameOK, "certificate_name")
		if !ok || len(reasons) < len(best) {
			best, ok = reasons, true
		}
	}
	return best, ok
}

// quantum says what somebody who records today's connections can read later.
func quantum(r *Report) string {
	var yes, no bool
	for v, list := range r.Groups {
		for _, g := range list {
			q := strings.Contains(g, "MLKEM") || strings.Contains(g, "Kyber")
			yes = yes || q
			no = no || !q || v != wire.TLS13.String()
		}
	}
	switch {
	case yes && no:
		return "clients that know ML-KEM are safe from recording; older clients' connections can be read when quantum computers exist"
	case yes:
		return "every connection is safe from recording"
	}
	return "every connection recorded today can be read when quantum computers exist"
}
