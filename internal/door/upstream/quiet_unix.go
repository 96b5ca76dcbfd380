//go:build unix

package upstream

import (
	"time"

	"golang.org/x/sys/unix"
)

// quiet tells whether a connection that was idle for that long is open and has nothing to
// read. It asks the kernel and does not wait.
func (c *conn) quiet(time.Duration) bool {
	if c.raw == nil {
		return true
	}
	if c.look == nil {
		c.look = func(fd uintptr) {
			fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			for {
				n, err := unix.Poll(fds[:], 0)
				if err == unix.EINTR {
					continue
				}
				c.ready = err != nil || n != 0
				return
			}
		}
	}
	return c.raw.Control(c.look) == nil && !c.ready
}
