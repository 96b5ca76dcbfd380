//go:build linux || darwin

package upstream

import (
	"syscall"
	"time"
)

// quiet tells whether a connection that was idle for that long is open and has nothing to
// read. It asks the kernel and does not wait.
func (c *conn) quiet(time.Duration) bool {
	if c.raw == nil {
		return true
	}
	if c.look == nil {
		c.look = func(fd uintptr) {
			var one [1]byte
			err := error(syscall.EINTR)
			for err == syscall.EINTR {
				_, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			}
			c.ready = err != syscall.EAGAIN
		}
	}
	return c.raw.Control(c.look) == nil && !c.ready
}
