package mend_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// TestOpenSSLRenegotiation: what a program on OpenSSL itself has to leave out.
func TestOpenSSLRenegotiation(t *testing.T) {
	t.Parallel()
	openssl := need.Program(t, "openssl")
	s := newSite(t)
	for _, more := range [][]string{{"-client_renegotiation"}, nil} {
		port := need.Port(t)
		args := append([]string{"s_server", "-quiet", "-www", "-tls1_2", "-accept", "127.0.0.1:" + strconv.Itoa(port),
			"-cert", filepath.Join(s.dir, "cert.pem"), "-cert_chain", filepath.Join(s.dir, "intermediate.pem"), "-key", filepath.Join(s.dir, "key.pem")}, more...)
		run(t, port, func() {
			found := slices.Contains(s.scan(t, port).Findings, "tls.client-renegotiation")
			if found != (more != nil) {
				t.Errorf("openssl s_server %v: found = %v", more, found)
			}
		}, openssl, args...)
	}
}
