package check

import "context"

// A Registry says which advisories packages of npm are under. It is asked with the names
// and versions of a lockfile, which it so gets to know.
type Registry interface {
	// Advisories asks about packages by name and versions. The error says what was not
	// answered; what the answer holds was told all the same. It is safe for concurrent use.
	Advisories(ctx context.Context, versions map[string][]string) (RegistryAnswer, error)
}

// A RegistryAnswer is what registries told.
type RegistryAnswer struct {
	// From are the hosts that answered.
	From []string
	// Advisories are those of each package, whichever of its versions they are about.
	Advisories map[string][]RegistryAdvisory
}

// A RegistryAdvisory is one as a registry tells it.
type RegistryAdvisory struct {
	// ID is that of GitHub's database, or else "npm-" and the registry's own number.
	ID    string
	URL   string
	Title string
	// Severity is info, low, moderate, high or critical.
	Severity string
	// Range are the versions that have the hole, as npm writes ranges.
	Range string
	CWE   []string
	// Score and Vector are of CVSS; zero and empty where they are not told.
	Score  float64
	Vector string
}
