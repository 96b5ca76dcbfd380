package redisstore_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/redisstore"
)

// A server is a redis-server on loopback that the test may stop and start.
type server struct {
	addr string
	args []string
	dir  string
	path string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

func start(t testing.TB, args ...string) *server {
	t.Helper()
	port := strconv.Itoa(need.Port(t))
	s := &server{addr: "127.0.0.1:" + port, dir: t.TempDir(), path: need.Program(t, "redis-server", "valkey-server")}
	s.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", s.dir, "--loglevel", "warning"}, args...)
	s.up(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) up(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(s.path, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v\n%s", s.addr, err, s.out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// tell sends one command by hand and returns the first line of the answer.
func (s *server) tell(t testing.TB, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func store(t testing.TB, o redisstore.Options) *redisstore.Store {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second // of a busy machine
	}
	s, err := redisstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// cluster starts three nodes that share the slots.
func cluster(t testing.TB) []*server {
	t.Helper()
	var nodes []*server
	for range 3 {
		nodes = append(nodes, start(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000"))
	}
	for i, n := range nodes {
		from, to := i*16384/3, (i+1)*16384/3-1
		if got := n.tell(t, fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", from, to)); got != "+OK" {
			t.Fatal(got)
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(n.addr)
			if got := nodes[0].tell(t, "CLUSTER MEET "+host+" "+port); got != "+OK" {
				t.Fatal(got)
			}
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ready := 0
		for _, n := range nodes {
			if state(t, n) == "ok" {
				ready++
			}
		}
		if ready == len(nodes) {
			return nodes
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come up")
		}
	}
}

func state(t testing.TB, n *server) string {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = fmt.Fprint(c, "CLUSTER INFO\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "cluster_state:"); ok {
			return v
		}
	}
	return ""
}

// monitor collects the commands that a server executes, without those inside scripts.
type monitor struct {
	conn net.Conn
	mu   sync.Mutex
	seen []string
}

func watch(t testing.TB, s *server) *monitor {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m := &monitor{conn: c}
	if _, err := fmt.Fprint(c, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "+OK" {
		t.Fatalf("MONITOR: %q", lines.Text())
	}
	go func() {
		for lines.Scan() {
			if line := lines.Text(); !strings.Contains(line, " lua]") {
				m.mu.Lock()
				m.seen = append(m.seen, line)
				m.mu.Unlock()
			}
		}
	}()
	return m
}

// of returns the commands that f had executed. A marker of its own closes the list.
func (m *monitor) of(t testing.TB, s *server, f func()) []string {
	t.Helper()
	marker := func(text string) int {
		s.tell(t, "ECHO "+text)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			m.mu.Lock()
			for i, line := range m.seen {
				if strings.Contains(line, `"`+text+`"`) {
					m.mu.Unlock()
					return i
				}
			}
			m.mu.Unlock()
			if time.Now().After(deadline) {
				t.Fatal("MONITOR does not show the marker")
			}
		}
	}
	name := fmt.Sprint("marker-", time.Now().UnixNano())
	from := marker(name + "-from")
	f()
	to := marker(name + "-to")
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.seen[from+1:to]...)
}

func socketPath(t testing.TB) string {
	dir, err := os.MkdirTemp("", "rs") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
