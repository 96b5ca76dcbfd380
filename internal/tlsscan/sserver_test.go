package tlsscan_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

const aead = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"

// TestSServers holds the exact report of servers that crypto/tls cannot play, as openssl
// s_server plays them.
func TestSServers(t *testing.T) {
	three := []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
	gcm := []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}
	curves := []string{"secp256r1", "secp384r1", "secp521r1", "x25519", "x448"}
	all := append([]string{"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}, curves...)
	for _, tc := range []struct {
		name           string
		args           []string
		suites, groups map[string][]string
		dh             []int
		findings       []string // beside those that all have
		alpn           []string
		most           int // connections
	}{
		{name: "keys shared before", args: []string{"-tls1_2", "-nocert", "-psk", "aabbccdd", "-cipher", "DHE-PSK-AES128-GCM-SHA256:ECDHE-PSK-AES128-CBC-SHA256:PSK-AES128-CCM:@SECLEVEL=0", "-groups", "X448:P-521"},
			suites:   map[string][]string{"TLSv1.2": {"TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", "TLS_PSK_WITH_AES_128_CCM"}},
			groups:   map[string][]string{"TLSv1.2": {"secp521r1", "x448"}},
			dh:       []int{1024},
			findings: []string{"kex.dh-weak", "protocol.no-tls1.3", "suite.cbc", "suite.no-forward-secrecy"}},
		{name: "all suites of TLS 1.3", args: []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256"},
			suites:   map[string][]string{"TLSv1.3": {"TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}},
			groups:   map[string][]string{"TLSv1.3": all},
			findings: []string{"http.hsts-missing"}, alpn: []string{}},
		{name: "one suite of TLS 1.3", args: []string{"-no_tls1", "-no_tls1_1", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-cipher", aead},
			suites:   map[string][]string{"TLSv1.2": gcm, "TLSv1.3": three[2:]},
			groups:   map[string][]string{"TLSv1.2": curves, "TLSv1.3": all},
			findings: []string{"http.hsts-missing"}, alpn: []string{}},
		{name: "order of the server", args: []string{"-serverpref", "-no_tls1", "-no_tls1_1", "-cipher", aead, "-groups", "X25519:P-256:P-384", "-alpn", "h2,http/1.1"},
			suites:   map[string][]string{"TLSv1.2": gcm, "TLSv1.3": three},
			groups:   map[string][]string{"TLSv1.2": {"secp256r1", "secp384r1", "x25519"}, "TLSv1.3": {"secp256r1", "secp384r1", "x25519"}},
			findings: []string{"http.hsts-missing"}, alpn: []string{"h2", "http/1.1"}, most: 30},
		{name: "client certificate in TLS 1.2", args: []string{"-Verify", "1", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-groups", "brainpoolP384r1:secp256k1", "-alpn", "h2,http/1.1"},
			suites:   map[string][]string{"TLSv1.2": gcm[:1]},
			groups:   map[string][]string{"TLSv1.2": {"brainpoolP384r1", "secp256k1"}},
			findings: []string{"protocol.no-tls1.3", "target.client-cert-required"}, alpn: []string{"h2", "http/1.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := newAuthority(t, "root", nil, 1000*time.Hour)
			r := scan(t, sServer(t, root, tc.args...), root.cert)
			if !reflect.DeepEqual(r.Suites, tc.suites) {
				t.Errorf("suites %v, want %v", r.Suites, tc.suites)
			}
			if !reflect.DeepEqual(r.Groups, tc.groups) {
				t.Errorf("groups %v, want %v", r.Groups, tc.groups)
			}
			if !slices.Equal(r.DHBits, tc.dh) {
				t.Errorf("primes of %v bits, want %v", r.DHBits, tc.dh)
			}
			want := append([]string{"kex.no-pq"}, tc.findings...)
			if len(r.Certificates) > 0 {
				want = append(want, "cert.no-sct")
			}
			slices.Sort(want)
			if !slices.Equal(r.Findings, want) {
				t.Errorf("findings %v, want %v", r.Findings, want)
			}
			if !reflect.DeepEqual(r.Features.ALPN, tc.alpn) {
				t.Errorf("ALPN %v, want %v", r.Features.ALPN, tc.alpn)
			}
			if len(r.Incomplete) > 0 {
				t.Errorf("incomplete: %v", r.Incomplete)
			}
			if tc.most > 0 && r.Connections > tc.most {
				t.Errorf("%d connections, at most %d", r.Connections, tc.most)
			}
		})
	}
}

// sServer starts openssl s_server with an RSA key that the authority signed, and returns
// its address.
func sServer(t *testing.T, by *authority, args ...string) string {
	t.Helper()
	openssl := need.Program(t, "openssl")
	made := leaf{rsa: 2048}.make(t, by)
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(need.Port(t)))
	if !slices.Contains(args, "-nocert") {
		args = append(args, "-cert", file)
	}
	cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_server", "-accept", addr, "-www", "-quiet"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 600 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("openssl s_server does not listen")
	return ""
}

// TestWholeAfterAHangUp holds that a server that hung up once was scanned as a whole all the
// same: what was not asked for elsewhere, such as DNS, does not count against that.
func TestWholeAfterAHangUp(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	good := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CipherSuites: intermediate})
	g := &gate{behind: []string{good}, open: func(n int) verdict {
		if n == 1 {
			return hangUp
		}
		return pass
	}}
	r, err := tlsscan.Scan(t.Context(), raw(t, g.serve), tlsscan.Options{ServerName: "app.test", Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.NotTested["dns.caa"] == "" {
		t.Error("dns.caa of a name of this machine was tested")
	}
	if len(r.Incomplete) > 0 {
		t.Errorf("incomplete: %v", r.Incomplete)
	}
}
