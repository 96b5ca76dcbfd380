package wire

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Suite is the number of a cipher suite of SSLv3 or TLS.
type Suite uint16

// The suites that are no suites: they carry a signal of the client.
const (
	RenegotiationSCSV Suite = 0x00ff
	FallbackSCSV      Suite = 0x5600
)

//go:embed suites.txt
var suiteText string

type suiteRow struct {
	id   Suite
	name string
}

var suites = readSuites(suiteText)

func readSuites(text string) []suiteRow {
	var rows []suiteRow
	for line := range strings.Lines(text) {
		hex, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		id, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			panic("wire: suites.txt: " + line)
		}
		rows = append(rows, suiteRow{Suite(id), name})
	}
	return rows
}

// String returns the registry's name, or the number.
func (s Suite) String() string {
	i, ok := slices.BinarySearchFunc(suites, s, func(r suiteRow, s Suite) int { return int(r.id) - int(s) })
	if !ok {
		return fmt.Sprintf("suite-0x%04x", uint16(s))
	}
	return suites[i].name
}

// tls13 says that the suite belongs to TLS 1.3, which names neither key exchange nor
// signature.
func (s Suite) tls13() bool {
	return s >= 0x1301 && s <= 0x13ff || s == 0x00c6 || s == 0x00c7 || s == 0xc0b4 || s == 0xc0b5 || s >= 0xc103 && s <= 0xc106
}

// SuitesFor returns all suites that a client can offer in version v, in the registry's
// order. Those of TLS 1.2 are offered in older versions as well: a server that takes
// one there is told about, not assumed away.
func SuitesFor(v Version) []Suite {
	var all []Suite
	for _, r := range suites {
		if r.id != 0 && r.id.tls13() == (v == TLS13) {
			all = append(all, r.id)
		}
	}
	return all
}

// A Kind is what the name of a suite says of it.
type Kind struct {
	// Exchange is RSA, DHE, ECDHE, DH, ECDH, PSK, … as the name has it, without the
	// signature; TLS 1.3 has "".
	Exchange string
	// Sign is RSA, ECDSA, DSS, anon or "" (none or by itself).
	Sign string
	// Cipher is what follows WITH, such as AES_128_GCM.
	Cipher string
	// MAC is the last part: SHA, SHA256, MD5, …; of an AEAD it is the hash of the PRF.
	MAC    string
	Export bool
}

// Kind reads the suite's name.
func (s Suite) Kind() Kind {
	name := s.String()
	var k Kind
	k.Export = strings.Contains(name, "EXPORT")
	name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "OLD_"), "TLS_"), "SSL_")
	before, after, ok := strings.Cut(name, "_WITH_")
	if !ok {
		before, after = "", name
	}
	parts := strings.Split(before, "_")
	parts = slices.DeleteFunc(parts, func(p string) bool { return strings.HasPrefix(p, "EXPORT") || p == "FIPS" })
	switch len(parts) {
	case 1:
		k.Exchange = parts[0]
	default:
		k.Exchange, k.Sign = parts[0], parts[len(parts)-1]
		if k.Sign == "PSK" || k.Sign == "SHA" || k.Sign == "DHE" || k.Sign == "256" {
			k.Exchange, k.Sign = before, ""
		}
	}
	if k.Exchange == "RSA" {
		k.Sign = "RSA"
	}
	if i := strings.LastIndexByte(after, '_'); i >= 0 {
		k.Cipher, k.MAC = after[:i], after[i+1:]
	}
	if strings.HasSuffix(after, "CCM") || strings.HasSuffix(after, "CCM_8") {
		k.Cipher, k.MAC = after, "SHA256"
	}
	return k
}

// CBC says that the suite pads blocks under a MAC of the plain text.
func (s Suite) CBC() bool {
	n := s.String()
	return strings.Contains(n, "_CBC_") || strings.Contains(n, "_DES40_CBC") || strings.HasSuffix(n, "_CBC_40_MD5")
}

// Null says that the suite does not encrypt.
func (s Suite) Null() bool {
	return strings.Contains(s.String(), "_NULL_") || s == 0xc0b4 || s == 0xc0b5
}

// Anonymous says that the server proves nothing about itself.
func (s Suite) Anonymous() bool { return strings.Contains(s.String(), "_anon_") }

// RC4, DES and TripleDES tell the cipher.
func (s Suite) RC4() bool { return strings.Contains(s.String(), "_RC4_") }

// DES is single DES, with 40 or 56 bits.
func (s Suite) DES() bool {
	return !s.TripleDES() && (strings.Contains(s.String(), "_DES_") || strings.Contains(s.String(), "_DES40_"))
}

// TripleDES is DES three times.
func (s Suite) TripleDES() bool { return strings.Contains(s.String(), "_3DES_") }

// SmallBlock says that the cipher has blocks of 64 bits.
func (s Suite) SmallBlock() bool {
	n := s.String()
	return s.DES() || s.TripleDES() || strings.Contains(n, "_IDEA_") || strings.Contains(n, "_RC2_") || strings.Contains(n, "_28147_") || strings.Contains(n, "_MAGMA_")
}

// ForwardSecret says that a key stolen later does not open what was recorded.
func (s Suite) ForwardSecret() bool {
	if s.tls13() {
		return true
	}
	x := s.Kind().Exchange
	return x == "ECDHE" || x == "DHE" || strings.Contains(x, "DHE_PSK") || strings.Contains(x, "PSK_DHE") || s.Anonymous() || strings.HasPrefix(x, "ECCPWD") || strings.HasPrefix(x, "SRP")
}

// Elliptic says that the key exchange needs a curve of both sides.
func (s Suite) Elliptic() bool { return strings.HasPrefix(s.Kind().Exchange, "ECDHE") || s.ecdhAnon() }

func (s Suite) ecdhAnon() bool { return strings.HasPrefix(s.String(), "TLS_ECDH_anon") }

// Signed says that the server signs its half of the key exchange.
func (s Suite) Signed() bool {
	x := s.Kind().Exchange
	return (x == "ECDHE" || x == "DHE") && s.Kind().Sign != "" && !s.Anonymous()
}

// DiffieHellman says that the server sends a finite field's prime.
func (s Suite) DiffieHellman() bool {
	x := s.Kind().Exchange
	return x == "DHE" || strings.HasPrefix(x, "DHE_") || x == "PSK_DHE" || strings.HasPrefix(s.String(), "TLS_DH_anon")
}

// Shared says that client and server prove to each other a key that both had before.
func (s Suite) Shared() bool { return strings.Contains(s.Kind().Exchange, "PSK") }

// StaticRSA says that the client encrypts the secret to the certificate's RSA key.
func (s Suite) StaticRSA() bool { x := s.Kind().Exchange; return x == "RSA" || x == "RSA_PSK" }

// StaticECDH says that the server's half of the key exchange is the key in its certificate.
func (s Suite) StaticECDH() bool { return s.Kind().Exchange == "ECDH" && !s.Anonymous() }
