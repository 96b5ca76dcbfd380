//go:build !unix

package handover

import (
	"net"
	"os"
)

// A Program is what Start starts.
type Program struct {
	Path string
	Args []string
}

// A Process is a door that was started to take over.
type Process struct{ *Channel }

// Start is not supported here.
func Start(Program, []*os.File) (*Process, error) { return nil, ErrUnsupported }

// PID is the process's.
func (s *Process) PID() int { return 0 }

// Stop ends the process.
func (s *Process) Stop() string { return "" }

// Inherited is nil: nobody hands over here.
func Inherited() (*Channel, error) { return nil, nil }

// Listener is not supported here.
func Listener(int) (net.Listener, error) { return nil, ErrUnsupported }

// File is not supported here.
func File(net.Listener) (*os.File, error) { return nil, ErrUnsupported }
