package tlsscan_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
)

// TestOpenSSLAuthority holds that a list and a responder of OpenSSL are understood.
func TestOpenSSLAuthority(t *testing.T) {
	openssl := need.Program(t, "openssl")
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := x509.MarshalPKCS8PrivateKey(root.key)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw})))
	write("crlnumber", "01\n")
	write("ca.cnf", "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n")
	at := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	made := leaf{ocsp: []string{"http://" + at + "/"}}.make(t, root)
	cert := parsed(t, made)
	made.Certificate = append(made.Certificate, root.cert.Raw)
	addr := serve(t, &tls.Config{Certificates: []tls.Certificate{made}})
	const stamp = "060102150405Z"
	serial := fmt.Sprintf("%X", cert.SerialNumber)
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	ends := cert.NotAfter.UTC().Format(stamp)
	for want, line := range map[string]string{
		"good":    fmt.Sprintf("V\t%s\t\t%s\tunknown\t/CN=app.test\n", ends, serial),
		"revoked": fmt.Sprintf("R\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=app.test\n", ends, time.Now().Add(-time.Hour).UTC().Format(stamp), serial),
	} {
		write("index.txt", line)
		made := exec.CommandContext(t.Context(), openssl, "ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem", "-out", "crl.pem")
		made.Dir = dir
		if out, err := made.CombinedOutput(); err != nil {
			t.Fatalf("openssl ca: %v\n%s", err, out)
		}
		text, err := os.ReadFile(filepath.Join(dir, "crl.pem"))
		if err != nil {
			t.Fatal(err)
		}
		lists, err := tlsscan.ReadCRLs(text)
		if err != nil {
			t.Fatal(err)
		}
		stop := responder(t, openssl, dir, at)
		for name, o := range map[string]tlsscan.Options{"list": {CRLs: lists}, "responder": {FetchRevocation: true, Timeout: 20 * time.Second}} {
			o.ServerName, o.Roots = "app.test", []*x509.Certificate{root.cert}
			r, err := tlsscan.Scan(t.Context(), addr, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Certificates[0].Revocation; got != want {
				t.Errorf("OpenSSL's %s says %q, want %q: %s%s", name, got, want, r.NotTested["cert.revoked"], r.Evidence["cert.revoked"])
			}
		}
		stop()
	}
}

// responder starts OpenSSL's and waits until it says that it listens: one connection
// without a request would make it wait for ever.
func responder(t *testing.T, openssl, dir, at string) (stop func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	said, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, openssl, "ocsp", "-index", "index.txt", "-port", port, "-rsigner", "ca.pem", "-rkey", "ca.key", "-CA", "ca.pem", "-nmin", "10", "-ignore_err")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "waiting for OCSP client connections") {
		t.Log(lines.Text())
	}
	go io.Copy(io.Discard, said) // ends with the process
	return func() {
		cancel()
		cmd.Wait() // it was killed, and says so
		said.Close()
	}
}
