package report

import (
	"os"

	"golang.org/x/sys/windows"
)

// terminalWidth asks the console for its columns; what does not answer is none. Colour
// needs virtual terminal processing, which is switched on here.
func terminalWidth(f *os.File) (int, bool) {
	handle := windows.Handle(f.Fd())
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(handle, &info) != nil {
		return 0, false
	}
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil ||
		windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) != nil {
		return 0, false
	}
	return int(info.Window.Right-info.Window.Left) + 1, true
}
