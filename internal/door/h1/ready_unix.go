//go:build linux || darwin

package h1

import "syscall"

// ready tells whether a read of the socket would not wait. It has to look: what came
// before the poller was asked is not told again.
func ready(fd uintptr) bool {
	var one [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
