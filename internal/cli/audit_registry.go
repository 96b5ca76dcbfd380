package cli

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/npmregistry"
)

// registry is who is asked about the folder's packages: the registries of the caller's own
// settings, and those of the folder only where it is trusted.
func (v *auditFlags) registry(folder string) (check.Registry, error) {
	if !v.askRegistry {
		return nil, nil
	}
	if folder == "" {
		return nil, usageError("name the app's folder too", "--ask-registry asks about a folder's dependencies, and there is no folder")
	}
	return askNPM(folder, v.trustProject, "--ask-registry goes")
}

// askNPM is a client of the registries of the user's own settings, and of those of a
// trusted folder. by says who goes by them.
func askNPM(folder string, trust bool, by string) (*npmregistry.Client, error) {
	from := npmregistry.Sources{Environ: os.Environ(), Machine: machineSettings()}
	if home, err := os.UserHomeDir(); err == nil {
		from.User = filepath.Join(home, ".npmrc")
	}
	if trust {
		from.Project = filepath.Join(folder, ".npmrc")
	}
	settings, err := npmregistry.Load(from)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err, hint: "the settings of npm that " + by + " by"}
	}
	client, err := npmregistry.New(settings)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err, hint: "the settings of npm that " + by + " by"}
	}
	return client, nil
}

// machineSettings is npm's file for all users of the machine, where npm is not asked which
// it is: the first that is there of those that its packages use.
func machineSettings() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	for _, name := range []string{"/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc"} {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return ""
}
