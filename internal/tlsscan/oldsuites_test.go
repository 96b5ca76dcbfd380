package tlsscan_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
)

// TestOldSuitesOnly holds that of a server with nothing but a cipher of Japan or Korea is
// told what only a finished handshake shows.
func TestOldSuitesOnly(t *testing.T) {
	openssl := need.Program(t, "openssl")
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	for _, tc := range []struct{ version, cipher, suite string }{
		{"-tls1_2", "ECDHE-RSA-CAMELLIA256-SHA384", "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"},
		{"-tls1_2", "ECDHE-ARIA128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"},
		{"-tls1", "SEED-SHA", "TLS_RSA_WITH_SEED_CBC_SHA"},
	} {
		id := leaf{rsa: 2048}.make(t, root)
		key, err := x509.MarshalPKCS8PrivateKey(id.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: id.Certificate[0]})
		pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
		file := filepath.Join(t.TempDir(), "id.pem")
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		addr := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
		cmd := exec.CommandContext(t.Context(), openssl, "s_server", "-accept", addr, "-cert", file, "-www", "-quiet", tc.version,
			"-cipher", tc.cipher+":@SECLEVEL=0", "-client_renegotiation", "-provider", "legacy", "-provider", "default")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		listens(t, addr)
		r := scan(t, addr, root.cert)
		var suites []string
		for _, s := range r.Suites {
			suites = append(suites, s...)
		}
		f := r.Features
		if !slices.Equal(suites, []string{tc.suite}) || f.ClientRenegotiation == nil || !*f.ClientRenegotiation || f.ResumesTicket == nil || f.HSTS == nil || len(r.Incomplete) > 0 {
			t.Errorf("%s: suites %v, features %+v, not tested %v, incomplete %v", tc.cipher, suites, f, r.NotTested, r.Incomplete)
		}
		if r.NotTested["http.hsts-missing"] != "" || !slices.Contains(r.Findings, "http.hsts-missing") {
			t.Errorf("%s: findings %v, not tested %v: the page was not read", tc.cipher, r.Findings, r.NotTested)
		}
	}
}

// listens waits until somebody takes connections.
func listens(t *testing.T, addr string) {
	t.Helper()
	for range 600 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nobody listens at %s", addr)
}
