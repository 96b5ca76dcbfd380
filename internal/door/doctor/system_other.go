//go:build !linux && !darwin

package doctor

const permissions = false

func fileLimit() (uint64, error) { return 0, errUnknown }

func freeSpace(string) (uint64, error) { return 0, errUnknown }
