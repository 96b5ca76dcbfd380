package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
	if got := certs.RootFile(dir); got != ca.RootFile() {
		t.Errorf("RootFile(%s) = %s, want %s", dir, got, ca.RootFile())
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
