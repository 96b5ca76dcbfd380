package systemd

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager listens as systemd does.
func manager(t *testing.T) (*Manager, func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skipf("no datagram sockets here: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	return FromEnv(), func() string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	m, read := manager(t)
	if got := m.Watchdog(); got != 2*time.Second {
		t.Errorf("Watchdog() = %v, want 2s", got)
	}
	for _, tt := range []struct {
		send func()
		want string
	}{
		{func() { m.Ready("serving\nMAINPID=1") }, "READY=1\nSTATUS=serving MAINPID=1"},
		{m.Stopping, "STOPPING=1\nSTATUS=finishing what was begun"},
		{func() { m.MainPID(42) }, "MAINPID=42"},
		{m.Alive, "WATCHDOG=1"},
	} {
		tt.send()
		if got := read(); got != tt.want {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
	m.Reloading()
	got := read()
	if _, ok := monotonic(); !ok {
		return
	}
	usec, ok := strings.CutPrefix(got, "RELOADING=1\nMONOTONIC_USEC=")
	if n, err := strconv.ParseInt(usec, 10, 64); !ok || err != nil || n <= 0 {
		t.Errorf("sent %q, want the clock of the manager", got)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := FromEnv()
	m.Ready("x")
	m.Reloading()
	if m != nil || m.Watchdog() != 0 {
		t.Errorf("FromEnv() = %v, want nil", m)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	FromEnv().Ready("nobody takes it, and nothing fails")
}

func TestWatchdog(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"x", "", 0}, {"-1", "", 0}, {"0", "", 0}, {"99999999999999999", "", 0},
		{"1000000", "", time.Second}, {"1000000", "7", time.Second}, {"1000000", "8", 0},
	} {
		if got := watchdog(tt.usec, tt.pid, 7); got != tt.want {
			t.Errorf("watchdog(%q, %q) = %v, want %v", tt.usec, tt.pid, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		pid, count, names string
		want              []string
		bad               bool
	}{
		{"7", "2", "tls:http", []string{"tls", "http"}, false},
		{"7", "2", "", []string{"", ""}, false},
		{"8", "2", "tls:http", nil, false}, // another process's
		{"7", "", "", nil, false},
		{"7", "0", "", nil, false},
		{"7", "-1", "", nil, true},
		{"7", "1000000", "", nil, true},
		{"7", "two", "", nil, true},
		{"7", "2", "tls", nil, true},
	} {
		got, err := parse(tt.pid, tt.count, tt.names, 7)
		if !slices.Equal(got, tt.want) || (err != nil) != tt.bad {
			t.Errorf("parse(%q, %q, %q) = %q, %v, want %q", tt.pid, tt.count, tt.names, got, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("2", "tls:http")
	f.Add("64", "")
	f.Fuzz(func(t *testing.T, count, names string) {
		all, err := parse("7", count, names, 7)
		if err == nil && (len(all) > maxSockets || names != "" && count != "" && len(all) > 0 && strings.Join(all, ":") != names) {
			t.Errorf("parse(%q, %q) = %q", count, names, all)
		}
	})
}
