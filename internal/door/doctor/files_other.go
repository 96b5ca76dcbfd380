//go:build !linux

package doctor

// limitOf is not known here.
func limitOf(string) (uint64, error) { return 0, errUnknown }
