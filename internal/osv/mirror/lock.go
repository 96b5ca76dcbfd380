package mirror

import (
	"errors"
	"fmt"
	"os"

	"github.com/panoplysec/panoply/internal/filelock"
)

// ErrLocked says that another update of the folder is under way.
var ErrLocked = errors.New("another update is under way")

// lock holds a folder until the process ends or the function is called. The file stays:
// to remove it would give two processes two locks.
func lock(name string) (func(), error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	if err := filelock.Try(f); err != nil {
		f.Close()
		if errors.Is(err, filelock.ErrHeld) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("mirror: %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}
