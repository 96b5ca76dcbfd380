package mend_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// rsa2048 is one key for all tests: making one takes long.
var rsa2048 = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// An authority signs for one test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T, name string, parent *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(5000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := &authority{key: key}
	if parent == nil {
		parent = &authority{template, key}
	}
	a.cert = parent.sign(t, template, key.Public())
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	t.Helper()
	var err error
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

// A site is a folder with a server's key and certificate, and who signs them.
type site struct {
	dir         string
	root, inter *authority
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.root = newAuthority(t, "root", nil)
	s.inter = newAuthority(t, "intermediate", s.root)
	s.keep(t, rsa2048())
	s.certify(t, leaf(), rsa2048().Public())
	s.write(t, "chain.pem", s.inter.cert, s.root.cert)
	s.write(t, "intermediate.pem", s.inter.cert)
	must(t, os.WriteFile(filepath.Join(s.dir, "dh1024.pem"), oakley2(t), 0o600))
	return s
}

func leaf() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "app.test"}, DNSNames: []string{"app.test"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func (s *site) keep(t *testing.T, key crypto.Signer) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// certify writes cert.pem, the certificate alone, and fullchain.pem.
func (s *site) certify(t *testing.T, template *x509.Certificate, key crypto.PublicKey) {
	t.Helper()
	c := s.inter.sign(t, template, key)
	s.write(t, "cert.pem", c)
	s.write(t, "fullchain.pem", c, s.inter.cert)
}

func (s *site) write(t *testing.T, name string, list ...*x509.Certificate) {
	t.Helper()
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	must(t, os.WriteFile(filepath.Join(s.dir, name), text, 0o600))
}

// turned writes a chain that is out of order and has the root.
func (s *site) turned(t *testing.T) {
	t.Helper()
	cert, err := os.ReadFile(filepath.Join(s.dir, "cert.pem"))
	must(t, err)
	s.write(t, "turned.pem", s.root.cert, s.inter.cert)
	rest, err := os.ReadFile(filepath.Join(s.dir, "turned.pem"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.dir, "turned.pem"), append(cert, rest...), 0o600))
}

// oakley2 is the second group of RFC 2409: a prime of 1024 bits.
func oakley2(t *testing.T) []byte {
	p, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
	der, err := asn1.Marshal(struct{ P, G *big.Int }{p, big.NewInt(2)})
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der})
}

// scan scans the server at port by the name app.test.
func (s *site) scan(t *testing.T, port int) *tlsscan.Report {
	t.Helper()
	r, err := tlsscan.Scan(t.Context(), fmt.Sprintf("127.0.0.1:%d", port), tlsscan.Options{ServerName: "app.test", Roots: []*x509.Certificate{s.root.cert}, Timeout: 20 * time.Second})
	must(t, err)
	if len(r.Incomplete) > 0 {
		t.Errorf("the scan is not complete: %v", r.Incomplete)
	}
	return r
}

// run starts a server, waits until it listens, and ends it after f.
func run(t *testing.T, port int, f func(), name string, args ...string) {
	t.Helper()
	said := new(strings.Builder)
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = said, said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	}()
	for deadline := time.Now().Add(60 * time.Second); ; {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", name, err, said)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", name)
		}
	}
	f()
}

// openSSL35 says whether the library of the program that tells its version has ML-KEM.
func openSSL35(t *testing.T, name string, args ...string) bool {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	must(t, err)
	for _, old := range []string{"1.", "3.0.", "3.1.", "3.2.", "3.3.", "3.4."} {
		if strings.HasPrefix(string(out), old) || strings.Contains(string(out), "OpenSSL "+old) {
			return false
		}
	}
	return true
}

// apply replaces lines of the same key and adds what is new; a line that begins with a
// minus takes out what is named.
func apply(config, lines []string, key func(string) string) []string {
	config = slices.Clone(config)
	for _, line := range lines {
		gone, out := strings.CutPrefix(line, "-")
		config = slices.DeleteFunc(config, func(l string) bool { return key(l) == key(line) || out && strings.HasPrefix(l, gone) })
		if !out {
			config = append(config, line)
		}
	}
	return config
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
