package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// readValue reads the value of a variable from a file, as Docker and Kubernetes hand out
// secrets: without the line feeds at its end. Whatever is no file is refused before it is
// opened, since a pipe would wait for a writer.
func readValue(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", unreadableValue(path, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("is %s, which is no file", quoted(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unreadableValue(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxEnvFile+1))
	switch {
	case err != nil:
		return "", unreadableValue(path, err)
	case len(text) > maxEnvFile:
		return "", fmt.Errorf("is %s, which is larger than %d bytes", quoted(path), maxEnvFile)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", fmt.Errorf("is %s, which is empty", quoted(path))
	}
	return value, nil
}

func unreadableValue(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("is %s, which cannot be read: %w", quoted(path), err)
}
