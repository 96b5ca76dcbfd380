//go:build unix

package door

import (
	"os"
	"syscall"
)

var reloadSignal, upgradeSignal os.Signal = syscall.SIGHUP, syscall.SIGUSR2
