package tlsscan_test

import (
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// TestGoServers holds the exact protocols, suites, groups and findings of servers whose
// configuration is known, as crypto/tls serves them.
func TestGoServers(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	inter := newAuthority(t, "intermediate", root, 1000*time.Hour)
	ended := newAuthority(t, "ended", root, -time.Hour)
	sent := func(c tls.Certificate, chain ...*authority) tls.Certificate {
		for _, a := range chain {
			c.Certificate = append(c.Certificate, a.cert.Raw)
		}
		return c
	}
	good := sent(leaf{}.make(t, inter), inter)
	byRSA := sent(leaf{rsa: 2048}.make(t, inter), inter)
	three := []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	four := []string{"X25519MLKEM768", "secp256r1", "secp384r1", "x25519"}
	mustStaple := []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
	for _, tc := range []struct {
		name     string
		config   *tls.Config
		suites   map[string][]string
		groups   map[string][]string
		findings []string // beside cert.no-sct, which all have
		old      []string // reasons against 5.8/old
		middle   []string // reasons against 6.0/intermediate
	}{
		{name: "modern", config: &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS13, CurvePreferences: groups},
			suites: map[string][]string{"TLSv1.3": three}, groups: map[string][]string{"TLSv1.3": four}, old: []string{"certificate_type", "certificate_signature"}},
		{name: "two certificates", config: &tls.Config{Certificates: []tls.Certificate{good, byRSA}, CipherSuites: intermediate, CurvePreferences: groups},
			suites: map[string][]string{"TLSv1.3": three, "TLSv1.2": {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
				"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}},
			groups: map[string][]string{"TLSv1.3": four, "TLSv1.2": four[1:]}, old: []string{"certificate_signature"}},
		{name: "ML-KEM only", config: &tls.Config{Certificates: []tls.Certificate{good}, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.SecP384r1MLKEM1024}, MinVersion: tls.VersionTLS13},
			suites: map[string][]string{"TLSv1.3": three}, groups: map[string][]string{"TLSv1.3": {"SecP384r1MLKEM1024", "X25519MLKEM768"}},
			old: []string{"groups", "certificate_type", "certificate_signature"}, middle: []string{"groups"}},
		{name: "old", config: &tls.Config{Certificates: []tls.Certificate{byRSA}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.CurveP256},
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA}},
			suites: map[string][]string{
				"TLSv1.0": {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA"},
				"TLSv1.1": {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA"},
				"TLSv1.2": {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA"}},
			groups:   map[string][]string{"TLSv1.2": {"secp256r1"}},
			findings: []string{"kex.no-pq", "protocol.no-tls1.3", "protocol.tls1.0", "protocol.tls1.1", "suite.3des", "suite.cbc", "suite.no-forward-secrecy", "suite.rc4", "tls.sweet32"},
			old:      []string{"suites", "certificate_signature"}, middle: []string{"protocols", "suites"}},
		{name: "expired", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{until: -time.Hour}.make(t, inter), inter)}},
			findings: []string{"cert.expired"}, middle: []string{"certificate_trust"}},
		{name: "not yet", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{from: 48 * time.Hour}.make(t, inter), inter)}},
			findings: []string{"cert.not-yet-valid"}, middle: []string{"certificate_trust"}},
		{name: "intermediate expired", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{}.make(t, ended), ended)}},
			findings: []string{"cert.intermediate-expired"}, middle: []string{"certificate_trust"}},
		{name: "intermediate not sent", config: &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, inter)}},
			findings: []string{"cert.chain-incomplete"}, middle: []string{"certificate_trust"}},
		{name: "another name", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{names: []string{"other.test"}}.make(t, inter), inter)}},
			findings: []string{"cert.name-mismatch"}, middle: []string{"certificate_name"}},
		{name: "small key", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{rsa: 1024}.make(t, inter), inter)}},
			findings: []string{"cert.rsa-small"}, middle: []string{"rsa_key_size"}},
		{name: "curve of 521 bits", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{curve: elliptic.P521()}.make(t, inter), inter)}},
			middle: []string{"certificate_curve"}},
		{name: "long", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{until: 800 * 24 * time.Hour}.make(t, inter), inter)}},
			findings: []string{"cert.lifetime-long"}, middle: []string{"certificate_lifespan"}},
		{name: "turned", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{}.make(t, inter), root, inter)}},
			findings: []string{"cert.chain-has-root", "cert.chain-order"}},
		{name: "no staple where one must be", config: &tls.Config{Certificates: []tls.Certificate{sent(leaf{extra: mustStaple}.make(t, inter), inter)}},
			findings: []string{"ocsp.must-staple-missing"}},
		{name: "only with a name", config: &tls.Config{Certificates: []tls.Certificate{good}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if h.ServerName == "" {
				return nil, x509.UnknownAuthorityError{}
			}
			return nil, nil
		}}, findings: []string{"target.sni-required"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.config.CipherSuites == nil {
				tc.config.CipherSuites = intermediate
			}
			if tc.config.CurvePreferences == nil {
				tc.config.CurvePreferences = groups
			}
			r := scan(t, serve(t, tc.config), root.cert)
			if tc.suites != nil && !reflect.DeepEqual(r.Suites, tc.suites) {
				t.Errorf("suites = %v, want %v", r.Suites, tc.suites)
			}
			if tc.groups != nil && !reflect.DeepEqual(r.Groups, tc.groups) {
				t.Errorf("groups = %v, want %v", r.Groups, tc.groups)
			}
			want := append([]string{"cert.no-sct"}, tc.findings...)
			slices.Sort(want)
			if !slices.Equal(r.Findings, want) {
				t.Errorf("findings = %v, want %v\n%v", r.Findings, want, r.Evidence)
			}
			if tc.old != nil && !slices.Equal(r.Mozilla["5.8/old"].Reasons, tc.old) {
				t.Errorf("old: %v, want %v", r.Mozilla["5.8/old"].Reasons, tc.old)
			}
			if got := r.Mozilla["6.0/intermediate"]; !slices.Equal(got.Reasons, tc.middle) && len(got.Reasons)+len(tc.middle) > 0 {
				t.Errorf("intermediate: %v, want %v", got.Reasons, tc.middle)
			}
			if h := r.Features.HSTS; h == nil || *h != 63072000 {
				t.Errorf("HSTS = %v, want two years", h)
			}
			if len(r.Incomplete) > 0 || r.Connections > 60 {
				t.Errorf("incomplete: %v, %d connections", r.Incomplete, r.Connections)
			}
		})
	}
}

func TestFeatures(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{}.make(t, root)
	r := scan(t, serve(t, &tls.Config{Certificates: []tls.Certificate{good}, NextProtos: []string{"h2", "http/1.1"}, CipherSuites: intermediate, CurvePreferences: groups}), root.cert)
	f := r.Features
	for name, got := range map[string]*bool{
		"secure renegotiation": f.SecureRenegotiation, "extended master secret": f.ExtendedMaster, "ticket": f.TicketOffered, "fallback": f.FallbackSCSV, "resumption": f.ResumesTicket,
	} {
		if got == nil || !*got {
			t.Errorf("%s is missing", name)
		}
	}
	if f.ClientRenegotiation == nil || *f.ClientRenegotiation || f.EarlyData == nil || *f.EarlyData {
		t.Errorf("client renegotiation %v, early data %v, want both tested and false", f.ClientRenegotiation, f.EarlyData)
	}
	if !slices.Equal(f.ALPN, []string{"h2", "http/1.1"}) || f.ClientAuth != "none" {
		t.Errorf("ALPN %v, client certificates %q", f.ALPN, f.ClientAuth)
	}
	if r.Connections > 30 {
		t.Errorf("%d connections, want at most 30", r.Connections)
	}
}

func TestClientCertificates(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := leaf{}.make(t, root)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := serve(t, &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: version})
		r := scan(t, addr, root.cert)
		if !slices.Contains(r.Findings, "target.client-cert-required") || r.Features.HSTS != nil || r.NotTested["http.hsts-missing"] == "" {
			t.Errorf("%x: findings %v, HSTS %v, not tested %v", version, r.Findings, r.Features.HSTS, r.NotTested)
		}
		if v := r.Mozilla["6.0/intermediate"]; !slices.Equal(v.Untested, []string{"hsts"}) {
			t.Errorf("%x: the verdict says untested %v, want hsts", version, v.Untested)
		}
		with, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", ClientCertificate: &good})
		if err != nil || with.Features.HSTS == nil {
			t.Errorf("%x: with a certificate the page was not read: %v, %v", version, err, with.NotTested)
		}
	}
	addr := serve(t, &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequestClientCert})
	if r := scan(t, addr, root.cert); r.Features.ClientAuth != "requested" || slices.Contains(r.Findings, "target.client-cert-required") {
		t.Errorf("client certificates %q, findings %v", r.Features.ClientAuth, r.Findings)
	}
}

func TestOptions(t *testing.T) {
	_, err := tlsscan.Scan(t.Context(), "nowhere", tlsscan.Options{MaxConnections: 401, Parallel: -1, Timeout: -1})
	if err == nil {
		t.Fatal("impossible options were taken")
	}
	for _, word := range []string{"nowhere", "401", "Parallel", "Timeout"} {
		if !contains(err.Error(), word) {
			t.Errorf("the error %q lacks %q", err, word)
		}
	}
}
