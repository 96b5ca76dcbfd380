package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// StateDir returns the folder of keys, the local CA and the admin socket, by the
// system's convention. It does not make the folder; MakeStateDir does.
//
//	root             /var/lib/panoply
//	others on Unix   $XDG_STATE_HOME/panoply, else ~/.local/state/panoply
//	macOS            ~/Library/Application Support/Panoply
//	Windows          %LocalAppData%\Panoply
//
// An error means that the environment names no home folder.
//
// Source: XDG Base Directory Specification 0.8.
func StateDir() (string, error) {
	return stateDir(runtime.GOOS, os.Geteuid(), os.Getenv)
}

func stateDir(goos string, uid int, getenv func(string) string) (string, error) {
	missing := errors.New("no folder for the state: the environment names no home; set state in panoply.yaml")
	if goos == "windows" {
		if local := getenv("LocalAppData"); local != "" {
			return filepath.Join(local, "Panoply"), nil
		}
		return "", missing
	}
	if uid == 0 {
		return "/var/lib/panoply", nil
	}
	home := getenv("HOME")
	if goos == "darwin" {
		if home == "" {
			return "", missing
		}
		return filepath.Join(home, "Library", "Application Support", "Panoply"), nil
	}
	// The specification says to ignore a relative XDG_STATE_HOME.
	if xdg := getenv("XDG_STATE_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "panoply"), nil
	}
	if home == "" {
		return "", missing
	}
	return filepath.Join(home, ".local", "state", "panoply"), nil
}

// MakeStateDir makes the state folder with mode 0700 where it is missing. A folder that
// others may write to is refused: whoever can replace the keys in it owns the door.
func MakeStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("state folder %s has mode %04o: others can write to it; run chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}
