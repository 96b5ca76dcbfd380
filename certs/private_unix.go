//go:build unix

package certs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// private refuses folders in which others can replace files, and a key that others can
// read: a root key that was readable must be taken as known.
func private(folder, key string) error {
	state := filepath.Dir(folder)
	for _, dir := range []string{state, folder} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		// The sticky bit keeps others from replacing what is not theirs.
		if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&os.ModeSticky == 0 {
			return fmt.Errorf("%s has mode %04o, so others can replace what is in it; run chmod go-w %s, and delete %s for a new CA", dir, mode.Perm(), dir, folder)
		}
	}
	for _, name := range []string{folder, key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() && s.Uid != 0 {
			return fmt.Errorf("%s belongs to user %d, who can read and change it; run as that user, or choose another state folder", name, s.Uid)
		}
		if mode := info.Mode().Perm(); name == key && mode&0o077 != 0 {
			return fmt.Errorf("%s has mode %04o, so others could read it; delete %s for a new CA", key, mode, folder)
		}
	}
	return nil
}
