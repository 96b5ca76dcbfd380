// Package proc starts the programs under measurement and reads what they used.
// It reads /proc, so the benchmarks run on Linux.
package proc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is a child that was started here and is ended here.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// Start runs the command and waits until addr accepts connections.
func Start(name, addr string, env []string, argv ...string) (*Process, error) {
	p := &Process{Name: name, cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = nil, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for range 200 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Stop()
	return nil, fmt.Errorf("%s did not listen on %s within 10 s:\n%s", name, addr, p.log.String())
}

// Stop ends the child and waits for it.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-done
	}
}

// CPU is the user and system time used so far, by the child and its own children that run.
func (p *Process) CPU() time.Duration {
	var ticks int64
	for _, pid := range p.family() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The command name may hold blanks; the fields start after its bracket.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, f := range fields[11:13] {
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / 100
}

// family is the child and its own children.
func (p *Process) family() []int {
	pid := p.cmd.Process.Pid
	all := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(f); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// Memory is the resident set now, in bytes: field is VmRSS or VmHWM.
func (p *Process) Memory(field string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// FreeAddr returns a loopback address nobody listens on.
func FreeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback: nothing here can work
	}
	defer l.Close()
	return l.Addr().String()
}

// Certificate writes a self-signed pair for localhost into dir.
func Certificate(dir string) (cert, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

// BuildPanoply builds the program of this tree into dir.
func BuildPanoply(dir string) (string, error) {
	bin := filepath.Join(dir, "panoply")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "./cmd/panoply")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building panoply (run this from bench/): %v\n%s", err, out)
	}
	return bin, nil
}

// Median returns the middle value, and the smallest and largest beside it.
func Median(values []float64) (median, low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0, 0, 0
	}
	return sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]
}

// Machine describes where the figures were taken.
func Machine() string {
	model := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "model name") {
			_, model, _ = strings.Cut(strings.TrimSpace(line), ": ")
			break
		}
	}
	cpus := strings.Count(string(text), "processor\t:")
	goVersion, _ := exec.Command("go", "env", "GOVERSION").Output()
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d × %s, %s, load %s", cpus, model, strings.TrimSpace(string(goVersion)), strings.Join(strings.Fields(string(load))[:1], ""))
}
