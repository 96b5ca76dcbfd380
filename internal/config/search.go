package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	// FileName is the name of the configuration file.
	FileName = "panoply.yaml"
	// EnvConfig is the variable that names the configuration file.
	EnvConfig = "PANOPLY_CONFIG"
)

// Find returns the path of the panoply.yaml in dir, or "" when there is none. A
// panoply.yml is an error rather than a file that nobody reads.
func Find(dir string) (string, error) {
	path := filepath.Join(dir, FileName)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", unreadable(path, err)
	}
	other := filepath.Join(dir, "panoply.yml")
	if _, err := os.Stat(other); err == nil {
		return "", &Problem{Origin: Origin{File: other}, Text: "is not read", Hint: "rename it to " + FileName}
	}
	return "", nil
}

// Search returns the configuration file that holds when the command line names none, or ""
// when there is none: the one that PANOPLY_CONFIG names, else the first panoply.yaml of
// the working folder and SearchFolders. A named one that is missing is not passed over.
func Search() (string, error) {
	if path := os.Getenv(EnvConfig); path != "" {
		return path, nil
	}
	for _, dir := range append([]string{"."}, SearchFolders()...) {
		if path, err := Find(dir); path != "" || err != nil {
			return path, err
		}
	}
	return "", nil
}

// SearchFolders are the folders in which Search looks after the working folder.
//
//	Unix      $XDG_CONFIG_HOME/panoply, else ~/.config/panoply; then /etc/panoply
//	Windows   %AppData%\Panoply; then %ProgramData%\Panoply
//
// Source: XDG Base Directory Specification 0.8.
func SearchFolders() []string { return searchFolders(runtime.GOOS, os.Getenv) }

func searchFolders(goos string, getenv func(string) string) []string {
	var all []string
	if goos == "windows" {
		for _, name := range []string{"AppData", "ProgramData"} {
			if dir := getenv(name); dir != "" {
				all = append(all, filepath.Join(dir, "Panoply"))
			}
		}
		return all
	}
	// The specification says to ignore a relative XDG_CONFIG_HOME.
	home := ""
	if dir := getenv("HOME"); filepath.IsAbs(dir) {
		home = filepath.Join(dir, ".config")
	}
	if xdg := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(xdg) {
		home = xdg
	}
	if home != "" {
		all = append(all, filepath.Join(home, "panoply"))
	}
	return append(all, "/etc/panoply")
}
