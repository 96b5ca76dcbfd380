package wire

import "fmt"

// A Version is a protocol version as it stands in a record or a hello.
type Version uint16

// The versions that were ever in use.
const (
	SSL2  Version = 0x0002
	SSL3  Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// String returns the name that reports use, such as TLSv1.2.
func (v Version) String() string {
	switch v {
	case SSL2:
		return "SSLv2"
	case SSL3:
		return "SSLv3"
	case TLS10:
		return "TLSv1.0"
	case TLS11:
		return "TLSv1.1"
	case TLS12:
		return "TLSv1.2"
	case TLS13:
		return "TLSv1.3"
	}
	return fmt.Sprintf("0x%04x", uint16(v))
}

// A Group is a named group for key exchange.
type Group uint16

// The groups that this project computes with.
const (
	Secp224r1          Group = 21
	Secp256r1          Group = 23
	Secp384r1          Group = 24
	Secp521r1          Group = 25
	X25519             Group = 29
	X448               Group = 30
	Secp256k1          Group = 22
	Brainpool256       Group = 26
	Brainpool384       Group = 27
	Brainpool512       Group = 28
	FFDHE2048          Group = 256
	FFDHE8192          Group = 260
	MLKEM512           Group = 512
	MLKEM768           Group = 513
	MLKEM1024          Group = 514
	SecP256r1MLKEM768  Group = 4587
	X25519MLKEM768     Group = 4588
	SecP384r1MLKEM1024 Group = 4589
	CurveSM2MLKEM768   Group = 4590
	ExplicitPrime      Group = 0xff01
	ExplicitChar2      Group = 0xff02
)

type groupName struct {
	id   Group
	name string
	bits int // security level as the size of an elliptic curve; 0 for finite fields and KEMs
}

var groupNames = []groupName{
	{X25519MLKEM768, "X25519MLKEM768", 0}, {SecP256r1MLKEM768, "SecP256r1MLKEM768", 0}, {SecP384r1MLKEM1024, "SecP384r1MLKEM1024", 0},
	{CurveSM2MLKEM768, "curveSM2MLKEM768", 0}, {MLKEM512, "MLKEM512", 0}, {MLKEM768, "MLKEM768", 0}, {MLKEM1024, "MLKEM1024", 0},
	{25497, "X25519Kyber768Draft00", 0}, {25498, "SecP256r1Kyber768Draft00", 0},
	{X25519, "x25519", 256}, {Secp256r1, "secp256r1", 256}, {Secp384r1, "secp384r1", 384}, {Secp521r1, "secp521r1", 521}, {X448, "x448", 448},
	{26, "brainpoolP256r1", 256}, {27, "brainpoolP384r1", 384}, {28, "brainpoolP512r1", 512},
	{31, "brainpoolP256r1tls13", 256}, {32, "brainpoolP384r1tls13", 384}, {33, "brainpoolP512r1tls13", 512},
	{34, "GC256A", 256}, {35, "GC256B", 256}, {36, "GC256C", 256}, {37, "GC256D", 256}, {38, "GC512A", 512}, {39, "GC512B", 512}, {40, "GC512C", 512},
	{41, "curveSM2", 256},
	{FFDHE2048, "ffdhe2048", 0}, {257, "ffdhe3072", 0}, {258, "ffdhe4096", 0}, {259, "ffdhe6144", 0}, {FFDHE8192, "ffdhe8192", 0},
	{22, "secp256k1", 256}, {20, "secp224k1", 224}, {Secp224r1, "secp224r1", 224}, {18, "secp192k1", 192}, {19, "secp192r1", 192},
	{15, "secp160k1", 160}, {16, "secp160r1", 160}, {17, "secp160r2", 160},
	{1, "sect163k1", 163}, {2, "sect163r1", 163}, {3, "sect163r2", 163}, {4, "sect193r1", 193}, {5, "sect193r2", 193},
	{6, "sect233k1", 233}, {7, "sect233r1", 233}, {8, "sect239k1", 239}, {9, "sect283k1", 283}, {10, "sect283r1", 283},
	{11, "sect409k1", 409}, {12, "sect409r1", 409}, {13, "sect571k1", 571}, {14, "sect571r1", 571},
	{ExplicitPrime, "arbitrary_explicit_prime_curves", 0}, {ExplicitChar2, "arbitrary_explicit_char2_curves", 0},
}

// String returns the registry's name, or the number.
func (g Group) String() string {
	for _, n := range groupNames {
		if n.id == g {
			return n.name
		}
	}
	return fmt.Sprintf("group-0x%04x", uint16(g))
}

// Bits is the size of an elliptic group, 0 for others.
func (g Group) Bits() int {
	for _, n := range groupNames {
		if n.id == g {
			return n.bits
		}
	}
	return 0
}

// Quantum says that the group holds against a quantum computer: ML-KEM by itself or
// with a classical group beside it.
func (g Group) Quantum() bool {
	switch g {
	case X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, CurveSM2MLKEM768, MLKEM512, MLKEM768, MLKEM1024, 25497, 25498:
		return true
	}
	return false
}

// FiniteField says that the group is one of RFC 7919.
func (g Group) FiniteField() bool { return g >= FFDHE2048 && g <= FFDHE8192 }

// Groups13 returns the groups that TLS 1.3 can agree on.
func Groups13() []Group {
	var all []Group
	for _, n := range groupNames {
		if n.id.Quantum() || n.id.FiniteField() || n.id >= Secp256r1 && n.id <= Secp521r1 || n.id >= X25519 && n.id <= 41 {
			all = append(all, n.id)
		}
	}
	return all
}

// Curves12 returns the groups of ECDHE in TLS 1.2 and before. ML-KEM and the finite
// fields have no place there.
func Curves12() []Group {
	var all []Group
	for _, n := range groupNames {
		if n.id < FFDHE2048 && (n.id < 31 || n.id > 33) {
			all = append(all, n.id)
		}
	}
	return all
}

// A SignatureScheme says how a handshake is signed.
type SignatureScheme uint16

var schemeNames = []struct {
	id   SignatureScheme
	name string
}{
	{0x0403, "ecdsa_secp256r1_sha256"}, {0x0503, "ecdsa_secp384r1_sha384"}, {0x0603, "ecdsa_secp521r1_sha512"},
	{0x0807, "ed25519"}, {0x0808, "ed448"}, {0x0904, "mldsa44"}, {0x0905, "mldsa65"}, {0x0906, "mldsa87"},
	{0x081a, "ecdsa_brainpoolP256r1tls13_sha256"}, {0x081b, "ecdsa_brainpoolP384r1tls13_sha384"}, {0x081c, "ecdsa_brainpoolP512r1tls13_sha512"},
	{0x0708, "sm2sig_sm3"},
	{0x0804, "rsa_pss_rsae_sha256"}, {0x0805, "rsa_pss_rsae_sha384"}, {0x0806, "rsa_pss_rsae_sha512"},
	{0x0809, "rsa_pss_pss_sha256"}, {0x080a, "rsa_pss_pss_sha384"}, {0x080b, "rsa_pss_pss_sha512"},
	{0x0401, "rsa_pkcs1_sha256"}, {0x0501, "rsa_pkcs1_sha384"}, {0x0601, "rsa_pkcs1_sha512"},
	{0x0303, "ecdsa_sha224"}, {0x0301, "rsa_pkcs1_sha224"}, {0x0203, "ecdsa_sha1"}, {0x0201, "rsa_pkcs1_sha1"},
	{0x0402, "dsa_sha256"}, {0x0302, "dsa_sha224"}, {0x0202, "dsa_sha1"}, {0x0101, "rsa_pkcs1_md5"},
}

// String returns the registry's name, or the number.
func (s SignatureScheme) String() string {
	for _, n := range schemeNames {
		if n.id == s {
			return n.name
		}
	}
	return fmt.Sprintf("scheme-0x%04x", uint16(s))
}

// Schemes returns all schemes, what is best today first.
func Schemes() []SignatureScheme {
	all := make([]SignatureScheme, len(schemeNames))
	for i, n := range schemeNames {
		all[i] = n.id
	}
	return all
}

// RSA says that the scheme signs with an RSA key.
func (s SignatureScheme) RSA() bool {
	return s&0xff == 1 || s >= 0x0804 && s <= 0x0806 || s >= 0x0809 && s <= 0x080b
}

// DSA says that the scheme signs with a DSA key.
func (s SignatureScheme) DSA() bool { return s&0xff == 2 && s>>8 <= 6 }
