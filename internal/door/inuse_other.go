//go:build !unix

package door

import (
	"errors"
	"syscall"
)

// wsaInUse is WSAEADDRINUSE.
const wsaInUse = syscall.Errno(10048)

func inUse(err error) bool { return errors.Is(err, wsaInUse) }
