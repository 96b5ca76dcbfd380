//go:build !unix

package door

import "os"

// reloadSignal is nil, and so is upgradeSignal: panoply reload is the way there, where it is
// supported.
var reloadSignal, upgradeSignal os.Signal
