package config

import (
	"os"
	"path/filepath"
)

// logFile checks what can be known of the access log without opening it.
func (k *checker) logFile() {
	path := k.cfg.Log.File
	if path == "" {
		return
	}
	if folder := filepath.Dir(path); !isFolder(folder) {
		k.note("log.file", "is in "+quoted(folder)+", which is no folder", "make it first", nil)
		return
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && info.Mode()&os.ModeDevice == 0 {
		k.bad("log.file", path, "a file or a device", "leave it empty for stdout")
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
