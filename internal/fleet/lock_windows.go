package fleet

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock takes the file for this process; it ends with the process, however that ends. A
// byte far behind the end is locked, so that others may read.
func lock(f *os.File) error {
	far := &windows.Overlapped{OffsetHigh: 0x7fffffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrInUse
	}
	return err
}
