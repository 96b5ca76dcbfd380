//go:build unix

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Program is what Start starts.
type Program struct {
	// Path is the file, Args all its arguments beginning with the name it was called by.
	Path string
	Args []string
}

// A Process is a door that was started to take over.
type Process struct {
	*Channel
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	state string        // how it ended
	once  sync.Once
}

// unwanted are the variables of this process alone.
var unwanted = []string{"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID=", variable + "="}

// Start starts a program that inherits files, in this process's environment, folder and
// outputs. The files stay the caller's.
func Start(p Program, files []*os.File) (*Process, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := &exec.Cmd{Path: p.Path, Args: p.Args, Stdout: os.Stdout, Stderr: os.Stderr}
	for _, v := range os.Environ() {
		if !startsWithAny(v, unwanted) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, variable+"="+strconv.Itoa(channelFD))
	cmd.ExtraFiles = append([]*os.File{theirs}, files...)
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("handover: start %s: %w", p.Path, err)
	}
	s := &Process{Channel: &Channel{conn: ours}, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		s.state = cmd.ProcessState.String()
		close(s.ended)
	}()
	return s, nil
}

func startsWithAny(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// PID is the process's.
func (s *Process) PID() int { return s.cmd.Process.Pid }

// Stop ends the process at once, waits until it is gone and what it had locked is free,
// and returns how it ended.
func (s *Process) Stop() string {
	s.once.Do(func() {
		_ = s.Close()
		select {
		case <-s.ended: // by itself, which is worth telling
		case <-time.After(500 * time.Millisecond):
			_ = s.cmd.Process.Kill()
		}
	})
	<-s.ended
	return s.state
}

// pair makes the channel.
func pair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("handover: %w", err)
	}
	mine := os.NewFile(uintptr(fds[0]), "handover")
	theirs = os.NewFile(uintptr(fds[1]), "handover")
	ours, err = net.FileConn(mine)
	_ = mine.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("handover: %w", err)
	}
	return ours, theirs, nil
}

// Inherited returns the channel to the door that started this process, and takes what
// says so out of the environment. It is nil where nobody did.
func Inherited() (*Channel, error) {
	value, ok := os.LookupEnv(variable)
	_ = os.Unsetenv(variable)
	if !ok {
		return nil, nil
	}
	if value != strconv.Itoa(channelFD) {
		return nil, fmt.Errorf("handover: %s is set to %.20q by somebody else; it is what one door tells another", variable, value)
	}
	f := os.NewFile(channelFD, "handover")
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("handover: %s is set, but there is no channel: %w", variable, err)
	}
	if _, ok := conn.(*net.UnixConn); !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("handover: %s is set, but there is no channel", variable)
	}
	return &Channel{conn: conn}, nil
}

// Listener returns the inherited socket i.
func Listener(i int) (net.Listener, error) {
	if i < 0 || i > 1<<10 {
		return nil, errors.New("handover: no such socket")
	}
	f := os.NewFile(uintptr(channelFD+1+i), "listener")
	if f == nil {
		return nil, errors.New("handover: no such socket")
	}
	ln, err := net.FileListener(f) // a copy that no child inherits
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("handover: socket %d: %w", i, err)
	}
	return ln, nil
}

// File returns a copy of a listener's descriptor for Start. Unlike File of the listener it
// leaves what both share as it is: that one would make the socket block, and an Accept
// that blocks does not hear of Close.
func File(ln net.Listener) (*os.File, error) {
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("handover: a %T has no descriptor", ln)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	var fd int
	var dupErr error
	if err := raw.Control(func(own uintptr) { fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	if dupErr != nil {
		return nil, fmt.Errorf("handover: copy a socket: %w", dupErr)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}
