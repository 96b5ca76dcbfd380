package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/panoplysec/panoply/internal/load"
)

// TestStopAtTheLastMoment stops the old door while the new one opens the stores. The new one
// is the door by the time that this is heard, and stays.
func TestStopAtTheLastMoment(t *testing.T) {
	r := serveProgram(t, load.App(), "")
	r.awaitUp()
	pipe := filepath.Join(r.state, "logins.json") // read when the old door has let go
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGUSR2)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	next := r.newest(r.pid)
	r.signal(syscall.SIGTERM)
	r.await("the old door hears", func() bool { return strings.Contains(r.log(), "stopping; open requests have") })
	if _, err := w.WriteString("[]"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if code := r.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !alive(next) {
		t.Fatal("the old door has ended the one that had taken over")
	}
	if got := fetch(r.address, "/"); strings.Contains(got, "refused") {
		t.Errorf("GET / = %q after the hand-over", got)
	}
}

// TestOldDoorFollowsTheLog: a door that ends its last requests writes their lines to the
// file that is there, and not to one that was rotated away.
func TestOldDoorFollowsTheLog(t *testing.T) {
	began, finish := make(chan struct{}, 1), make(chan struct{})
	r := prepare(t, slow(began, finish), "")
	file := filepath.Join(r.dir, "access.log")
	text, err := os.ReadFile(filepath.Join(r.dir, "panoply.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r.configure(string(text) + "log: {file: " + file + "}\n")
	r.start(program(r))
	r.awaitUp()
	done := make(chan string, 1)
	go func() { done <- fetch(r.address, "/slow") }()
	<-began
	old := r.pid
	r.upgrade()
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{old, r.pid} {
		if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	r.await("both doors open it anew", func() bool { return strings.Count(r.log(), "access log opened anew") == 2 })
	close(finish)
	if got := <-done; got != "whole" {
		t.Errorf("GET /slow = %q", got)
	}
	_ = fetch(r.address, "/late")
	r.await("lines of both doors", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), `"/slow"`) && strings.Contains(string(text), `"/late"`)
	})
}
