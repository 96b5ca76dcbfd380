package compat_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
)

// A process is a node program of app/ that speaks JSON lines on its standard input and
// output, and ends when its input does.
type process struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan []byte
	noise *noise
}

// noise keeps the end of what a program says on stderr.
type noise struct {
	mu   sync.Mutex
	text []byte
}

func (n *noise) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, p...)
	n.text = n.text[max(0, len(n.text)-4<<10):]
	return len(p), nil
}

func (n *noise) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.text)
}

// node starts app/script and kills it, by its own pid, when the test ends.
func node(t *testing.T, script string, env ...string) *process {
	t.Helper()
	program := need.Program(t, "node")
	modules := need.Modules(t, "express", "ws", "passport-oauth2", "puppeteer-core")
	path, err := filepath.Abs(filepath.Join("app", script))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, path)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_PATH=" + modules, "NODE_ENV=production"}, env...)
	p := &process{name: script, cmd: cmd, lines: make(chan []byte, 16), noise: &noise{}}
	cmd.Stderr = p.noise
	cmd.WaitDelay = time.Second
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			p.lines <- bytes.Clone(s.Bytes())
		}
	}()
	t.Cleanup(p.stop)
	return p
}

// stop lets the program end by itself, and kills it when it does not.
func (p *process) stop() {
	p.in.Close()
	done := make(chan struct{})
	go func() {
		for range p.lines {
		}
		p.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-done
	}
}

// kill ends the program at once, as a crash would, and waits until it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	for range p.lines {
	}
}

// read decodes the program's next line into v.
func (p *process) read(t *testing.T, v any) {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			t.Fatalf("%s ended: %s", p.name, p.noise)
		}
		if err := json.Unmarshal(line, v); err != nil {
			t.Fatalf("%s says %q, want JSON", p.name, line)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s says nothing: %s", p.name, p.noise)
	}
}

// port reads the first line of a server.
func (p *process) port(t *testing.T) int {
	t.Helper()
	var said struct{ Port int }
	p.read(t, &said)
	if said.Port == 0 {
		t.Fatalf("%s told no port", p.name)
	}
	return said.Port
}

// apps are the app that stands behind the door and the sites that do not.
type apps struct {
	app     *process
	port    int
	foreign int
}

func startApps(t *testing.T) apps {
	t.Helper()
	foreign := node(t, "foreign.cjs")
	a := apps{foreign: foreign.port(t)}
	a.app = node(t, "app.cjs", fmt.Sprintf("FOREIGN=%d", a.foreign))
	a.port = a.app.port(t)
	return a
}
