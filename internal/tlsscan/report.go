package tlsscan

import (
	"crypto/x509"
	"time"
)

// A Report is what a scan saw. Lists are sorted unless an order is said; what was not
// tested is nil or stands in NotTested, and never counts as clean.
type Report struct {
	Address    string `json:"address"`
	ServerName string `json:"server_name,omitempty"`
	// Reachable says that a TLS or SSL service answers.
	Reachable bool `json:"reachable"`
	// Protocols are names such as TLSv1.2.
	Protocols []string `json:"protocols"`
	// Suites have the registry's names, by protocol.
	Suites map[string][]string `json:"suites"`
	// Groups are those that key exchange agrees to, in TLS 1.2 and 1.3.
	Groups map[string][]string `json:"groups"`
	// DHBits are the sizes of the finite-field primes that were seen.
	DHBits []int `json:"dh_bits,omitempty"`
	// Preference says by protocol whether the server's or the client's order counts.
	Preference map[string]string `json:"preference,omitempty"`
	// Choices are the suites of each protocol in the order in which the server took them.
	Choices map[string][]string `json:"choices,omitempty"`
	// Signatures are the schemes that the server signs handshakes with, by protocol.
	Signatures map[string][]string `json:"signature_schemes,omitempty"`
	// Certificates are the leaves that were served, by any offer that was made.
	Certificates []Certificate `json:"certificates"`
	// Chains are those that came for the server name, leaf first, as far as they can be
	// read.
	Chains   [][]*x509.Certificate `json:"-"`
	Features Features              `json:"features"`
	// DNS is nil where no answer came or none was asked for.
	DNS *DNS `json:"dns,omitempty"`
	// Findings are names such as suite.rc4, Evidence says for each what was seen.
	Findings []string          `json:"findings"`
	Evidence map[string]string `json:"evidence,omitempty"`
	// Notes tell about what is no fault by itself, by name.
	Notes map[string]string `json:"notes,omitempty"`
	// Mozilla has a verdict per guideline and level, such as 6.0/intermediate.
	Mozilla map[string]Verdict `json:"mozilla,omitempty"`
	// Profile is the verdict of Options.Profile.
	Profile *Verdict `json:"profile,omitempty"`
	// Grade is the mark of SSL Labs' guide, PostQuantum what recorded connections are
	// worth later; nil where nothing is spoken.
	Grade       *Grade       `json:"grade,omitempty"`
	PostQuantum *PostQuantum `json:"post_quantum,omitempty"`
	// NotTested says why something was not tried, by name.
	NotTested map[string]string `json:"not_tested"`
	// Incomplete is why the report may lack something; empty is a whole report.
	Incomplete  []string `json:"incomplete,omitempty"`
	Connections int      `json:"connections"`
	// Asked are the addresses of authorities that were asked about revocation.
	Asked []string      `json:"asked,omitempty"`
	Took  time.Duration `json:"took_ns"`
}

// A Certificate is one leaf with how it was judged.
type Certificate struct {
	Subject string `json:"subject"`
	// For is the server name that got it.
	For string `json:"for,omitempty"`
	// Key is rsa, ecdsa, ed25519, ed448, dsa or unknown; Curve the group's name.
	Key       string    `json:"key"`
	Curve     string    `json:"curve,omitempty"`
	Bits      int       `json:"bits"`
	Signature string    `json:"signature"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// Days is the whole time of validity.
	Days int `json:"days"`
	// Trusted says that some store has a root for it; Stores has each one's word, and
	// Paths the subjects from the leaf to the root of each that has.
	Trusted bool                `json:"trusted"`
	Stores  map[string]bool     `json:"stores,omitempty"`
	Paths   map[string][]string `json:"paths,omitempty"`
	NameOK  bool                `json:"name_ok"`
	Names   []string            `json:"names,omitempty"`
	// SCTs counts the signed timestamps, Verified those whose log is known and signed.
	SCTs     int `json:"sct"`
	Verified int `json:"sct_verified"`
	// Staple is none, good, unchecked (its issuer was not sent), unknown, stale, invalid
	// (it cannot be read, or is for another certificate), forged (its signature is wrong) or
	// revoked.
	Staple     string `json:"ocsp_staple"`
	MustStaple bool   `json:"must_staple,omitempty"`
	// Revocation is good, revoked, unknown, or empty where nobody was asked: the word of
	// given lists and of asked authorities.
	Revocation string `json:"revocation,omitempty"`
	// Validation is extended, organization, individual or domain: how the authority says
	// that it looked at the owner; empty where it does not say.
	Validation string `json:"validation,omitempty"`
	// Signs are the schemes that handshakes were signed with under this certificate.
	Signs []string `json:"signs,omitempty"`
	// Sent is how many certificates came with it, itself included.
	Sent   int    `json:"chain_length"`
	SHA256 string `json:"sha256"`
}

// Features are what a server can do. A nil pointer was not tested or does not apply.
type Features struct {
	// Staple is the worst of all certificates.
	Staple string `json:"ocsp_staple"`
	// HSTS is the max-age in seconds, 0 for none; nil is no page, which JSON writes as an
	// age of 0 beside a member page that is false.
	HSTS *int `json:"hsts"`
	// sentHSTS tells a header without a max-age from none.
	sentHSTS bool
	// Redirect is where the page leads, as the server wrote it.
	Redirect string `json:"redirect,omitempty"`
	// SecureRenegotiation, ExtendedMaster and TicketOffered are of TLS 1.2 and before.
	SecureRenegotiation *bool `json:"secure_renegotiation,omitempty"`
	ExtendedMaster      *bool `json:"extended_master_secret,omitempty"`
	TicketOffered       *bool `json:"ticket_offered,omitempty"`
	EncryptThenMAC      *bool `json:"encrypt_then_mac,omitempty"`
	Heartbeat           *bool `json:"heartbeat,omitempty"`
	// FallbackSCSV is tested where there is something to fall back to.
	FallbackSCSV        *bool `json:"fallback_scsv,omitempty"`
	ClientRenegotiation *bool `json:"client_renegotiation,omitempty"`
	// ResumesTicket and ResumesID are of TLS 1.2 and before; Tickets13 counts those of 1.3.
	ResumesTicket *bool `json:"resumes_by_ticket,omitempty"`
	ResumesID     *bool `json:"resumes_by_id,omitempty"`
	Tickets13     *int  `json:"tls13_tickets,omitempty"`
	EarlyData     *bool `json:"early_data,omitempty"`
	// ECH says that a made-up Encrypted Client Hello was answered with keys for a real one.
	ECH *bool `json:"ech,omitempty"`
	// QUIC is nil where it could not be asked for. AltSvc is what the page announces.
	QUIC   *QUIC    `json:"quic,omitempty"`
	AltSvc []string `json:"alt_svc,omitempty"`
	// ALPN are the protocols that a client can choose between: empty where there is only
	// HTTP/1.1, nil where it was not tested. ALPNAccepted are all that were agreed to.
	ALPN         []string `json:"alpn"`
	ALPNAccepted []string `json:"alpn_accepted,omitempty"`
	// ClientAuth is none, requested, required or empty for not tested.
	ClientAuth string `json:"client_auth,omitempty"`
	// Server is how the page's answer names its program, in Server or else X-Powered-By.
	Server string `json:"server,omitempty"`
}
