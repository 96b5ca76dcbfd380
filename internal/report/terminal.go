package report

import (
	"io"
	"os"
	"strconv"
)

// ForTerminal returns the style for w: colour and the terminal's width where w is one,
// neither where it is a file or a pipe. NO_COLOR (any value but the empty one) and
// TERM=dumb turn colour off, COLUMNS overrides the width.
//
// Source: no-color.org.
func ForTerminal(w io.Writer, env func(string) (string, bool)) Style {
	var style Style
	if f, ok := w.(*os.File); ok {
		if width, ok := terminalWidth(f); ok {
			style.Width, style.Color = width, true
		}
	}
	if v, ok := env("NO_COLOR"); ok && v != "" {
		style.Color = false
	}
	if v, ok := env("TERM"); ok && v == "dumb" {
		style.Color = false
	}
	if v, ok := env("COLUMNS"); ok {
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			style.Width = n
		}
	}
	return style
}
