package mend

import (
	"strings"
	"sync"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// A Setting is one thing that the configuration of a server says.
type Setting uint8

// The settings, in the order in which they are written.
const (
	// Protocols: TLS 1.2 and 1.3.
	Protocols Setting = iota
	// Suites: those of TLS 1.2 in the intermediate level.
	Suites
	// Suites13: those of TLS 1.3 in the intermediate level.
	Suites13
	// Groups: those of the intermediate level but for ML-KEM.
	Groups
	// Hybrid: all groups of the intermediate level.
	Hybrid
	// Renegotiation: none that the client begins.
	Renegotiation
	// Compression: none.
	Compression
	// EarlyData: none.
	EarlyData
	// Chain: the certificate with its intermediates, in order.
	Chain
	// Staple: a current answer of the certificate's responder.
	Staple
	// Transport: Strict-Transport-Security for two years.
	Transport
	settings // how many there are
)

var settingTitles = [settings]string{
	Protocols: "TLS 1.2 and 1.3 only", Suites: "suites of TLS 1.2", Suites13: "suites of TLS 1.3", Groups: "groups", Hybrid: "groups with ML-KEM",
	Renegotiation: "no renegotiation by the client", Compression: "no compression", EarlyData: "no early data", Chain: "the whole chain",
	Staple: "a stapled OCSP response", Transport: "Strict-Transport-Security",
}

// String says in a few words what the setting does.
func (s Setting) String() string { return settingTitles[s] }

// twoYears is the value that the guideline asks for.
const twoYears = "max-age=63072000"

// A line stands in one place of a program's configuration.
type line struct {
	place int // index of program.places
	text  string
}

// An answer is what a program needs for a setting: lines, or words where none can do it,
// or both.
type answer struct {
	lines []line
	words string
	// without are names that go out of the configuration.
	without []string
}

// at makes an answer of lines in one place.
func at(place int, lines ...string) answer {
	var a answer
	for _, l := range lines {
		a.lines = append(a.lines, line{place, l})
	}
	return a
}

func words(text string) answer { return answer{words: text} }

func (a answer) and(b answer) answer {
	return answer{append(a.lines, b.lines...), strings.TrimSpace(a.words + " " + b.words), append(a.without, b.without...)}
}

// leaving says that no suite is left which reads a prime. A short one keeps OpenSSL from
// starting as soon as the suites are not @SECLEVEL=0 any more.
func (a answer) leaving(names ...string) answer {
	a.without = names
	return a
}

// A place is where lines go: the text that says so, and what stands around them.
type place struct{ where, open, end string }

// A program is what is known of a server.
type program struct {
	comment string
	places  []place
	// openSSL says that the program rests on OpenSSL, which refuses to start with weak
	// certificates unless the suites end in @SECLEVEL=0.
	openSSL bool
	// hybrid is what the program has to be for Hybrid; empty is any version in use.
	hybrid string
	// answers has one for each setting.
	answers [settings]answer
}

// programs are made when they are first asked for, as byName is.
var programs = sync.OnceValue(func() map[Server]program {
	return map[Server]program{Nginx: nginx(), Apache: apache(), Caddy: caddy(), HAProxy: haproxy(), Node: node(), Go: golang()}
})

// OpenSSLName is OpenSSL's name of a suite of TLS 1.2: ECDHE-RSA-AES128-SHA for
// TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
func OpenSSLName(suite string) string {
	return strings.NewReplacer("TLS_RSA_WITH_", "", "TLS_", "", "3DES_EDE_CBC", "DES-CBC3", "RC4_128", "RC4", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305",
		"AES_128_CBC", "AES128", "AES_256_CBC", "AES256", "AES_128", "AES128", "AES_256", "AES256",
		"_WITH_", "-", "_", "-").Replace(suite)
}

func suites12() string {
	older, _, _ := tlsscan.Guideline()
	for i := range older {
		older[i] = OpenSSLName(older[i])
	}
	return strings.Join(older, ":")
}

func suites13() string {
	_, newer, _ := tlsscan.Guideline()
	return strings.Join(newer, ":")
}

// groups are the guideline's, under the names of a program.
func groups(hybrid bool, names map[string]string) []string {
	_, _, all := tlsscan.Guideline()
	var out []string
	for _, g := range all {
		if hybrid || !strings.Contains(g, "MLKEM") {
			out = append(out, names[g])
		}
	}
	return out
}

func openSSLGroups(hybrid bool) string {
	return strings.Join(groups(hybrid, map[string]string{
		"X25519MLKEM768": "X25519MLKEM768", "x25519": "X25519", "secp256r1": "prime256v1", "secp384r1": "secp384r1",
	}), ":")
}
