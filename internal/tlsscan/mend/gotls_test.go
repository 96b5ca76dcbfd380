package mend_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

const program = `package main

import (
	"crypto/tls"
	"net/http"
	"os"
)

func main() {
	cert, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	if err != nil {
		panic(err)
	}
	srv := http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
%s
		w.Write([]byte("ok"))
	}), TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{cert},
%s
	}}
	panic(srv.ListenAndServeTLS("", ""))
}
`

// TestGo mends programs whose tls.Config is as bad as crypto/tls lets it be.
func TestGo(t *testing.T) {
	gotool := need.Program(t, "go")
	for _, tt := range []struct {
		name   string
		config []string
		want   []string
	}{
		{"old", []string{
			"MinVersion: tls.VersionTLS10,", "CurvePreferences: []tls.CurveID{tls.CurveP256, tls.CurveP521},",
			"CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},",
		}, []string{"protocol.tls1.0", "protocol.tls1.1", "suite.cbc", "suite.3des", "suite.no-forward-secrecy", "tls.sweet32", "http.hsts-missing"}},
		{"RC4", []string{
			"MaxVersion: tls.VersionTLS12,", "CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},",
			"CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA},",
		}, []string{
			"protocol.no-tls1.3", "suite.cbc", "suite.3des", "suite.rc4", "suite.no-forward-secrecy", "tls.sweet32", "kex.no-pq", "http.hsts-missing",
		}},
		{"as Go has it", nil, []string{"suite.cbc", "http.hsts-missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			bad{mend.Go, true, tt.want, func(t *testing.T, lines []string) (r *tlsscan.Report) {
				t.Helper()
				handler, config := split(apply(tt.config, lines, field), "w.")
				dir, port := t.TempDir(), need.Port(t)
				source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "server")
				must(t, os.WriteFile(source, fmt.Appendf(nil, program, handler, config), 0o600))
				if out, err := exec.Command(gotool, "build", "-o", binary, source).CombinedOutput(); err != nil {
					t.Fatalf("go build: %v\n%s\n%s", err, out, strings.Join(lines, "\n"))
				}
				run(t, port, func() { r = s.scan(t, port) }, binary, fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(s.dir, "fullchain.pem"), filepath.Join(s.dir, "key.pem"))
				return r
			}}.prove(t)
		})
	}
}
