//go:build unix

package diskstore

import (
	"errors"
	"os"
)

// mmapSize is address space; the file is as large as what is in it.
const mmapSize = 64 << 20

// syncFolder makes a rename in a folder last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
