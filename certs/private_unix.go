//go:build unix

package certs

import (
	"fmt"
	"os"
	"syscall"
)

// private refuses a folder that others can change and a key that others can read: a
// root key that was readable must be taken as known.
func private(folder, key string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o, so others can replace what is in it; delete it for a new CA", folder, mode)
	}
	info, err = os.Stat(key)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so others could read it; delete %s for a new CA", key, mode, folder)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() && s.Uid != 0 {
		return fmt.Errorf("%s belongs to user %d, who can read it; run as that user, or choose another state folder", key, s.Uid)
	}
	return nil
}
