package mend

import (
	"strings"
	"sync"
)

// A Fault is a finding of the scan with its mend.
type Fault struct {
	// Name is the finding's: suite.rc4.
	Name string
	// What is wrong, and Why it matters: a sentence each, without a full stop.
	What, Why string
	// Do is the mend in one line.
	Do string
	// Settings mend it. Without any it is not a matter of configuration.
	Settings []Setting
	// Instead is what to do where there are no settings, or besides: commands, one a line.
	Instead string
}

// Short is the mend in one line, with the command that begins it where it is no matter of
// configuration.
func (f Fault) Short() string {
	if len(f.Settings) > 0 || f.Instead == "" {
		return f.Do
	}
	first, _, _ := strings.Cut(f.Instead, "\n")
	first, _, _ = strings.Cut(first, "   #")
	return f.Do + ": " + first
}

// Faults returns what is known of all findings that the scan can report, in the order of
// their names' areas.
func Faults() []Fault {
	var all []Fault
	for _, list := range [][]Fault{protocolFaults, suiteFaults, exchangeFaults, libraryFaults, certificateFaults, stapleFaults, pageFaults, targetFaults} {
		all = append(all, list...)
	}
	return all
}

// For returns the fault of this name.
func For(name string) (Fault, bool) {
	f, ok := byName()[name]
	return f, ok
}

// byName is made when it is first asked for: most runs of the program scan nothing.
var byName = sync.OnceValue(func() map[string]Fault {
	m := make(map[string]Fault)
	for _, f := range Faults() {
		m[f.Name] = f
	}
	return m
})

const (
	onlyNew   = "offer TLS 1.2 and 1.3 only"
	onlyGood  = "offer the six suites of TLS 1.2 that have forward secrecy and authenticated encryption"
	upgrade   = "upgrade the TLS library, restart what uses it"
	upgrading = "apt-get update && apt-get install --only-upgrade openssl libssl3   # or your system's way; then restart what answers here"
	elsewhere = "Ask from the server's own network too: if it is well there, the box in between is at fault.\n" + upgrading
	renewing  = "certbot renew --force-renewal   # with another client its own command; the door: new files in tls.certificates, then panoply reload"
)

var modern = []Setting{Protocols}

// weak needs the protocols too: the suites that are left exist from TLS 1.2 on.
var weak = []Setting{Protocols, Suites}

var protocolFaults = []Fault{
	{Name: "protocol.sslv2", What: "SSLv2 is spoken", Why: "everybody on the way reads and changes what is sent, and breaks newer protocols with the same key (DROWN)",
		Do: onlyNew + ", with a new key", Settings: modern, Instead: "The key was exposed, on every server that shares it: " + renewing},
	{Name: "protocol.sslv3", What: "SSLv3 is spoken", Why: "its padding is not checked: an attacker on the way reads cookies byte by byte (POODLE)", Do: onlyNew, Settings: modern},
	{Name: "protocol.tls1.0", What: "TLS 1.0 is spoken", Why: "it rests on MD5 and SHA-1 and knows no authenticated encryption; browsers left it in 2020 (RFC 8996)", Do: onlyNew, Settings: modern},
	{Name: "protocol.tls1.1", What: "TLS 1.1 is spoken", Why: "it rests on MD5 and SHA-1 and knows no authenticated encryption; browsers left it in 2020 (RFC 8996)", Do: onlyNew, Settings: modern},
	{Name: "protocol.no-tls1.3", What: "TLS 1.3 is not spoken", Why: "it hides the certificate, needs one round trip less, and is the only one with groups that resist quantum computers",
		Do: onlyNew, Settings: modern, Instead: "Needs OpenSSL 1.1.1, nginx 1.13, Apache 2.4.36, HAProxy 1.8.15, Node 12 or Go 1.13, or newer."},
}

var suiteFaults = []Fault{
	{Name: "suite.null", What: "a suite without encryption is accepted", Why: "what is sent can be read on the way", Do: onlyGood, Settings: weak},
	{Name: "suite.anon", What: "a suite without certificate is accepted", Why: "anybody on the way can be the server", Do: onlyGood, Settings: weak},
	{Name: "suite.export", What: "a suite of export strength is accepted", Why: "its keys of 40 or 56 bits are found in minutes", Do: onlyGood, Settings: weak},
	{Name: "suite.rc4", What: "a suite with RC4 is accepted", Why: "its key stream is uneven: repeated cookies can be read (RFC 7465)", Do: onlyGood, Settings: weak},
	{Name: "suite.des", What: "a suite with DES is accepted", Why: "its keys of 56 bits are found in a day", Do: onlyGood, Settings: weak},
	{Name: "suite.3des", What: "a suite with 3DES is accepted", Why: "its blocks of 64 bits repeat after some gigabytes (SWEET32)", Do: onlyGood, Settings: weak},
	{Name: "suite.cbc", What: "a suite with CBC is accepted", Why: "padding is checked after decryption: every few years another attack measures it (Lucky 13, POODLE over TLS)", Do: onlyGood, Settings: weak},
	{Name: "suite.no-forward-secrecy", What: "a suite without forward secrecy is accepted", Why: "who records today and gets the key later reads everything", Do: onlyGood, Settings: weak},
}

var exchangeFaults = []Fault{
	{Name: "kex.dh-weak", What: "Diffie-Hellman uses a prime of less than 2048 bits", Why: "a state can break primes of 1024 bits, and many servers share the same", Do: "leave Diffie-Hellman out: the suites left use elliptic curves", Settings: weak,
		Instead: "Who has to keep it: openssl dhparam -out dh2048.pem 2048, named by ssl_dhparam, SSLOpenSSLConfCmd DHParameters, ssl-dh-param-file or dhparam."},
	{Name: "kex.dh-composite", What: "the modulus of Diffie-Hellman is no prime", Why: "it was damaged or made to be broken", Do: "leave Diffie-Hellman out: the suites left use elliptic curves", Settings: weak,
		Instead: "Find out who wrote the parameters."},
	{Name: "kex.curve-weak", What: "a group of less than 224 bits is accepted", Why: "the key of a connection can be computed", Do: "offer X25519, P-256 and P-384", Settings: []Setting{Groups}},
	{Name: "kex.no-pq", What: "no group with ML-KEM is accepted", Why: "what is recorded today can be read when quantum computers exist", Do: "offer X25519MLKEM768", Settings: []Setting{Protocols, Hybrid}},
}

var libraryFaults = []Fault{
	{Name: "tls.sweet32", What: "a cipher with blocks of 64 bits is accepted", Why: "blocks repeat after some gigabytes and tell what was in them", Do: onlyGood, Settings: weak},
	{Name: "tls.poodle", What: "SSLv3 with CBC is accepted", Why: "an attacker on the way makes browsers fall back to it and reads cookies", Do: onlyNew, Settings: modern},
	{Name: "tls.freak", What: "RSA of export strength is accepted", Why: "an attacker on the way turns the connection to a key of 512 bits and factors it", Do: onlyGood, Settings: weak},
	{Name: "tls.logjam", What: "Diffie-Hellman of export strength or with a prime that was broken is accepted", Why: "an attacker on the way turns the connection to it and computes the key", Do: onlyGood, Settings: weak},
	{Name: "tls.drown", What: "SSLv2 decrypts what newer protocols sent to the same key", Why: "recorded connections can be read", Do: onlyNew + ", with a new key", Settings: modern,
		Instead: "On every server that shares the key, mail servers too. " + renewing},
	{Name: "tls.compression", What: "TLS compresses", Why: "the length of what is sent tells cookies (CRIME)", Do: "turn compression off", Settings: []Setting{Compression}},
	{Name: "tls.insecure-renegotiation", What: "secure renegotiation is not known", Why: "an attacker on the way puts a request of his own before the visitor's (RFC 5746)", Do: upgrade,
		Instead: "OpenSSL 0.9.8m and Java 6u22 of 2010 have it, Go and everything later too; SSLInsecureRenegotiation of Apache has to be off.\n" + upgrading},
	{Name: "tls.client-renegotiation", What: "the client may begin new handshakes on a connection", Why: "each costs the server more than the client: a few clients keep it busy", Do: "refuse renegotiation by the client", Settings: []Setting{Renegotiation},
		Instead: "With OpenSSL directly: SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION); with openssl s_server leave out -client_renegotiation."},
	{Name: "tls.early-data", What: "data is taken before the handshake ends", Why: "whoever recorded it can send it again", Do: "take no early data", Settings: []Setting{EarlyData},
		Instead: "Who keeps it: answer 425 to unsafe requests with the field Early-Data: 1 (RFC 8470)."},
	{Name: "tls.no-fallback-scsv", What: "a client that says it fell back is not refused", Why: "an attacker on the way makes old clients use an older protocol than both know (RFC 7507)", Do: upgrade, Instead: "OpenSSL 1.0.1j of 2014 and Go 1.4 have it.\n" + upgrading},
	{Name: "tls.heartbleed", What: "heartbeats are answered with memory", Why: "anybody reads keys and passwords out of it (CVE-2014-0160)", Do: "upgrade OpenSSL, then new keys, then new passwords",
		Instead: "OpenSSL 1.0.1g and newer are mended.\n" + upgrading + "\nThen a new key: " + renewing + "\nThen revoke the old certificate: " + revoking},
	{Name: "tls.ccs-injection", What: "ChangeCipherSpec is taken too early", Why: "an attacker on the way reads and changes what is sent (CVE-2014-0224)", Do: upgrade, Instead: "OpenSSL 0.9.8za, 1.0.0m, 1.0.1h and newer are mended.\n" + upgrading},
	{Name: "tls.robot", What: "wrong paddings of RSA are told apart", Why: "recorded connections can be decrypted, and the server's signature forged (ROBOT)", Do: "leave out suites with RSA key exchange, upgrade the TLS library", Settings: weak,
		Instead: "The suites close it at once; the library or the appliance has to be upgraded all the same."},
	{Name: "tls.ticketbleed", What: "session ids come back with memory", Why: "anybody reads up to 31 bytes of it at a time (CVE-2016-9244)", Do: "upgrade F5 BIG-IP; until then no session tickets",
		Instead: "BIG-IP 11.6.1 HF2, 12.1.2 HF1 and newer are mended; until then disable Session Ticket in the client SSL profile."},
	{Name: "tls.intolerant", What: "a hello with values that do not exist yet is refused", Why: "clients with new suites or extensions cannot connect, or only after a fall back", Do: "upgrade what reads the hello, often a box in between",
		Instead: elsewhere},
	{Name: "tls.grease-intolerant", What: "a hello with a suite, a group, a scheme and a version that do not exist is refused", Why: "Chrome sends such in every hello (RFC 8701): it cannot connect", Do: "upgrade what reads the hello, often a box in between", Instead: elsewhere},
	{Name: "tls.extension-intolerant", What: "a hello with extensions that do not exist is refused", Why: "clients with new extensions cannot connect, or only after a fall back", Do: "upgrade what reads the hello, often a box in between", Instead: elsewhere},
	{Name: "tls.ech-intolerant", What: "a hello with an Encrypted Client Hello is refused", Why: "Chrome and Firefox send one to every server: they cannot connect", Do: "upgrade what reads the hello, often a box in between", Instead: elsewhere},
	{Name: "tls.size-intolerant", What: "a hello of a certain length is refused, mostly of more than 1,400 bytes or of 256 to 511", Why: "with a key of ML-KEM every hello is long, and other clients reach any length: they cannot connect", Do: "upgrade what reads the hello, often a box in between", Instead: elsewhere},
	{Name: "tls.record-intolerant", What: "a hello in several records is refused", Why: "long hellos come so: clients with keys of ML-KEM cannot connect", Do: "upgrade what reads the hello, often a box in between", Instead: elsewhere},
	{Name: "tls.version-intolerant", What: "a hello with a version that does not exist yet is refused", Why: "clients of the next version cannot connect, or only after a fall back", Do: "upgrade what reads the hello, often a box in between",
		Instead: elsewhere},
}

var pageFaults = []Fault{
	{Name: "http.hsts-missing", What: "the page has no Strict-Transport-Security", Why: "a visitor's first request, and each typed address, goes out in clear", Do: "send Strict-Transport-Security for two years", Settings: []Setting{Transport}},
	{Name: "http.hsts-short", What: "Strict-Transport-Security ends within two years", Why: "who comes back later than it says begins in clear again, and the lists that browsers ship ask for at least one", Do: "send it for two years, once a shorter time has shown that all of the site is reachable over TLS", Settings: []Setting{Transport}},
}

var targetFaults = []Fault{
	{Name: "target.no-handshake", What: "no handshake comes to its end", Why: "no visitor gets in", Do: "look in the server's error log: key and certificate that do not belong together, or no suite for the key",
		Instead: "openssl s_client -connect HOST:PORT -servername NAME </dev/null\nDo key and certificate belong together: openssl x509 -in cert.pem -noout -pubkey | openssl sha256; openssl pkey -in key.pem -pubout | openssl sha256"},
	{Name: "target.client-cert-required", What: "every visitor needs a certificate", Why: "what lies behind it was not looked at", Do: "nothing, if it is meant; scan again with --client-cert FILE", Instead: "It is no fault where visitors are machines of your own."},
	{Name: "target.sni-required", What: "without a known name there is no handshake", Why: "very old clients, and some monitors, send no name", Do: "nothing, if it is meant; otherwise a default server", Instead: "Browsers always send the name: it is no fault for a site."},
	{Name: "target.silent", What: "connections are taken, and nothing is said", Why: "no visitor gets in", Do: "look at what listens there", Instead: "ss -ltnp 'sport = :PORT'   # on the server"},
	{Name: "target.not-tls", What: "the address does not speak TLS", Why: "everything that is sent there can be read and changed", Do: "end TLS on it",
		Instead: "nginx: listen 443 ssl; Apache: SSLEngine on; HAProxy: bind :443 ssl crt FILE; Node: https.createServer; Go: ListenAndServeTLS; Caddy does by itself. Or the door before it: panoply serve :PORT"},
}
