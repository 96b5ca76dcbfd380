//go:build unix

package fix

import (
	"os/exec"
	"syscall"
)

// apart starts a program in a group of its own, all of which ends when it is called off:
// package managers start others, which would go on.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
