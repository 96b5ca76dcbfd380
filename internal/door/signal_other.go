//go:build !unix

package door

import "os"

// reloadSignal is nil: panoply reload is the way there, where it is supported.
var reloadSignal os.Signal
