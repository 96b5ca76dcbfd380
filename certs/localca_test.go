package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/certs"
)

func openCA(t *testing.T) *certs.LocalCA {
	t.Helper()
	ca, err := certs.OpenLocalCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// handshake serves one TLS connection with get and returns what a client that trusts
// roots saw, verified against name.
func handshake(t *testing.T, get func(*tls.ClientHelloInfo) (*tls.Certificate, error), roots *x509.CertPool, name string) (tls.ConnectionState, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		served <- tls.Server(conn, &tls.Config{GetCertificate: get}).Handshake()
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
	if err != nil {
		<-served
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if err := <-served; err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}

func pool(ca *certs.LocalCA) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(ca.RootPEM())
	return p
}

func TestLocalCAHandshake(t *testing.T) {
	ca := openCA(t)
	for _, name := range []string{"localhost", "app.localhost", "a.b.localhost", "127.0.0.1", "::1"} {
		state, err := handshake(t, ca.GetCertificate, pool(ca), name)
		if err != nil {
			t.Errorf("handshake for %s: %v, want success", name, err)
			continue
		}
		leaf := state.PeerCertificates[0]
		if life := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; life > 30*24*time.Hour {
			t.Errorf("leaf of %s lives %v, want at most 30 days", name, life)
		}
		if len(leaf.Subject.Names) != 0 || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
			t.Errorf("leaf of %s: subject %v, usages %v, want none and serverAuth", name, leaf.Subject, leaf.ExtKeyUsage)
		}
	}
	for _, name := range []string{"example.com", "localhost.example.com", "notlocalhost", ".localhost", "a..localhost", "A_\x00.localhost", "*.localhost", "10.0.0.1"} {
		_, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if e, ok := errors.AsType[*certs.NameError](err); !ok || e.Name != name {
			t.Errorf("GetCertificate(%q) = %v, want a NameError", name, err)
		}
	}
	upper, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: "APP.Localhost."})
	if err != nil || upper.Leaf.DNSNames[0] != "app.localhost" {
		t.Errorf("GetCertificate(APP.Localhost.) = %v, %v, want the leaf of app.localhost", upper, err)
	}
}

func TestLocalCARoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	ca, err := certs.OpenLocalCA(dir)
	if err != nil || !ca.Created() {
		t.Fatalf("OpenLocalCA = %v, %v, want a new CA", ca, err)
	}
	root := ca.Root()
	if !root.IsCA || !root.MaxPathLenZero || root.MaxPathLen != 0 || root.KeyUsage != x509.KeyUsageCertSign || !root.PermittedDNSDomainsCritical {
		t.Errorf("root = %+v, want a CA for leaves only, with critical constraints", root)
	}
	if host, err := os.Hostname(); err == nil && len(host) > 3 && strings.Contains(root.Subject.CommonName, host) {
		t.Errorf("root is called %q, want no name of this machine in it", root.Subject.CommonName)
	}
	if !strings.Contains(root.Subject.CommonName, ca.ID()) {
		t.Errorf("root is called %q, want its ID %s in it", root.Subject.CommonName, ca.ID())
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{"": 0o700, "ca": 0o700, "ca/root.key": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, %v, want %v", name, info.Mode().Perm(), err, want)
			}
		}
	}
	again, err := certs.OpenLocalCA(dir)
	if err != nil || again.Created() || !again.Root().Equal(root) {
		t.Errorf("second OpenLocalCA = %v, %v, want the same root", again, err)
	}
	read, err := os.ReadFile(ca.RootFile())
	if err != nil || string(read) != string(ca.RootPEM()) {
		t.Errorf("RootFile holds %q, %v, want RootPEM", read, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v, want nothing", left, err)
	}
}

// signWith returns a leaf for the names, signed with the CA's own key as a thief would.
func signWith(t *testing.T, ca *certs.LocalCA, template x509.Certificate) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(ca.RootFile()), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(7)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Root(), own.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// A stolen key of the CA must be of no use beyond this machine.
func TestLocalCAConstraints(t *testing.T) {
	ca := openCA(t)
	ip := net.ParseIP
	tests := []struct {
		name string
		leaf x509.Certificate
		use  x509.ExtKeyUsage
		ok   bool
	}{
		{"localhost", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageServerAuth, true},
		{"name under localhost", x509.Certificate{DNSNames: []string{"x.localhost"}}, x509.ExtKeyUsageServerAuth, true},
		{"loopback addresses", x509.Certificate{IPAddresses: []net.IP{ip("127.0.0.1"), ip("::1")}}, x509.ExtKeyUsageServerAuth, true},
		{"another site", x509.Certificate{DNSNames: []string{"example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"another site beside localhost", x509.Certificate{DNSNames: []string{"localhost", "example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"localhost as a label", x509.Certificate{DNSNames: []string{"localhost.example.com"}}, x509.ExtKeyUsageServerAuth, false},
		{"another loopback address", x509.Certificate{IPAddresses: []net.IP{ip("127.0.0.2")}}, x509.ExtKeyUsageServerAuth, false},
		{"another address", x509.Certificate{IPAddresses: []net.IP{ip("192.0.2.1")}}, x509.ExtKeyUsageServerAuth, false},
		{"a client's certificate", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageClientAuth, false},
		{"a signer of code", x509.Certificate{DNSNames: []string{"localhost"}}, x509.ExtKeyUsageCodeSigning, false},
	}
	openssl, _ := exec.LookPath("openssl")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.leaf.ExtKeyUsage = []x509.ExtKeyUsage{tt.use}
			leaf := signWith(t, ca, tt.leaf)
			_, err := leaf.Verify(x509.VerifyOptions{Roots: pool(ca), KeyUsages: []x509.ExtKeyUsage{tt.use}})
			if (err == nil) != tt.ok {
				t.Errorf("Verify = %v, want success %v", err, tt.ok)
			}
			// The second opinion of another implementation, where there is one.
			if openssl == "" || tt.use != x509.ExtKeyUsageServerAuth {
				return
			}
			file := filepath.Join(t.TempDir(), "leaf.pem")
			if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.RootFile(), file).CombinedOutput()
			if (err == nil) != tt.ok {
				t.Errorf("openssl verify = %v %s, want success %v", err, out, tt.ok)
			}
		})
	}
}

func TestLocalCARenews(t *testing.T) {
	state := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ca, err := certs.OpenLocalCA(state)
		if err != nil {
			t.Fatal(err)
		}
		get := func() *tls.Certificate {
			cert, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			if now := time.Now(); now.Before(cert.Leaf.NotBefore) || now.After(cert.Leaf.NotAfter) {
				t.Errorf("at %v the leaf is valid from %v to %v", now, cert.Leaf.NotBefore, cert.Leaf.NotAfter)
			}
			return cert
		}
		first := get()
		time.Sleep(19 * 24 * time.Hour)
		if get() != first {
			t.Error("replaced after 19 days, want the same leaf")
		}
		time.Sleep(24 * time.Hour)
		second := get()
		if second == first {
			t.Error("the same leaf after 20 days, want another")
		}
		time.Sleep(40 * 24 * time.Hour) // as a laptop that slept
		if get() == second {
			t.Error("the same leaf after its end, want another")
		}
		time.Sleep(9*365*24*time.Hour + 290*24*time.Hour) // short of the root's end
		if end := get().Leaf.NotAfter; end.After(ca.Root().NotAfter) {
			t.Errorf("leaf ends %v, after the root's %v", end, ca.Root().NotAfter)
		}
		time.Sleep(90 * 24 * time.Hour)
		if _, err := ca.GetCertificate(&tls.ClientHelloInfo{}); err == nil || !strings.Contains(err.Error(), "expired on 2009-12-2") {
			t.Errorf("GetCertificate after the root's end = %v, want expired", err)
		}
		if _, err := certs.OpenLocalCA(state); err == nil || !strings.Contains(err.Error(), "expired on 2009-12-2") {
			t.Errorf("OpenLocalCA after the root's end = %v, want expired", err)
		}
	})
	// The bubble's clock began in the year 2000: the same CA seen now is long expired,
	// and one made now and seen from the bubble is not yet valid.
	later := t.TempDir()
	if _, err := certs.OpenLocalCA(later); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		if _, err := certs.OpenLocalCA(later); err == nil || !strings.Contains(err.Error(), "check the clock") {
			t.Errorf("OpenLocalCA with the clock set back = %v, want a word about the clock", err)
		}
	})
}

// A leaf made before the clock was set back is not valid any more, and is made anew.
func TestLocalCAClockSetBack(t *testing.T) {
	ca := openCA(t)
	hello := &tls.ClientHelloInfo{ServerName: "localhost"}
	first, err := ca.GetCertificate(hello)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // the clock stands at 2000-01-01
		second, err := ca.GetCertificate(hello)
		if err != nil || second == first || second.Leaf.NotBefore.After(time.Now()) {
			t.Errorf("GetCertificate with the clock set back = %v, %v, want a leaf of that time", second, err)
		}
	})
}

func TestLocalCAConcurrent(t *testing.T) {
	dir := t.TempDir()
	roots := make([]string, 8)
	var wg sync.WaitGroup
	for i := range roots {
		wg.Go(func() {
			ca, err := certs.OpenLocalCA(dir)
			if err != nil {
				t.Error(err)
				return
			}
			roots[i] = string(ca.RootPEM())
			for n := range 200 {
				if _, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: fmt.Sprintf("n%d.localhost", n%150)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, root := range roots {
		if root != roots[0] {
			t.Fatal("several CAs were made, want one")
		}
	}
}

// Processes, not goroutines: each runs this test binary once more.
func TestLocalCAProcesses(t *testing.T) {
	if dir := os.Getenv("CERTS_TEST_STATE"); dir != "" {
		ca, err := certs.OpenLocalCA(dir)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("ID=%s\n", ca.ID())
		return
	}
	dir := t.TempDir()
	outs := make([]string, 4)
	var wg sync.WaitGroup
	for i := range outs {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLocalCAProcesses$", "-test.v")
			cmd.Env = append(os.Environ(), "CERTS_TEST_STATE="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			_, id, _ := strings.Cut(string(out), "ID=")
			outs[i], _, _ = strings.Cut(id, "\n")
		})
	}
	wg.Wait()
	for _, id := range outs {
		if len(id) != 8 || id != outs[0] {
			t.Errorf("the processes have the CAs %q, want one", outs)
		}
	}
}

func TestOpenLocalCARefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, folder string)
		want  string
	}{
		{"key readable by the group", func(t *testing.T, f string) { chmod(t, filepath.Join(f, "root.key"), 0o640) }, "has mode 0640, so others could read it; delete "},
		{"folder writable by others", func(t *testing.T, f string) { chmod(t, f, 0o777) }, "has mode 0777, so others can replace what is in it"},
		{"no key", func(t *testing.T, f string) { remove(t, filepath.Join(f, "root.key")) }, "has lost its key; delete "},
		{"no root", func(t *testing.T, f string) { remove(t, filepath.Join(f, "root.pem")) }, "is missing beside its key"},
		{"empty root", func(t *testing.T, f string) { write(t, filepath.Join(f, "root.pem"), nil) }, "holds no PEM block CERTIFICATE"},
		{"garbage key", func(t *testing.T, f string) {
			write(t, filepath.Join(f, "root.key"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
		}, "the private key does not parse"},
		{"another's root", func(t *testing.T, f string) {
			write(t, filepath.Join(f, "root.pem"), openCA(t).RootPEM())
		}, "and its key do not belong together"},
		{"a root for every name", func(t *testing.T, f string) {
			cert, key := selfSigned(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true})
			write(t, filepath.Join(f, "root.pem"), cert)
			write(t, filepath.Join(f, "root.key"), key)
		}, "is not constrained to localhost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(tt.want, "has mode") {
				t.Skip("Windows has access lists, not modes")
			}
			dir := t.TempDir()
			if _, err := certs.OpenLocalCA(dir); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, filepath.Join(dir, "ca"))
			ca, err := certs.OpenLocalCA(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("OpenLocalCA = %v, %v, want …%s…", ca, err, tt.want)
			}
		})
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
