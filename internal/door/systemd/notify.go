package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Manager is who started this process and wants to hear of it. The nil Manager is
// nobody, and takes every message. It is safe for concurrent use.
type Manager struct {
	socket   string
	watchdog time.Duration
}

// FromEnv returns the manager that NOTIFY_SOCKET names; nil where there is none. The
// variable stays, for a program that takes over from this one.
func FromEnv() *Manager {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" || socket[0] != '/' && socket[0] != '@' {
		return nil // AF_VSOCK is for virtual machines
	}
	return &Manager{socket: socket, watchdog: watchdog(os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID"), os.Getpid())}
}

// watchdog reads the interval; zero for none, or where another process is meant.
func watchdog(usec, pid string, own int) time.Duration {
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) || pid != "" && pid != strconv.Itoa(own) {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// Watchdog is the time after which the manager takes a silent door for dead. Zero is
// never.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// Ready says that the door serves, after its start or a reload.
func (m *Manager) Ready(status string) { m.send("READY=1", "STATUS="+oneLine(status)) }

// Reloading says that a reload has begun; Ready ends it, whatever came of it.
func (m *Manager) Reloading() {
	if now, ok := monotonic(); ok {
		m.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Microseconds(), 10))
		return
	}
	m.send("RELOADING=1")
}

// Stopping says that the door drains.
func (m *Manager) Stopping() { m.send("STOPPING=1", "STATUS=finishing what was begun") }

// MainPID says that another process is the service from now on. It is heard from who was
// that before, so it is sent first, and then what the new one has to say.
func (m *Manager) MainPID(pid int) { m.send(fmt.Sprintf("MAINPID=%d", pid)) }

// Alive is a sign of life for the watchdog.
func (m *Manager) Alive() { m.send("WATCHDOG=1") }

func (m *Manager) send(lines ...string) {
	if m == nil {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte(strings.Join(lines, "\n")))
}

// oneLine keeps a text from being more than one of the manager's lines.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > 512 {
		text = strings.ToValidUTF8(text[:512], "") + "…"
	}
	return text
}
