//go:build !unix

package diskstore

// mmapSize is left to bbolt: on Windows the file would be made as large at once.
const mmapSize = 0

// syncFolder does nothing: a folder cannot be synced here, and a rename lasts.
func syncFolder(string) error { return nil }
