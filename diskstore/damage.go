package diskstore

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var errDamaged = errors.New("the file is damaged")

func damaged(path string, cause error) error {
	return fmt.Errorf("diskstore: %s is no store or is damaged: stop the program and put a copy in its place, or move it away to begin with an empty one (everybody is logged out then): %w", path, cause)
}

// guarded makes an error of what bbolt does with a file that was cut or overwritten, which
// is to panic, or to follow a page number out of the file. Single changed bits, which bbolt
// does not look for outside of its head, may still lead it anywhere: that is for the file
// system to find.
func guarded(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if value := recover(); value != nil {
			err = damaged(path, fmt.Errorf("%w: %v", errDamaged, value))
		}
	}()
	err = f()
	if errors.Is(err, errDamaged) {
		return damaged(path, err)
	}
	return err
}
