//go:build !linux && !darwin

package upstream

import "time"

// quiet tells whether a connection that was idle for that long is open and has nothing to
// read. Where the kernel cannot be asked, a read waits a moment for what is there; not
// after a short idleness, in which nothing is likely to have happened.
func (c *conn) quiet(idle time.Duration) bool {
	if idle < 50*time.Millisecond {
		return true
	}
	_ = c.net.SetReadDeadline(time.Now().Add(time.Millisecond))
	var one [1]byte
	n, err := c.net.Read(one[:])
	return n == 0 && timedOut(err)
}
