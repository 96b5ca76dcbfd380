package report_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/panoplysec/panoply/internal/report"
)

// TestForTerminalOnATerminal asks a pseudo terminal.
func TestForTerminalOnATerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 91}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, value string
		want        report.Style
	}{
		{"", "", report.Style{Width: 91, Color: true}},
		{"NO_COLOR", "1", report.Style{Width: 91}},
		{"NO_COLOR", "", report.Style{Width: 91, Color: true}},
		{"TERM", "dumb", report.Style{Width: 91}},
		{"COLUMNS", "70", report.Style{Width: 70, Color: true}},
	} {
		env := func(name string) (string, bool) { return tt.value, name == tt.name }
		if got := report.ForTerminal(tty, env); got != tt.want {
			t.Errorf("ForTerminal() with %s=%q = %+v, want %+v", tt.name, tt.value, got, tt.want)
		}
	}
}
