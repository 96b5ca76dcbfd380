//go:build unix

package door

import (
	"os"
	"syscall"
)

var reloadSignal, upgradeSignal os.Signal = syscall.SIGHUP, syscall.SIGUSR2

// reopenSignal is what logrotate sends after it has renamed the access log.
var reopenSignal os.Signal = syscall.SIGUSR1

// brokenPipe would end the program when whoever reads its stdout goes away.
var brokenPipe os.Signal = syscall.SIGPIPE
