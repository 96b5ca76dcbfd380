package sites_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
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

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/report"
)

var update = flag.Bool("update", false, "write what was found as what is wanted")

// authority signs the certificate of every site, so that a good one has nothing to
// complain about.
type authority struct {
	root *x509.Certificate
	pair tls.Certificate
	// files for node
	cert, key string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "corpus"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	must(err)
	root, err = x509.ParseCertificate(der)
	must(err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	must(err)
	a := &authority{root: root, cert: filepath.Join(t.TempDir(), "cert.pem"), key: filepath.Join(t.TempDir(), "key.pem")}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	must(os.WriteFile(a.cert, certPEM, 0o600))
	must(os.WriteFile(a.key, keyPEM, 0o600))
	a.pair, err = tls.X509KeyPair(certPEM, keyPEM)
	must(err)
	return a
}

// serve runs a Go site over TLS as Mozilla would have it.
func (a *authority) serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{a.pair}, MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://localhost:" + port
}

// node runs testdata/<name>/app.cjs, which listens as lib/listen.cjs says.
func (a *authority) node(t *testing.T, name string) string {
	t.Helper()
	program := need.Program(t, "node")
	modules := need.Modules(t, "express", "helmet", "fastify", "koa", "express-session", "cookie-session")
	preload, err := filepath.Abs(filepath.Join("testdata", "listen.cjs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--require", preload, "app.cjs")
	cmd.Dir = filepath.Join("testdata", name)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "CORPUS_CERT="+a.cert, "CORPUS_KEY="+a.key, "NODE_ENV="+environment(name))
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if port, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go io.Copy(io.Discard, out)
			return "https://localhost:" + port
		}
	}
	t.Fatalf("%s did not start: %v", name, lines.Err())
	return ""
}

// environment is production for the good sites: the bad ones forgot it.
func environment(name string) string {
	if strings.HasSuffix(name, "-bad") {
		return ""
	}
	return "production"
}

func TestSites(t *testing.T) {
	a := newAuthority(t)
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "want.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range folders {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	for name := range goSites {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) < 20 {
		t.Errorf("%d sites, want ten and their twins", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := check.Target{}
			if h := goSites[name]; h != nil {
				target.URL = a.serve(t, h())
			} else {
				target.URL, target.Folder = a.node(t, name), filepath.Join("testdata", name)
			}
			if c := credentials[name]; c != "" {
				target.Credentials = c
			}
			r, err := audit.Run(t.Context(), []check.Target{target}, standard.Checks(), audit.Options{Roots: []*x509.Certificate{a.root}, Rate: 2000, Parallel: 8})
			if err != nil {
				t.Fatal(err)
			}
			got := told(r)
			file := filepath.Join("testdata", name, "want.txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the audit of %s says\n%swant\n%s", name, got, want)
				for _, f := range r.Findings {
					t.Logf("%s: %s", f.ID, f.Message)
				}
			}
			if strings.HasSuffix(name, "-good") {
				for _, f := range r.Findings {
					if f.Severity > check.Info {
						t.Errorf("a good site has the finding %s: %s", f.ID, f.Message)
					}
				}
			}
		})
	}
}

// told is what a site's want.txt holds: the practices that were told, and each finding
// with its severity and subject.
func told(r *audit.Report) string {
	var b strings.Builder
	for _, p := range r.Practices {
		if len(p.Checks) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", p.ID, p.Status)
		}
	}
	b.WriteString("\n")
	for _, f := range r.Findings {
		line := fmt.Sprintf("%s %s %s", f.Severity, f.ID, f.Subject)
		for _, e := range f.Evidence {
			if e.Kind == check.Line {
				line += fmt.Sprintf(" %s:%d", e.File, e.Line)
			}
		}
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// TestEqualAuditsGiveEqualReports holds that a report depends on what was seen, and not
// on which answer came first: every format is the same, byte for byte, but for the
// duration.
func TestEqualAuditsGiveEqualReports(t *testing.T) {
	a := newAuthority(t)
	target := check.Target{URL: a.node(t, "express-bad"), Folder: filepath.Join("testdata", "express-bad")}
	written := func(parallel int) map[string]string {
		r, err := audit.Run(t.Context(), []check.Target{target}, standard.Checks(), audit.Options{
			Roots: []*x509.Certificate{a.root}, Rate: 2000, Parallel: parallel, ListSent: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		r.Duration = 0
		all := make(map[string]string)
		for _, format := range report.Formats() {
			var out strings.Builder
			if err := report.Write(&out, format, r, report.Options{Checks: standard.Checks()}); err != nil {
				t.Fatal(err)
			}
			all[format] = out.String()
		}
		return all
	}
	first := written(1)
	for _, parallel := range []int{8, 3} {
		for format, text := range written(parallel) {
			if text != first[format] {
				t.Errorf("%s differs between two audits of the same site, one request and %d at a time: %s", format, parallel, difference(first[format], text))
			}
		}
	}
}

// difference is the first line that two texts do not share.
func difference(a, b string) string {
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(left), len(right)) {
		if left[i] != right[i] {
			return fmt.Sprintf("line %d: %q, %q", i+1, left[i], right[i])
		}
	}
	return fmt.Sprintf("%d lines, %d lines", len(left), len(right))
}
