//go:build linux || darwin

package doctor

import (
	"os"

	"golang.org/x/sys/unix"
)

const permissions = true

// fileLimit is how many files this process may have open. The Go runtime has raised it to
// what the system allows, as it will for the door.
func fileLimit() (uint64, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, err
	}
	return r.Cur, nil
}

// freeSpace is what is left for this user on the disk of a folder.
func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return s.Bavail * uint64(s.Bsize), nil
}
