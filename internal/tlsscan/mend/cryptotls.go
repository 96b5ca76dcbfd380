package mend

import (
	"strings"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

func caddy() program {
	const tls, site = 0, 1
	older, _, _ := tlsscan.Guideline()
	curves := func(hybrid bool) answer {
		return at(tls, "curves "+strings.Join(groups(hybrid, map[string]string{
			"X25519MLKEM768": "x25519mlkem768", "x25519": "x25519", "secp256r1": "secp256r1", "secp384r1": "secp384r1",
		}), " "))
	}
	return program{
		comment: "#", hybrid: "Caddy 2.10 or newer, where it is the default",
		places: []place{
			{where: "in the site's block; with files of your own tls CERT KEY { … }", open: "tls {", end: "}"},
			{where: "in the site's block"},
		},
		answers: [settings]answer{
			Protocols:     at(tls, "protocols tls1.2 tls1.3"),
			Suites:        at(tls, "ciphers "+strings.Join(older, " ")),
			Suites13:      words("Caddy: the suites of TLS 1.3 are fixed, and are the guideline's: what answers here is another program"),
			Groups:        curves(false),
			Hybrid:        curves(true),
			Renegotiation: words("Caddy: " + neverRenegotiates),
			Compression:   words("Caddy: " + neverCompresses),
			EarlyData:     words("Caddy: " + noEarlyData),
			Chain:         at(site, "tls /etc/ssl/site/fullchain.pem /etc/ssl/site/key.pem").and(words("or no line at all: Caddy gets certificate and chain by itself")),
			Staple:        words("Caddy staples by itself, if it reaches the responder that the certificate names: let it out to port 80"),
			Transport:     at(site, `header Strict-Transport-Security "`+twoYears+`"`),
		},
	}
}

func golang() program {
	const config, handler = 0, 1
	older, _, _ := tlsscan.Guideline()
	curves := func(hybrid bool) answer {
		return at(config, "CurvePreferences: []tls.CurveID{"+strings.Join(groups(hybrid, map[string]string{
			"X25519MLKEM768": "tls.X25519MLKEM768", "x25519": "tls.X25519", "secp256r1": "tls.CurveP256", "secp384r1": "tls.CurveP384",
		}), ", ")+"},")
	}
	return program{
		comment: "//",
		places: []place{
			{where: "in the server's tls.Config, instead of the fields of the same name (tlspolicy.Intermediate of this module has them all)"},
			{where: "in the handler, before anything is written"},
		},
		answers: [settings]answer{
			Protocols:     at(config, "MinVersion: tls.VersionTLS12,", "MaxVersion: tls.VersionTLS13,"),
			Suites:        at(config, "CipherSuites: []uint16{tls."+strings.Join(older, ", tls.")+"},"),
			Suites13:      words("Go: the suites of TLS 1.3 are fixed, and are the guideline's: what answers here is another program"),
			Groups:        curves(true), // every version in use has them
			Hybrid:        curves(true),
			Renegotiation: words("Go: " + neverRenegotiates),
			Compression:   words("Go: " + neverCompresses),
			EarlyData:     words("Go: " + noEarlyData),
			Chain:         words(`tls.LoadX509KeyPair("fullchain.pem", "key.pem"): the first file has the certificate, then its intermediates`),
			Staple:        words("cert.OCSPStaple = staple, fetched each day: golang.org/x/crypto/ocsp has CreateRequest and ParseResponseForCert; GetCertificate hands out the newest"),
			Transport:     at(handler, `w.Header().Set("Strict-Transport-Security", "`+twoYears+`")`),
		},
	}
}
