package wire

import (
	"slices"
	"strings"
)

// SuiteNamed returns the suite of the registry's name.
func SuiteNamed(name string) (Suite, bool) {
	i := slices.IndexFunc(suites, func(r suiteRow) bool { return r.name == name })
	if i < 0 {
		return 0, false
	}
	return suites[i].id, true
}

// GroupNamed returns the group of a name as the registry or OpenSSL writes it.
func GroupNamed(name string) (Group, bool) {
	switch strings.ToLower(name) {
	case "prime256v1", "p-256":
		return Secp256r1, true
	case "p-384":
		return Secp384r1, true
	case "p-521":
		return Secp521r1, true
	}
	for _, n := range groupNames {
		if strings.EqualFold(n.name, name) {
			return n.id, true
		}
	}
	return 0, false
}

// AEAD says that the suite encrypts and authenticates in one step.
func (s Suite) AEAD() bool {
	n := s.String()
	return slices.ContainsFunc([]string{"_GCM", "_CCM", "_POLY1305", "_MGM", "_AEGIS"}, func(x string) bool { return strings.Contains(n, x) })
}

// strengths are the bits of keys by what stands in a suite's name; the first that fits.
// Three keys of DES count as 168, as OpenSSL and testssl count them.
var strengths = []struct {
	part string
	bits int
}{
	{"_NULL", 0}, {"_SHA256_", 0}, {"_SHA384_", 0}, {"_DES40_", 40}, {"_CBC_40_", 40}, {"_RC4_40_", 40},
	{"_RC4_56_", 56}, {"_RC2_CBC_56_", 56}, {"_3DES_", 168}, {"_DES_", 56}, {"_256", 256}, {"CHACHA20", 256}, {"28147", 256},
	{"KUZNYECHIK", 256}, {"MAGMA", 256}, {"_128", 128}, {"IDEA", 128}, {"SEED", 128}, {"SM4", 128},
}

// Strength is the size of the cipher's key in bits, -1 where it is not known. It says
// nothing of faults: RC4 has 128.
func (s Suite) Strength() int {
	n := s.String()
	if k := s.Kind(); k.Cipher != "" {
		n = "_" + k.Cipher + "_" // the hash behind it has a number too
	}
	for _, x := range strengths {
		if strings.Contains(n, x.part) {
			return x.bits
		}
	}
	return -1
}
