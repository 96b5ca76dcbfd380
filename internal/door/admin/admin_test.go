//go:build linux || darwin

package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/exceptions"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/internal/door/refusals"
)

// TestMain lets the test binary be the program of another user: see
// TestOtherUsersAreNotHeard.
func TestMain(m *testing.M) {
	if socket := os.Getenv("PANOPLY_TEST_SOCKET"); socket != "" {
		_, err := admin.NewClient(socket).Status(context.Background())
		fmt.Println(os.Geteuid(), err)
		return
	}
	os.Exit(m.Run())
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "adm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:9180": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]:9180": true, "[::1]": true, "::1": true,
		"": false, "0.0.0.0:9180": false, ":9180": false, "example.com": false, "localhost.example.com": false, "127.0.0.1.example.com": false,
		"192.0.2.1:9180": false, "[::]:9180": false, "2130706433": false, "127.1": false, "localhost:9180:1": false,
	} {
		if got := admin.Loopback(host); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestListen(t *testing.T) {
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ln, err := admin.Listen(dir)
	if errors.Is(err, admin.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, admin.SocketName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	if _, err := admin.Listen(dir); err == nil || !strings.Contains(err.Error(), "another door") {
		t.Errorf("second Listen = %v, want to hear of the first", err)
	}
	// A door that died leaves its socket behind.
	inner, ok := ln.(interface{ Unwrap() net.Listener })
	if !ok {
		t.Fatal("Listen's listener does not unwrap")
	}
	inner.Unwrap().(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	again, err := admin.Listen(dir)
	if err != nil {
		t.Fatalf("Listen over a dead socket = %v", err)
	}
	again.Close()
	if _, err := os.Stat(filepath.Join(dir, admin.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("Close leaves the socket")
	}
	if _, err := admin.Listen(filepath.Join(dir, strings.Repeat("x", 100))); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("Listen on a long path = %v, want to hear what to do", err)
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name  string
		guard ledger.Guard
		mode  string
		ready bool
		why   string
	}{
		{"off", ledger.Guard{}, "off", false, "off"},
		{"enforces", ledger.Guard{Denied: 3}, "enforce", true, "enforces"},
		{"partly observes", ledger.Guard{WouldDeny: 3}, "enforce", true, "enforces; some rules only observe"},
		{"new", ledger.Guard{Seen: 5}, "observe", false, "has seen too little"},
		{"would block", ledger.Guard{Seen: 500, WouldDeny: 1}, "observe", false, "would have blocked; look at the examples"},
		{"would mend", ledger.Guard{Seen: 500, WouldMend: 400}, "observe", true, "ready to enforce"},
	}
	for _, tt := range tests {
		g := admin.GuardStatus{Guard: tt.guard, Mode: tt.mode}
		g.Judge()
		if g.Ready != tt.ready || g.Why != tt.why {
			t.Errorf("%s: Judge = %v, %q, want %v, %q", tt.name, g.Ready, g.Why, tt.ready, tt.why)
		}
	}
}

// TestOtherUsersAreNotHeard opens the folder and the socket wide, so that the kernel's
// word about the peer is all that is left.
func TestOtherUsersAreNotHeard(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run a program as another user")
	}
	dir := shortDir(t)
	ln, err := admin.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := admin.Serve(nothing{})
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	socket := filepath.Join(dir, admin.SocketName)
	for path, mode := range map[string]os.FileMode{dir: 0o755, socket: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin.NewClient(socket).Status(t.Context()); err != nil {
		t.Fatalf("root is not heard: %v", err)
	}
	copied := filepath.Join(dir, "client") // the test binary's own folder is closed to others
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PANOPLY_TEST_SOCKET="+socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "65534 the door does not hear this user") {
		t.Errorf("another user: %v\n%s\nwant it not to be heard", err, out)
	}
}

type nothing struct{}

func (nothing) Status() admin.Status                          { return admin.Status{} }
func (nothing) Switch(_, _ string) error                      { return nil }
func (nothing) RestoreCookies(_ bool) error                   { return nil }
func (nothing) Blocks(context.Context) ([]admin.Block, error) { return nil, nil }
func (nothing) Standings(context.Context, admin.Subject) ([]admin.Standing, error) {
	return nil, nil
}
func (nothing) Unblock(context.Context, admin.Subject) ([]string, error)  { return nil, nil }
func (nothing) Block(context.Context, admin.Subject, time.Duration) error { return nil }
func (nothing) Logins() []logins.Login                                    { return nil }
func (nothing) ConfirmLogin(string) error                                 { return nil }
func (nothing) ForgetLogin(string) error                                  { return nil }
func (nothing) CSRF() crosssite.Report                                    { return crosssite.Report{} }
func (nothing) EnforceCSRF(bool) error                                    { return nil }
func (nothing) Why(string) (refusals.Refusal, error)                      { return refusals.Refusal{}, nil }
func (nothing) Refused() []refusals.Refusal                               { return nil }
func (nothing) Allow(string, time.Time, bool, bool) (exceptions.Exception, error) {
	return exceptions.Exception{}, nil
}
func (nothing) EndException(string) error          { return nil }
func (nothing) Exceptions() []exceptions.Exception { return nil }
func (nothing) Configuration() []admin.Setting     { return nil }
func (nothing) ReloadNow() error                   { return nil }
func (nothing) Upgrade() (int, error)              { return 0, nil }
