package tlsscan

import (
	"slices"
	"strings"
)

var suites13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}

var suitesIntermediate = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

var suitesOld = append(slices.Clone(suitesIntermediate),
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
	"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
	"TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256",
	"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")

var (
	levelCurves     = []string{"secp256r1", "secp384r1"}
	levelGroups     = []string{"X25519MLKEM768", "x25519", "secp256r1", "secp384r1"}
	ecdsaSignatures = []string{"ecdsa-with-SHA256", "ecdsa-with-SHA384", "ecdsa-with-SHA512"}
)

// levels are the configurations of Mozilla's Server Side TLS guideline: the newest, and
// the last that has one for old clients. That staples are wanted is not judged: an
// authority without a responder has none.
//
// Source: https://ssl-config.mozilla.org/guidelines/ 6.0 and 5.8.
var levels = []Profile{
	{Name: "6.0/modern", Protocols: []string{"TLSv1.3"}, Suites: []string{}, Suites13: suites13, Groups: levelGroups,
		Types: []string{"ecdsa"}, Curves: levelCurves, Signatures: ecdsaSignatures, Lifespan: 90, HSTS: 63072000},
	{Name: "6.0/intermediate", Protocols: []string{"TLSv1.2", "TLSv1.3"}, Suites: suitesIntermediate, Suites13: suites13, Groups: levelGroups,
		Types: []string{"ecdsa", "rsa"}, Curves: levelCurves, Signatures: append(slices.Clone(ecdsaSignatures), "sha256WithRSAEncryption"),
		Lifespan: 366, RSA: 2048, DH: 2048, HSTS: 63072000},
	{Name: "5.8/old", Protocols: []string{"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}, Suites: suitesOld, Suites13: suites13, Groups: levelGroups,
		Types: []string{"rsa"}, Curves: levelCurves, Signatures: []string{"sha256WithRSAEncryption"},
		Lifespan: 366, RSA: 2048, DH: 2048, HSTS: 63072000},
}

// MozillaLevel returns the profile of a word: modern, intermediate or old.
func MozillaLevel(word string) (*Profile, bool) {
	for _, l := range levels {
		if _, name, _ := strings.Cut(l.Name, "/"); word == name || word == l.Name {
			return &l, true
		}
	}
	return nil, false
}

// mozilla holds a report against all levels.
func mozilla(r *Report) map[string]Verdict {
	out := map[string]Verdict{}
	for _, l := range levels {
		v := l.Judge(r)
		v.Name = "" // it is the key
		out[l.Name] = v
	}
	return out
}
