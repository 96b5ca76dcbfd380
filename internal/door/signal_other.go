//go:build !unix

package door

import "os"

// reloadSignal is nil, and so is upgradeSignal: panoply reload is the way there, where it is
// supported.
var reloadSignal, upgradeSignal os.Signal

// reopenSignal is nil: there is no such signal here.
var reopenSignal os.Signal

// brokenPipe is nil: to write to a pipe that nobody reads is an error here and no signal.
var brokenPipe os.Signal
