package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
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

// within bounds every wait for a process: under -race on a busy machine all takes long.
const within = time.Minute

// process is the real program as a door, and those that take over from it. Its first process is a
// child of the test, the others are not.
type process struct {
	t       *testing.T
	dir     string // of the program, its configuration and its log
	state   string
	program string
	address string
	cmd     *exec.Cmd
	ended   chan struct{}
	pid     int // of the door of now
}

// serveProgram starts the program before app with more lines of configuration.
func serveProgram(t *testing.T, app http.Handler, more string, env ...string) *process {
	t.Helper()
	r := prepare(t, app, more)
	r.start(program(r), env...)
	return r
}

// program is the door's command.
func program(r *process) *exec.Cmd {
	return exec.Command(r.program, "serve", "--config", filepath.Join(r.dir, "panoply.yaml"))
}

// prepare makes a folder with the program, which may be replaced there, and a configuration.
func prepare(t *testing.T, app http.Handler, more string) *process {
	t.Helper()
	behind := httptest.NewServer(app)
	t.Cleanup(behind.Close)
	dir, err := os.MkdirTemp("", "u") // short, since the path of a unix socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &process{t: t, dir: dir, state: filepath.Join(dir, "s"), program: filepath.Join(dir, "panoply"), address: "127.0.0.1:" + strconv.Itoa(need.Port(t))}
	r.install()
	r.configure("upstream: " + strings.TrimPrefix(behind.URL, "http://") + "\nlisten: " + r.address + "\nredirect: \"off\"\nadmin: {listen: \"off\"}\nprobes: \"off\"\nstate: " + r.state + "\n" + more)
	return r
}

// install puts the real program in its place.
func (r *process) install() {
	r.t.Helper()
	own, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	_ = os.Remove(r.program)
	if err := os.Link(own, r.program); err == nil {
		return
	}
	text, err := os.ReadFile(own)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.program, text, 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// replace puts a script in the program's place.
func (r *process) replace(script string) {
	r.t.Helper()
	_ = os.Remove(r.program)
	if err := os.WriteFile(r.program, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// configure writes the configuration, and returns what was there.
func (r *process) configure(text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, "panoply.yaml")
	before, _ := os.ReadFile(path)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return string(before)
}

func (r *process) start(cmd *exec.Cmd, env ...string) {
	r.t.Helper()
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	// Files and not pipes: those that take over inherit them.
	cmd.Stdout, cmd.Stderr = log, log
	// The name that it is called by leads to the program of this folder.
	cmd.Env = append(append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH")), env...)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.cmd, r.pid, r.ended = cmd, cmd.Process.Pid, make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	r.t.Cleanup(func() {
		for _, pid := range r.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-r.ended
		if r.t.Failed() {
			r.t.Logf("the log of the doors:\n%s", r.log())
		}
	})
}

// processes are those that run the program of this folder.
func (r *process) processes() (all []int) {
	mark := []byte("serve\x00--config\x00" + filepath.Join(r.dir, "panoply.yaml") + "\x00")
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, mark) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all = append(all, pid)
		}
	}
	return all
}

func (r *process) log() string {
	text, _ := os.ReadFile(filepath.Join(r.dir, "log"))
	return string(text)
}

// await waits for a condition.
func (r *process) await(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not within %v", what, within)
		}
	}
}

// awaitUp waits until the door answers orders.
func (r *process) awaitUp() {
	r.t.Helper()
	r.await("the door is up", func() bool { code, _ := r.panoply("status"); return code == 0 })
}

// panoply runs a command on the door, and returns its exit code and what it says.
func (r *process) panoply(args ...string) (int, string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), within)
	defer cancel()
	out, err := exec.CommandContext(ctx, "panoply", append(args, "--state", r.state)...).CombinedOutput()
	if err != nil && ctx.Err() != nil {
		r.t.Fatalf("panoply %v: %v", args, err)
	}
	code := 0
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// upgrade upgrades by the command, and notes the new process.
func (r *process) upgrade() {
	r.t.Helper()
	code, said := r.panoply("upgrade")
	if code != 0 {
		r.t.Fatalf("panoply upgrade = %d: %s", code, said)
	}
	before := r.pid
	if _, err := fmt.Sscanf(said, "panoply: upgraded; process %d is the door now", &r.pid); err != nil || r.pid == before {
		r.t.Fatalf("panoply upgrade says %q, want another process than %d", said, before)
	}
}

// alive tells a process that runs: not one that nobody has waited for.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func (r *process) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.pid, s); err != nil {
		r.t.Fatal(err)
	}
}

// exit waits for the first process to end and returns its exit code.
func (r *process) exit() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(within):
		r.t.Fatal("the door does not end")
	}
	return r.cmd.ProcessState.ExitCode()
}

// slow is an app whose /slow answers when told to.
func slow(began chan<- struct{}, finish <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			load.App().ServeHTTP(w, r)
			return
		}
		began <- struct{}{}
		select {
		case <-finish:
			_, _ = io.WriteString(w, "whole")
		case <-r.Context().Done():
		}
	})
}

func TestSecondSignalCuts(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, cut := range []bool{false, true} {
			began, finish := make(chan struct{}, 1), make(chan struct{})
			r := serveProgram(t, slow(began, finish), "bounds: {drain_timeout: 1m, response_timeout: 1m}\n")
			r.awaitUp()
			answer := make(chan string, 1)
			go func() { answer <- fetch(r.address, "/slow") }()
			<-began
			r.signal(signal)
			r.await("it drains", func() bool { return strings.Contains(r.log(), "stopping; open requests have 1m") })
			if cut {
				r.signal(signal)
			} else {
				close(finish)
			}
			want, whole := 0, "whole"
			if cut {
				want = 3 // could not complete
			}
			if code := r.exit(); code != want {
				t.Errorf("%v, cut %t: exit code %d, want %d", signal, cut, code, want)
			}
			if got := <-answer; (got == whole) == cut {
				t.Errorf("%v, cut %t: the open request got %q", signal, cut, got)
			}
		}
	}
}

// TestACrashIsASignal holds what the unit of packaging says: a watchdog's signal, or a
// panic, is not the exit status of a wrong configuration, after which no restart comes.
func TestACrashIsASignal(t *testing.T) {
	r := prepare(t, load.App(), "")
	cmd := exec.Command(r.program, "serve", "--config", filepath.Join(r.dir, "panoply.yaml"))
	cmd.Dir = r.dir
	r.start(cmd, "GOTRACEBACK=crash")
	r.awaitUp()
	r.signal(syscall.SIGABRT)
	if code := r.exit(); code != -1 {
		t.Errorf("exit code %d, want a signal", code)
	}
}
