package cli

import (
	"os"

	"github.com/panoplysec/panoply/internal/config"
)

// configFile returns the file that was asked for, or panoply.yaml of this folder, or ""
// when there is none.
func configFile(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	path, err := config.Find(".")
	if err != nil {
		return "", &exitError{code: exitUsage, err: err}
	}
	return path, nil
}

// loadConfig reads path, or the defaults when it is "", under the flags given. Every
// problem becomes a line of its own.
func loadConfig(path string, flags ...config.Flag) (*config.Config, error) {
	var cfg *config.Config
	var err error
	if path == "" {
		cfg, err = config.FromFlags(flags...)
	} else {
		cfg, err = config.Load(path, os.LookupEnv, flags...)
	}
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return cfg, nil
}
