package mend_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
	"github.com/panoplysec/panoply/tlspolicy"
)

// TestCertificates runs the commands that the table has for faults of certificates, lets
// an authority sign what they made, and scans again.
func TestCertificates(t *testing.T) {
	need.Program(t, "openssl")
	small := func(t *testing.T) crypto.Signer { k, err := rsa.GenerateKey(rand.Reader, 1024); must(t, err); return k }
	p224 := func(t *testing.T) crypto.Signer {
		k, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
		must(t, err)
		return k
	}
	for _, tt := range []struct {
		fault string
		key   func(*testing.T) crypto.Signer
		// say changes the certificate, send the chain; by signs instead of the intermediate.
		say  func(*x509.Certificate)
		send func(s *site, cert *x509.Certificate) []*x509.Certificate
		by   func(t *testing.T, s *site) *authority
		// command is a piece of the one that mends it.
		command string
	}{
		{fault: "cert.rsa-small", key: small, command: "openssl ecparam"},
		{fault: "cert.curve-weak", key: p224, command: "openssl ecparam"},
		{fault: "cert.no-san", say: func(c *x509.Certificate) { c.DNSNames = nil }, command: "openssl ecparam"},
		{fault: "cert.self-signed", by: func(*testing.T, *site) *authority { return nil }, command: "openssl ecparam"},
		{fault: "cert.untrusted", by: func(t *testing.T, s *site) *authority {
			s.inter = newAuthority(t, "stranger", newAuthority(t, "strange root", nil))
			return s.inter
		}, command: "openssl ecparam"},
		// The authority renews these as certbot would let it.
		{fault: "cert.expired", say: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }},
		{fault: "cert.not-yet-valid", say: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }},
		{fault: "cert.expires-soon", say: func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-1000*time.Hour), time.Now().Add(24*time.Hour)
		}},
		{fault: "cert.lifetime-long", say: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(900 * 24 * time.Hour) }},
		{fault: "cert.name-mismatch", say: func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }},
		{fault: "cert.chain-incomplete", send: func(_ *site, c *x509.Certificate) []*x509.Certificate { return []*x509.Certificate{c} }, command: "cat cert.pem"},
		{fault: "cert.chain-has-root", send: func(s *site, c *x509.Certificate) []*x509.Certificate {
			return []*x509.Certificate{c, s.inter.cert, s.root.cert}
		}, command: "cat cert.pem"},
		{fault: "cert.chain-order", send: func(s *site, c *x509.Certificate) []*x509.Certificate {
			return []*x509.Certificate{c, s.root.cert, s.inter.cert}
		}, command: "cat cert.pem"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			key := rsa2048()
			if tt.key != nil {
				key = tt.key(t)
			}
			template := leaf()
			if tt.say != nil {
				tt.say(template)
			}
			by, ours := s.inter, s.inter
			if tt.by != nil {
				if by = tt.by(t, s); by == nil {
					by = &authority{template, key}
				}
			}
			cert := by.sign(t, template, key.Public())
			chain := []*x509.Certificate{cert, s.inter.cert}
			if tt.send != nil {
				chain = tt.send(s, cert)
			}
			before := s.serve(t, key, chain)
			s.inter = ours
			if !slices.Contains(before.Findings, tt.fault) {
				t.Fatalf("findings = %v, want %s", before.Findings, tt.fault)
			}
			f, _ := mend.For(tt.fault)
			if tt.command != "" {
				i := slices.IndexFunc(strings.Split(f.Instead, "\n"), func(l string) bool { return strings.HasPrefix(l, tt.command) })
				if i < 0 {
					t.Fatalf("no line of %q begins with %q", f.Instead, tt.command)
				}
				s.write(t, "cert.pem", cert)
				cmd := exec.Command("sh", "-ec", strings.ReplaceAll(strings.Split(f.Instead, "\n")[i], "NAME", "app.test"))
				cmd.Dir = s.dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", cmd, err, out)
				}
			}
			var after *tlsscan.Report
			switch {
			case strings.HasPrefix(tt.command, "cat"):
				after = s.serve(t, key, read(t, filepath.Join(s.dir, "fullchain.pem")))
			case tt.command != "":
				key, renewed := s.signRequest(t)
				after = s.serve(t, key, []*x509.Certificate{renewed, s.inter.cert})
			default:
				after = s.serve(t, key, []*x509.Certificate{s.inter.sign(t, leaf(), key.Public()), s.inter.cert})
			}
			if !slices.Equal(after.Findings, []string{"cert.no-sct"}) || !after.Mozilla["6.0/intermediate"].Pass {
				t.Errorf("mended: %v, %+v, want a private authority's lack of timestamps alone", after.Findings, after.Mozilla["6.0/intermediate"])
			}
		})
	}
}

// signRequest signs request.pem for the names that it asks for.
func (s *site) signRequest(t *testing.T) (crypto.Signer, *x509.Certificate) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "request.pem"))
	must(t, err)
	block, _ := pem.Decode(text)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	must(t, err)
	must(t, request.CheckSignature())
	text, err = os.ReadFile(filepath.Join(s.dir, "key.pem"))
	must(t, err)
	block, _ = pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	must(t, err)
	template := leaf()
	template.DNSNames = request.DNSNames
	return key, s.inter.sign(t, template, request.PublicKey)
}

func read(t *testing.T, name string) (list []*x509.Certificate) {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		list = append(list, c)
	}
	return list
}

// serve scans a server of the intermediate level that sends the chain.
func (s *site) serve(t *testing.T, key crypto.Signer, chain []*x509.Certificate) *tlsscan.Report {
	t.Helper()
	c := tls.Certificate{PrivateKey: key}
	for _, x := range chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		io.WriteString(w, "ok")
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = tlspolicy.Intermediate(c)
	srv.StartTLS()
	defer srv.Close()
	return s.scan(t, srv.Listener.Addr().(*net.TCPAddr).Port)
}
