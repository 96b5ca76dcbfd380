//go:build unix

package report

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalWidth asks the terminal for its columns; what does not answer is none.
func terminalWidth(f *os.File) (int, bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
