//go:build unix

package handover

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the program that takes over.
func TestMain(m *testing.M) {
	if what := os.Getenv("PANOPLY_TEST_CHILD"); what != "" {
		os.Exit(child(what))
	}
	os.Exit(m.Run())
}

func child(what string) int {
	c, err := Inherited()
	if err != nil || c == nil || os.Getenv(variable) != "" {
		return 4
	}
	switch what {
	case "fail":
		c.Fail(errors.New("the file is bad"))
		return 2
	case "die":
		return 7
	case "hang":
		time.Sleep(time.Minute)
	}
	ln, err := Listener(0)
	if err != nil {
		return 5
	}
	if c.Send("ready", nil) != nil || c.Expect("go", nil, time.Minute) != nil {
		return 6
	}
	go c.Answer(func(m Message) (any, error) {
		if m.Kind == "odd" {
			return nil, errors.New("odd")
		}
		return m.Kind + "!", nil
	})
	conn, err := ln.Accept()
	if err != nil {
		return 8
	}
	_, _ = io.WriteString(conn, "from the child")
	_ = conn.Close()
	time.Sleep(time.Minute)
	return 0
}

func start(t *testing.T, what string, files ...*os.File) *Process {
	t.Helper()
	t.Setenv("PANOPLY_TEST_CHILD", what)
	t.Setenv("LISTEN_FDS", "9")
	s, err := Start(Program{Path: os.Args[0], Args: os.Args}, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

func TestHandOver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := File(ln)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "serve", f)
	// The descriptor is one and the same: were it to block, Close would not end an Accept.
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("the socket blocks: flags %#x, %v", flags, err)
	}
	_ = f.Close()
	if err := s.Expect("ready", nil, time.Minute); err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	if err := s.Send("go", nil); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != "from the child" {
		t.Errorf("read %q, %v, want the child's", got, err)
	}
	var answer string
	if err := s.Ask("what", nil, &answer, time.Minute); err != nil || answer != "what!" {
		t.Errorf("Ask = %q, %v", answer, err)
	}
	if err := s.Ask("odd", nil, nil, time.Minute); err == nil || err.Error() != "odd" {
		t.Errorf("Ask = %v, want the child's error", err)
	}
	if err := s.Ask("again", nil, &answer, time.Minute); err != nil || answer != "again!" {
		t.Errorf("after an error Ask = %q, %v", answer, err)
	}
	if how := s.Stop(); !strings.Contains(how, "killed") {
		t.Errorf("Stop() = %q, want killed", how)
	}
	if err := s.Ask("what", nil, nil, time.Second); err == nil {
		t.Error("the dead answer")
	}
}

func TestAProgramThatDoesNotTakeOver(t *testing.T) {
	if err := start(t, "fail").Expect("ready", nil, time.Minute); err == nil || err.Error() != "the file is bad" {
		t.Errorf("Expect = %v, want the reason", err)
	}
	s := start(t, "die")
	if err := s.Expect("ready", nil, time.Minute); !errors.Is(err, io.EOF) {
		t.Errorf("Expect = %v, want the end", err)
	}
	if how := s.Stop(); how != "exit status 7" {
		t.Errorf("Stop() = %q, want the exit status", how)
	}
	if err := start(t, "hang").Expect("ready", nil, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Expect = %v, want a timeout", err)
	}
	if _, err := Start(Program{Path: "/nowhere"}, nil); err == nil {
		t.Error("a file that is not there was started")
	}
}

func TestNothingInherited(t *testing.T) {
	if c, err := Inherited(); c != nil || err != nil {
		t.Errorf("Inherited() = %v, %v, want nil", c, err)
	}
	t.Setenv(variable, "17")
	if c, err := Inherited(); c != nil || err == nil {
		t.Errorf("Inherited() = %v, %v, want an error", c, err)
	}
	if _, set := os.LookupEnv(variable); set {
		t.Error("the variable is left for children")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"kind":"ready"}`), uint32(16))
	f.Add([]byte(`{"kind":1}`), uint32(10))
	f.Add([]byte{}, uint32(1<<31))
	f.Fuzz(func(t *testing.T, text []byte, size uint32) {
		m, err := read(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, size), text...)))
		if err == nil && int(size) > len(text) {
			t.Errorf("a message of %d bytes from %d: %v", size, len(text), m)
		}
	})
}
