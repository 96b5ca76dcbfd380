package tlsscan

import (
	"strings"
	"testing"
)

// graded is a report that gets A+, changed.
func graded(change func(*Report)) *Report {
	age := 63072000
	r := &Report{
		Protocols: []string{"TLSv1.2", "TLSv1.3"},
		Suites: map[string][]string{
			"TLSv1.2": {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
			"TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"},
		},
		Certificates: []Certificate{{Subject: "CN=app.test", Key: "rsa", Bits: 2048, Signature: "sha256WithRSAEncryption", Trusted: true, NameOK: true}},
		Features:     Features{HSTS: &age, sentHSTS: true},
	}
	change(r)
	return r
}

func found(names ...string) func(*Report) {
	return func(r *Report) { r.Findings = append(r.Findings, names...) }
}

// accepts adds a suite in a protocol.
func accepts(version, suite string) func(*Report) {
	return func(r *Report) {
		if !has(r.Protocols, version) {
			r.Protocols = append(r.Protocols, version)
		}
		r.Suites[version] = append(r.Suites[version], suite)
	}
}

// only leaves one protocol with these suites.
func only(version string, suites ...string) func(*Report) {
	return func(r *Report) {
		r.Protocols, r.Suites = []string{version}, map[string][]string{version: suites}
	}
}

func key(kind string, bits int) func(*Report) {
	return func(r *Report) { r.Certificates[0].Key, r.Certificates[0].Bits = kind, bits }
}

func untrusted(findings ...string) func(*Report) {
	return func(r *Report) {
		r.Certificates[0].Trusted = false
		r.Findings = append(r.Findings, findings...)
	}
}

func hsts(age int, sent bool) func(*Report) {
	return func(r *Report) { r.Features.HSTS, r.Features.sentHSTS = &age, sent }
}

// TestGrade holds each cap, each warning and each mark. Where the grade of testssl 3.3dev
// of June 2026 was seen on a server of that kind it is the same, but for what testssl
// says.
func TestGrade(t *testing.T) {
	const gcm = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
	for _, tc := range []struct {
		name    string
		change  func(*Report)
		want    string
		score   int
		cap     string // a part of the worst reason, with the grade
		warning string
		testssl string
	}{
		{name: "intermediate", change: func(*Report) {}, want: "A+", score: 93},
		{name: "modern", change: func(r *Report) {
			only("TLSv1.3", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")(r)
			key("ecdsa", 256)(r)
		}, want: "A+", score: 96},
		{name: "no TLS 1.3", change: only("TLSv1.2", gcm), want: "A-", score: 97, warning: "TLS 1.3"},
		{name: "TLS 1.1", change: accepts("TLSv1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), want: "B", score: 92, cap: "B TLS 1.1"},
		{name: "TLS 1.0", change: accepts("TLSv1.0", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), want: "B", score: 91, cap: "B TLS 1.0"},
		{name: "TLS 1.1 alone", change: only("TLSv1.1", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"), want: "C", score: 95, cap: "C neither", warning: "TLS 1.3"},
		{name: "TLS 1.0 alone is open to BEAST", change: only("TLSv1.0", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"), want: "C", score: 94, cap: "B BEAST", warning: "TLS 1.3"},
		{name: "SSLv3 too", change: func(r *Report) {
			accepts("SSLv3", "TLS_RSA_WITH_AES_128_CBC_SHA")(r)
			found("tls.poodle")(r)
		}, want: "C", score: 90, cap: "C POODLE"},
		{name: "SSLv3 too, without CBC", change: accepts("SSLv3", "TLS_RSA_WITH_RC4_128_SHA"), want: "B", score: 90, cap: "B SSLv3"},
		{name: "SSLv3 alone", change: only("SSLv3", "TLS_RSA_WITH_AES_128_CBC_SHA"), want: "F", score: 83, cap: "F SSLv3 is the best", warning: "TLS 1.3"},
		{name: "SSLv2", change: accepts("SSLv2", "SSL_CK_RC4_128_WITH_MD5"), want: "F", cap: "F SSLv2"},
		{name: "export", change: accepts("TLSv1.2", "TLS_RSA_EXPORT_WITH_RC4_40_MD5"), want: "F", cap: "F a suite made weak"},
		{name: "no encryption", change: accepts("TLSv1.2", "TLS_RSA_WITH_NULL_SHA256"), want: "F", cap: "F a cipher of less than 112"},
		{name: "single DES", change: accepts("TLSv1.2", "TLS_RSA_WITH_DES_CBC_SHA"), want: "F", cap: "F a cipher of less than 112"},
		{name: "3DES in TLS 1.2", change: accepts("TLSv1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"), want: "C", score: 93, cap: "C a cipher with blocks of 64", testssl: "A+"},
		{name: "3DES in TLS 1.0", change: accepts("TLSv1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"), want: "B", score: 91, cap: "B TLS 1.0"},
		{name: "RC4 in TLS 1.2", change: accepts("TLSv1.2", "TLS_RSA_WITH_RC4_128_SHA"), want: "C", score: 93, cap: "C RC4 in TLS 1.1", testssl: "B"},
		{name: "RC4 in TLS 1.0", change: accepts("TLSv1.0", "TLS_RSA_WITH_RC4_128_SHA"), want: "B", score: 91, cap: "B RC4"},
		{name: "no AEAD", change: only("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"), want: "B", score: 97, cap: "B no suite with auth", warning: "TLS 1.3", testssl: "A-"},
		{name: "no forward secrecy", change: only("TLSv1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384"), want: "B", score: 97, cap: "B no suite with forward", warning: "TLS 1.3"},
		{name: "ciphers of 128 bits only", change: only("TLSv1.3", "TLS_AES_128_GCM_SHA256"), want: "A+", score: 89},
		{name: "RSA 4096", change: key("rsa", 4096), want: "A+", score: 96},
		{name: "RSA 1024", change: key("rsa", 1024), want: "B", score: 90, cap: "B a weak key"},
		{name: "RSA 768", change: key("rsa", 768), want: "F", score: 78, cap: "F a key"},
		{name: "RSA 384", change: key("rsa", 384), want: "F", score: 72, cap: "F a key"},
		{name: "EC 224", change: key("ecdsa", 224), want: "A+", score: 93},
		{name: "EC 160", change: key("ecdsa", 160), want: "B", score: 90, cap: "B a weak key"},
		{name: "EC 112", change: key("ecdsa", 112), want: "F", score: 78, cap: "F a key"},
		{name: "EC 100", change: key("ecdsa", 100), want: "F", score: 72, cap: "F a key"},
		{name: "the weaker of two keys", change: func(r *Report) {
			c := r.Certificates[0]
			c.Key, c.Bits = "ecdsa", 256
			r.Certificates = append(r.Certificates, c)
		}, want: "A+", score: 93},
		{name: "Diffie-Hellman with 1024 bits", change: func(r *Report) { r.DHBits = []int{4096, 1024} }, want: "B", score: 90, cap: "B a weak key", testssl: "A+"},
		{name: "Diffie-Hellman with 768 bits", change: func(r *Report) { r.DHBits = []int{768} }, want: "F", score: 78, cap: "F a key", testssl: "A+"},
		{name: "no trust", change: untrusted("cert.untrusted"), want: "T", cap: "T no trusted root"},
		{name: "expired", change: untrusted("cert.expired"), want: "T", cap: "T the certificate has ended"},
		{name: "not yet valid", change: untrusted("cert.not-yet-valid"), want: "T", cap: "T the certificate is not valid yet"},
		{name: "intermediate expired", change: untrusted("cert.intermediate-expired"), want: "T", cap: "T a certificate of the chain"},
		{name: "self-signed", change: untrusted("cert.self-signed", "cert.untrusted"), want: "T", cap: "T the certificate of CN=app.test is signed by itself"},
		{name: "SHA-1", change: untrusted("cert.sha1"), want: "T", cap: "T SHA-1"},
		{name: "MD5", change: func(r *Report) {
			untrusted("cert.sha1")(r)
			r.Certificates[0].Signature = "md5WithRSAEncryption"
		}, want: "T", cap: "F the certificate of CN=app.test is signed by md5"},
		{name: "revoked", change: found("cert.revoked"), want: "T", cap: "T the certificate is revoked"},
		{name: "a staple says revoked", change: found("ocsp.revoked"), want: "T", cap: "T the certificate is revoked"},
		{name: "chain incomplete", change: untrusted("cert.chain-incomplete"), want: "B", score: 93, cap: "B the chain"},
		{name: "another name", change: func(r *Report) { r.Certificates[0].NameOK = false }, want: "M", cap: "M the certificate"},
		{name: "another name and no trust", change: func(r *Report) {
			r.Certificates[0].NameOK = false
			untrusted("cert.untrusted")(r)
		}, want: "T", cap: "M the certificate"},
		{name: "another name and Heartbleed", change: func(r *Report) {
			r.Certificates[0].NameOK = false
			found("tls.heartbleed")(r)
		}, want: "M", cap: "F Heartbleed"},
		{name: "exponent 1", change: found("cert.rsa-exponent"), want: "F", cap: "F the RSA key"},
		{name: "Heartbleed", change: found("tls.heartbleed"), want: "F", cap: "F Heartbleed"},
		{name: "CCS injection", change: found("tls.ccs-injection"), want: "F", cap: "F CCS"},
		{name: "Ticketbleed", change: found("tls.ticketbleed"), want: "F", cap: "F Ticketbleed"},
		{name: "ROBOT", change: found("tls.robot"), want: "F", cap: "F ROBOT"},
		{name: "DROWN", change: found("tls.drown"), want: "F", cap: "F DROWN"},
		{name: "CRIME", change: found("tls.compression"), want: "C", score: 93, cap: "C CRIME"},
		{name: "insecure renegotiation", change: found("tls.insecure-renegotiation"), want: "A-", score: 93, warning: "renegotiation"},
		{name: "HSTS of a day", change: hsts(86400, true), want: "A-", score: 93, warning: "180 days"},
		{name: "HSTS of 180 days", change: hsts(15552000, true), want: "A+", score: 93},
		{name: "HSTS off", change: hsts(0, true), want: "A-", score: 93, warning: "no max-age"},
		{name: "no HSTS costs nothing", change: hsts(0, false), want: "A+", score: 93},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gradeOf(graded(tc.change))
			if g.Grade != tc.want || g.Score != tc.score || g.Testssl != tc.testssl {
				t.Errorf("gradeOf = %+v, want %s, score %d, testssl %q", g, tc.want, tc.score, tc.testssl)
			}
			var reasons []string
			for _, c := range g.Caps {
				reasons = append(reasons, c.Grade+" "+c.Reason)
			}
			if all := strings.Join(reasons, "\n"); !strings.Contains("\n"+all, "\n"+tc.cap) || tc.cap == "" && all != "" {
				t.Errorf("caps are %q, want %q among them", all, tc.cap)
			}
			if all := strings.Join(g.Warnings, "\n"); !strings.Contains(all, tc.warning) || tc.warning == "" && all != "" {
				t.Errorf("warnings are %q, want %q", all, tc.warning)
			}
		})
	}
}

// TestGradeUntested holds that a grade says what could still make it worse.
func TestGradeUntested(t *testing.T) {
	g := gradeOf(graded(func(r *Report) {
		r.NotTested = map[string]string{"tls.robot": "elsewhere with --active only"}
		r.Features.HSTS, r.Certificates, r.Incomplete = nil, nil, []string{"the time ran out"}
	}))
	if got := strings.Join(g.Untested, ","); got != "tls.robot,certificate,hsts,what the scan could not finish" {
		t.Errorf("untested is %s", got)
	}
	if g.Grade != "unknown" || g.Score != 0 {
		t.Errorf("without a certificate the grade is %s, score %d", g.Grade, g.Score)
	}
	if gradeOf(&Report{}) != nil {
		t.Error("a server that speaks nothing has a grade")
	}
}
