package cli_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/load"
	"github.com/panoplysec/panoply/internal/need"
)

// A manager is the end of NOTIFY_SOCKET that systemd has.
type manager struct {
	r    *process
	conn *net.UnixConn
}

// managed is the environment of a service, and its manager.
func managed(r *process, watchdog time.Duration) (*manager, []string) {
	r.t.Helper()
	path := filepath.Join(r.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return &manager{r, conn}, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=" + strconv.FormatInt(watchdog.Microseconds(), 10)}
}

// expect waits for messages with these lines, in this order, whatever comes between them.
func (m *manager) expect(lines ...string) {
	m.r.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 4096)
	var heard []string
	for len(lines) > 0 {
		n, err := m.conn.Read(b)
		if err != nil {
			m.r.t.Fatalf("heard %q, want %q: %v", heard, lines, err)
		}
		for line := range strings.SplitSeq(string(b[:n]), "\n") {
			heard = append(heard, line)
			if len(lines) > 0 && strings.HasPrefix(line, lines[0]) {
				lines = lines[1:]
			}
		}
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	r := prepare(t, load.App(), "")
	m, env := managed(r, time.Second)
	r.start(exec.Command(r.program, "serve", "--config", filepath.Join(r.dir, "panoply.yaml")), env...)
	m.expect("READY=1", "STATUS=serving ")
	r.awaitUp()
	if code, said := r.panoply("reload"); code != 0 {
		t.Fatal(said)
	}
	m.expect("RELOADING=1", "MONOTONIC_USEC=", "READY=1", "STATUS=serving ")
	m.expect("WATCHDOG=1", "WATCHDOG=1")
	good := r.configure("hedaers: {}\n")
	r.signal(syscall.SIGHUP)
	m.expect("RELOADING=1", "READY=1", "STATUS=reload failed; the configuration of before stays: ")
	if code, said := r.panoply("upgrade"); code != 3 {
		t.Errorf("panoply upgrade = %d %q, want 3", code, said)
	}
	r.configure(good)
	first := r.pid
	r.upgrade()
	// From the first door, which is the one that is heard until then.
	m.expect("MAINPID="+strconv.Itoa(r.pid), "READY=1", "STATUS=serving ")
	r.await("the first door ends", func() bool { return !alive(first) })
	m.expect("WATCHDOG=1", "WATCHDOG=1")
	r.signal(syscall.SIGSTOP) // as a door that is stuck
	silent(m)
	r.signal(syscall.SIGCONT)
	r.signal(syscall.SIGTERM)
	m.expect("STOPPING=1")
}

// silent waits until the manager has heard nothing for twice the time of the watchdog.
func silent(m *manager) {
	m.r.t.Helper()
	b := make([]byte, 4096)
	for end := time.Now().Add(within); time.Now().Before(end); {
		_ = m.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := m.conn.Read(b); err != nil {
			return
		}
	}
	m.r.t.Error("a stopped door gives signs of life")
}

// TestSocketActivation has systemd's own tool listen, and start the door on the first
// connection. Reload and upgrade keep the socket.
func TestSocketActivation(t *testing.T) {
	activate := need.Program(t, "systemd-socket-activate")
	for _, name := range []string{"tls", "panoply.socket"} { // by its name, or by where it listens
		r := prepare(t, load.App(), "bounds: {drain_timeout: 5m}\n")
		r.start(exec.Command(activate, "--listen="+r.address, "--fdname="+name, "--setenv=PATH", r.program, "serve", "--config", filepath.Join(r.dir, "panoply.yaml")))
		r.await("something listens", func() bool {
			conn, err := net.Dial("tcp", r.address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		r.awaitUp()
		l := load.Start(load.Options{Address: r.address, Keep: 1, New: 1, HTTP2: 1, Sockets: 5})
		if code, said := r.panoply("reload"); code != 0 {
			t.Error(said)
		}
		moved := r.configure("")
		r.configure(strings.Replace(moved, r.address, "127.0.0.1:"+strconv.Itoa(need.Port(t)), 1))
		if code, said := r.panoply("reload"); code != 3 || !strings.Contains(said, "the socket is the service manager's") {
			t.Errorf("reload with another address = %d %q, want to hear whose it is", code, said)
		}
		if code, said := r.panoply("upgrade"); code != 3 || !strings.Contains(said, "is for nothing") {
			t.Errorf("upgrade with another address = %d %q, want 3", code, said)
		}
		r.configure(moved)
		r.upgrade()
		if code, said := r.panoply("reload"); code != 0 {
			t.Error(said)
		}
		n := l.Requests()
		r.await("requests go on", func() bool { return l.Requests() > n+20 || l.Failed() > 0 })
		if got := l.Stop(); got.Failed > 0 {
			t.Errorf("%s: %d errors: %v", name, got.Failed, got.Err)
		}
		r.signal(syscall.SIGTERM)
		r.await("the door ends", func() bool { return len(r.processes()) == 0 })
	}
}

func TestASocketForNothing(t *testing.T) {
	activate := need.Program(t, "systemd-socket-activate")
	r := prepare(t, load.App(), "")
	other := "127.0.0.1:" + strconv.Itoa(need.Port(t))
	r.start(exec.Command(activate, "--listen="+other, "--fdname=web", r.program, "serve", "--config", filepath.Join(r.dir, "panoply.yaml")))
	r.await("something listens", func() bool {
		conn, err := net.Dial("tcp", other)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if code := r.exit(); code != 3 || !strings.Contains(r.log(), `socket "web" on `+other+" is for nothing") {
		t.Errorf("exit code %d, log %q, want 3 and to hear of the socket", code, r.log())
	}
}
