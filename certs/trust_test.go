package certs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/need"
)

// machine is a System whose folders are made and whose commands are only noted.
type machine struct {
	certs.System
	ran  []string
	fail string // a command that starts so fails
}

func newMachine(t *testing.T, goos string, programs []string, folders ...string) *machine {
	t.Helper()
	m := &machine{}
	root := t.TempDir()
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.System = certs.System{
		GOOS: goos, Root: root, Home: filepath.Join(root, "home"),
		LookPath: func(name string) (string, error) {
			if slices.Contains(programs, name) {
				return "/bin/" + name, nil
			}
			return "", exec.ErrNotFound
		},
		Run: func(_ context.Context, args []string) ([]byte, error) {
			line := strings.Join(args, " ")
			m.ran = append(m.ran, line)
			if m.fail != "" && strings.HasPrefix(line, m.fail) {
				return []byte("no\x1b[31m way\n"), errors.New("exit status 1")
			}
			return nil, nil
		},
	}
	return m
}

// commands are the steps as typed, with the folders of the test taken out.
func (m *machine) commands(ca *certs.LocalCA, p *certs.Plan) []string {
	lines := []string{}
	replace := strings.NewReplacer(m.Root, "", ca.RootFile(), "ROOT", ca.ID(), "ID")
	for _, s := range p.Steps {
		lines = append(lines, replace.Replace(s.String()))
	}
	return lines
}

func TestTrustPlans(t *testing.T) {
	ca := openCA(t)
	sum := sha256.Sum256(ca.Root().Raw)
	const (
		debian = "/usr/local/share/ca-certificates"
		rhel   = "/etc/pki/ca-trust/source/anchors"
		arch   = "/etc/ca-certificates/trust-source/anchors"
		suse   = "/etc/pki/trust/anchors"
	)
	tests := []struct {
		name           string
		goos           string
		user           bool
		programs       []string
		folders        []string
		installed      string
		trust, untrust []string
		notes          int
	}{
		{
			name: "Debian", goos: "linux", programs: []string{"update-ca-certificates"}, folders: []string{debian},
			installed: debian + "/panoply-local-ca-ID.crt",
			trust:     []string{"install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates"},
			untrust:   []string{"rm -f " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates --fresh"},
		},
		{
			name: "Debian as a user", goos: "linux", user: true, programs: []string{"update-ca-certificates", "sudo"}, folders: []string{debian},
			installed: debian + "/panoply-local-ca-ID.crt",
			trust:     []string{"sudo install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "sudo update-ca-certificates"},
			untrust:   []string{"sudo rm -f " + debian + "/panoply-local-ca-ID.crt", "sudo update-ca-certificates --fresh"},
		},
		{
			name: "not installed", goos: "linux", programs: []string{"update-ca-certificates"}, folders: []string{debian},
			trust:   []string{"install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates"},
			untrust: []string{},
		},
		{
			name: "RHEL", goos: "linux", programs: []string{"update-ca-trust", "trust"}, folders: []string{rhel},
			installed: rhel + "/panoply-local-ca-ID.pem",
			trust:     []string{"install -m 0644 ROOT " + rhel + "/panoply-local-ca-ID.pem", "update-ca-trust extract"},
			untrust:   []string{"rm -f " + rhel + "/panoply-local-ca-ID.pem", "update-ca-trust extract"},
		},
		{
			name: "Debian with a folder of p11-kit", goos: "linux", programs: []string{"update-ca-certificates"}, folders: []string{debian, rhel},
			trust:   []string{"install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates"},
			untrust: []string{},
		},
		{
			name: "Arch", goos: "linux", programs: []string{"trust"}, folders: []string{arch},
			installed: arch + "/panoply-local-ca-ID.crt",
			trust:     []string{"install -m 0644 ROOT " + arch + "/panoply-local-ca-ID.crt", "trust extract-compat"},
			untrust:   []string{"rm -f " + arch + "/panoply-local-ca-ID.crt", "trust extract-compat"},
		},
		{
			name: "SUSE", goos: "linux", programs: []string{"update-ca-certificates"}, folders: []string{suse},
			installed: suse + "/panoply-local-ca-ID.pem",
			trust:     []string{"install -m 0644 ROOT " + suse + "/panoply-local-ca-ID.pem", "update-ca-certificates"},
			untrust:   []string{"rm -f " + suse + "/panoply-local-ca-ID.pem", "update-ca-certificates"},
		},
		{
			name: "browsers", goos: "linux", programs: []string{"update-ca-certificates", "certutil"},
			folders:   []string{debian, "home/.pki/nssdb/cert9.db", "home/.mozilla/firefox/x y.default/cert9.db", "home/.mozilla/firefox/no-db"},
			installed: debian + "/panoply-local-ca-ID.crt",
			trust: []string{"install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates",
				"certutil -A -d sql:/home/.pki/nssdb -t C,, -n panoply-local-ca-ID -i ROOT",
				"certutil -A -d 'sql:/home/.mozilla/firefox/x y.default' -t C,, -n panoply-local-ca-ID -i ROOT"},
			untrust: []string{"rm -f " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates --fresh",
				"certutil -D -d sql:/home/.pki/nssdb -n panoply-local-ca-ID",
				"certutil -D -d 'sql:/home/.mozilla/firefox/x y.default' -n panoply-local-ca-ID"},
		},
		{
			name: "browsers without certutil", goos: "linux", programs: []string{"update-ca-certificates"},
			folders: []string{debian, "home/.pki/nssdb/cert9.db"}, notes: 1,
			trust:   []string{"install -m 0644 ROOT " + debian + "/panoply-local-ca-ID.crt", "update-ca-certificates"},
			untrust: []string{},
		},
		{
			name: "macOS", goos: "darwin", notes: 1,
			trust: []string{"security add-trusted-cert -r trustRoot -p ssl -k /home/Library/Keychains/login.keychain-db ROOT"},
			untrust: []string{"security remove-trusted-cert ROOT",
				"security delete-certificate -Z " + strings.ToUpper(hex.EncodeToString(sum[:])) + " /home/Library/Keychains/login.keychain-db"},
		},
		{
			name: "Windows", goos: "windows", notes: 1,
			trust:   []string{"certutil -user -addstore Root ROOT"},
			untrust: []string{"certutil -user -delstore Root " + hex.EncodeToString(ca.Root().SerialNumber.Bytes())},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, tt.goos, tt.programs, tt.folders...)
			m.User = tt.user
			plan, err := m.Trust(ca)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.commands(ca, plan); !slices.Equal(got, tt.trust) {
				t.Errorf("Trust:\n got %q\nwant %q", got, tt.trust)
			}
			if len(plan.Notes) != tt.notes {
				t.Errorf("Notes = %q, want %d", plan.Notes, tt.notes)
			}
			if len(m.ran) != 0 {
				t.Errorf("Trust ran %q, want nothing before Run", m.ran)
			}
			if tt.installed != "" {
				write(t, filepath.Join(m.Root, strings.Replace(tt.installed, "ID", ca.ID(), 1)), ca.RootPEM())
			}
			plan, err = m.Untrust(ca)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.commands(ca, plan); !slices.Equal(got, tt.untrust) {
				t.Errorf("Untrust:\n got %q\nwant %q", got, tt.untrust)
			}
		})
	}
}

func TestTrustRefuses(t *testing.T) {
	ca := openCA(t)
	const debian = "/usr/local/share/ca-certificates"
	user := newMachine(t, "linux", []string{"update-ca-certificates"}, debian)
	user.User = true
	file := filepath.Join(user.Root, debian, "panoply-local-ca-"+ca.ID()+".crt")
	for _, tt := range []struct {
		name string
		m    *machine
		want string
	}{
		{"no sudo", user, "as root, run install -m 0644 " + ca.RootFile() + " " + file + "; then update-ca-certificates"},
		{"no store", newMachine(t, "linux", nil), "install the package ca-certificates, or add " + ca.RootFile() + " by hand"},
		{"store without its program", newMachine(t, "linux", nil, debian), "install the package ca-certificates"},
		{"another system", newMachine(t, "plan9", nil), "the trust store of plan9 is not known here: add the certificate " + ca.RootFile()},
	} {
		if plan, err := tt.m.Trust(ca); plan != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Trust = %v, %v, want …%s", tt.name, plan, err, tt.want)
		}
	}
}

func TestPlanRun(t *testing.T) {
	ca := openCA(t)
	m := newMachine(t, "linux", []string{"update-ca-certificates", "certutil"}, "/usr/local/share/ca-certificates", "home/.pki/nssdb/cert9.db", "home/.mozilla/firefox/a/cert9.db")
	run := func(fail string) (told []string, err error) {
		m.fail, m.ran = fail, nil
		plan, err := m.Trust(ca)
		if err != nil {
			t.Fatal(err)
		}
		return told, plan.Run(t.Context(), func(s certs.Step) {
			if len(told) != len(m.ran) {
				t.Errorf("told of %s after it was run", s)
			}
			told = append(told, s.Text)
		})
	}
	if _, err := run(""); err != nil || len(m.ran) != 4 {
		t.Errorf("Run = %v and ran %q, want all four", err, m.ran)
	}
	if _, err := run("update-ca"); err == nil || len(m.ran) != 2 ||
		err.Error() != "rebuild the system's list of authorities: exit status 1: no [31m way; run by hand: update-ca-certificates" {
		t.Errorf("Run = %v and ran %q, want the end after two", err, m.ran)
	}
	if _, err := run("certutil"); err == nil || len(m.ran) != 4 || strings.Count(err.Error(), "run by hand: certutil -A -d sql:") != 2 {
		t.Errorf("Run = %v and ran %q, want both browsers tried", err, m.ran)
	}
}

// The real program of Debian, on a copy of its layout.
func TestTrustOnDebian(t *testing.T) {
	for _, program := range []string{"update-ca-certificates", "openssl", "install"} {
		need.Program(t, program)
	}
	ca := openCA(t)
	root := t.TempDir()
	folder := func(name string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	local, etc := folder("usr/local/share/ca-certificates"), folder("etc/ssl/certs")
	share, conf := folder("usr/share/ca-certificates"), filepath.Join(folder("etc"), "ca-certificates.conf")
	public, _ := selfSigned(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true})
	write(t, filepath.Join(share, "public.crt"), public) // without any other CA the program leaves the bundle as it is
	write(t, conf, []byte("public.crt\n"))
	options := []string{"--certsconf", conf, "--certsdir", share, "--localcertsdir", local, "--etccertsdir", etc, "--hooksdir", folder("hooks")}
	system := certs.System{
		GOOS: "linux", Root: root, Home: folder("home"),
		Run: func(ctx context.Context, args []string) ([]byte, error) {
			if args[0] == "update-ca-certificates" {
				args = append(slices.Clone(args), options...)
			}
			return exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
		},
	}
	bundle := func() []byte {
		data, err := os.ReadFile(filepath.Join(etc, "ca-certificates.crt"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	plan, err := system.Trust(ca)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(bundle(), ca.RootPEM()) {
		t.Errorf("the system's bundle is %q, want the CA in it", bundle())
	}
	if links, err := filepath.Glob(filepath.Join(etc, "*.0")); err != nil || len(links) != 2 {
		t.Errorf("links by hash %v, %v, want two", links, err)
	}
	plan, err = system.Untrust(ca)
	if err != nil || len(plan.Steps) != 2 {
		t.Fatalf("Untrust = %+v, %v, want two steps", plan, err)
	}
	if err := plan.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bundle(), public) {
		t.Errorf("the system's bundle is %q, want the other CA alone", bundle())
	}
	if left, err := os.ReadDir(local); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v, want nothing", left, err)
	}
}
