//go:build race

package upstream_test

// race tells that sync.Pool loses some of what it is given.
const race = true
