// Package filelock has a file belong to one process at a time.
//
//	err := filelock.Try(f) // held until f is closed, or the process ends, however it does
//
// The lock binds those who ask for it, and keeps nobody from reading the file. It is
// errors.ErrUnsupported on a file system without locks; whether to go on is the caller's.
package filelock

import "errors"

// ErrHeld says that another process, or another opening of the file, has the lock.
var ErrHeld = errors.New("another process has it locked")
