package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/panoplysec/panoply/internal/config"
)

// configUsage describes --config.
const configUsage = "configuration file (default: $" + config.EnvConfig + ", else " + config.FileName + " here, in the user's or in the system's configuration folder)"

// configFile returns the file that was asked for, or the one that the search finds, or ""
// when there is none.
func configFile(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	path, err := config.Search()
	if err != nil {
		return "", &exitError{code: exitUsage, err: err}
	}
	return path, nil
}

// searched says where configFile has looked in vain.
func searched() string {
	return fmt.Sprintf("there is no %s here, nor in %s, and %s names none", config.FileName, strings.Join(config.SearchFolders(), " or "), config.EnvConfig)
}

// loadConfig reads path, or no file when it is "", under the environment and the flags
// given. Every problem becomes a line of its own.
func loadConfig(path string, flags ...config.Flag) (*config.Config, error) {
	cfg, err := config.Source{File: path, Environ: os.Environ(), Flags: flags}.Load()
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return cfg, nil
}
