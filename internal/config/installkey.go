package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// MinInstallKey is the least length of an install key, in bytes.
const MinInstallKey = 32

// maxInstallKey bounds what is read of a file that is not one.
const maxInstallKey = 4096

// ReadInstallKey reads the file of a key that doors share. White space around it does not
// count, since tools differ in how they end a file; but a file of exactly 32 bytes is one
// that a door has made, install.key of its state folder, and is taken as it is.
func ReadInstallKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// Asked before it is opened: a pipe would be waited for.
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxInstallKey+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxInstallKey {
		return nil, fmt.Errorf("%s holds more than %d bytes, want %d to %d", path, maxInstallKey, MinInstallKey, maxInstallKey)
	}
	if len(text) != MinInstallKey {
		text = bytes.TrimSpace(text)
	}
	if len(text) < MinInstallKey {
		return nil, fmt.Errorf("%s holds %d bytes, want %d to %d", path, len(text), MinInstallKey, maxInstallKey)
	}
	return text, nil
}

func (k *checker) installKey() {
	if path := k.cfg.InstallKey; path != "" {
		if _, err := ReadInstallKey(path); err != nil {
			k.note("install_key", err.Error(), "(umask 077; head -c 32 /dev/urandom | base64 > "+path+")", err)
		}
	}
}
