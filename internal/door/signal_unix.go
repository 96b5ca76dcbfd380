//go:build unix

package door

import (
	"os"
	"syscall"
)

var reloadSignal os.Signal = syscall.SIGHUP
