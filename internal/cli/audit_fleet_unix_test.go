//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A herd are TLS servers that count who comes.
type herd struct {
	list  string
	came  []*atomic.Int64
	dir   string
	ports []string
}

// newHerd starts n servers; each connection to one takes at least so long.
func newHerd(t *testing.T, n int, pause time.Duration) *herd {
	t.Helper()
	h := &herd{dir: t.TempDir()}
	var list strings.Builder
	for range n {
		came := new(atomic.Int64)
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Listener = &turnstile{s.Listener, came, pause}
		s.StartTLS()
		t.Cleanup(s.Close)
		h.came = append(h.came, came)
		h.ports = append(h.ports, strings.TrimPrefix(s.URL, "https://"))
		fmt.Fprintln(&list, h.ports[len(h.ports)-1], "example.com")
	}
	h.list = filepath.Join(h.dir, "targets")
	if err := os.WriteFile(h.list, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

type turnstile struct {
	net.Listener
	came  *atomic.Int64
	pause time.Duration
}

func (l *turnstile) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.came.Add(1)
		time.Sleep(l.pause)
	}
	return c, err
}

func (h *herd) audit(args ...string) *exec.Cmd {
	cmd := exec.Command("panoply", append([]string{"audit", "--only", "tls", "--targets", h.list, "--resume", filepath.Join(h.dir, "journal"), "--format", "jsonl"}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+h.dir)
	return cmd
}

// told is a line of the output.
type told struct {
	Line    int
	Target  string
	Outcome string
	Gaps    []string
	Reused  bool
	Report  struct {
		Practices []struct {
			Scans []struct{ Suites map[string][]string }
		}
	}
	Summary *struct {
		Targets, Done, Reused int
		Stopped               bool
	}
}

func read(t *testing.T, text []byte) (lines []told, sum told) {
	t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var l told
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the output is not JSON lines: %v", err)
		}
		if l.Summary != nil {
			sum = l
			continue
		}
		lines = append(lines, l)
	}
	return lines, sum
}

// begun waits until the journal holds n results, or the command ended.
func (h *herd) begun(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(h.dir, "journal"))
		if bytes.Count(text, []byte("\n")) > n {
			return
		}
	}
	t.Fatal("the journal holds too little after a minute")
}

// finish runs the command to its end and holds that all targets are told of, in order,
// and that those of an earlier run were not asked again.
func (h *herd) finish(t *testing.T) (reused int) {
	t.Helper()
	before := make([]int64, len(h.came))
	for i, c := range h.came {
		before[i] = c.Load()
	}
	var out, errs bytes.Buffer
	cmd := h.audit()
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit %d, want 1 for the certificates: %v\n%s", cmd.ProcessState.ExitCode(), err, errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("where nobody watches it says %q", errs.String())
	}
	lines, sum := read(t, out.Bytes())
	if len(lines) != len(h.ports) || sum.Summary == nil || sum.Summary.Done != len(h.ports) || sum.Summary.Stopped {
		t.Fatalf("%d lines, summary %+v", len(lines), sum.Summary)
	}
	for i, l := range lines {
		if l.Line != i+1 || l.Target != h.ports[i] || l.Outcome != "findings" || len(l.Gaps) > 0 {
			t.Errorf("line %d is %+v, want the whole answer of %s", i+1, l, h.ports[i])
		}
		if n := len(l.Report.Practices); n == 0 {
			t.Errorf("line %d has no report", i+1)
		}
		for _, p := range l.Report.Practices {
			for _, s := range p.Scans {
				if len(s.Suites["TLSv1.3"]) != 3 {
					t.Errorf("line %d: suites %v", i+1, s.Suites)
				}
			}
		}
		if l.Reused {
			reused++
			if n := h.came[i].Load(); n != before[i] {
				t.Errorf("line %d is from the journal, and its server was asked %d times", i+1, n-before[i])
			}
		}
	}
	if reused != sum.Summary.Reused {
		t.Errorf("%d lines are from the journal, the summary says %d", reused, sum.Summary.Reused)
	}
	return reused
}

// TestFleetGoesOnAfterKill kills a run over many targets in its middle, tears the last
// line of its journal as a full disk or a lost machine would, and goes on.
func TestFleetGoesOnAfterKill(t *testing.T) {
	h := newHerd(t, 24, 5*time.Millisecond)
	cmd := h.audit("--parallel", "2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	h.begun(t, 5)
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	name := filepath.Join(h.dir, "journal")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	written := bytes.Count(text, []byte("\n")) - 1
	if err := os.WriteFile(name, text[:bytes.LastIndexByte(text, '\n')-20], 0o600); err != nil {
		t.Fatal(err)
	}
	if reused := h.finish(t); reused < written-1 || reused > written || reused == len(h.ports) {
		t.Errorf("%d answers were reused, want the %d of before but for the torn one", reused, written)
	}
	if reused := h.finish(t); reused != len(h.ports) {
		t.Errorf("%d answers were reused when all were there", reused)
	}
	// Another question finds no answer of this one.
	other := h.audit("--sni", "other.test", "--rate", "77")
	out, _ := other.Output()
	if _, sum := read(t, out); sum.Summary == nil || sum.Summary.Reused != 0 {
		t.Errorf("with other options the summary is %+v", sum.Summary)
	}
}

// TestFleetStops holds that Ctrl-C ends a run soon, with what is done, the exit code of
// what could not be completed, and the way to go on.
func TestFleetStops(t *testing.T) {
	h := newHerd(t, 24, 5*time.Millisecond)
	cmd := h.audit("--parallel", "2")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	h.begun(t, 3)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit %d, want 3\n%s", code, errs.String())
	}
	if text := errs.String(); !strings.Contains(text, "stopped after") || !strings.Contains(text, "goes on") {
		t.Errorf("it says %q", text)
	}
	lines, sum := read(t, out.Bytes())
	if sum.Summary == nil || !sum.Summary.Stopped || sum.Summary.Done != len(lines) || len(lines) < 3 || len(lines) == len(h.ports) {
		t.Fatalf("%d lines, summary %+v", len(lines), sum.Summary)
	}
	for _, l := range lines {
		if l.Outcome != "findings" || len(l.Gaps) > 0 {
			t.Errorf("what was stopped is told as an answer: %+v", l)
		}
	}
	if reused := h.finish(t); reused < len(lines) {
		t.Errorf("%d answers were reused, want at least the %d that were told", reused, len(lines))
	}
}

// TestFleetReaderGoesAway holds that a reader who goes away ends the run, and that its
// journal is good for the next.
func TestFleetReaderGoesAway(t *testing.T) {
	h := newHerd(t, 12, time.Millisecond)
	cmd := h.audit("--parallel", "2")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if _, err := bufio.NewReaderSize(pipe, 16).ReadByte(); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	cmd.Wait()
	if cmd.ProcessState.Success() {
		t.Error("the run ended as if its report had been read")
	}
	h.finish(t)
}
