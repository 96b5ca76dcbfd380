package doctor

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The limit is that of the process at the other end, which here is this one.
func TestLimitOf(t *testing.T) {
	dir, err := os.MkdirTemp("", "p") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var want unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		t.Fatal(err)
	}
	if got, err := limitOf(filepath.Join(dir, "s")); err != nil || got != want.Cur {
		t.Errorf("limitOf = %d, %v, want %d", got, err, want.Cur)
	}
	for text, want := range map[string]uint64{"Max open files            1024                 524288               files\n": 1024, "Max open files unlimited unlimited files": 1 << 62} {
		if got, err := openFiles(text); err != nil || got != want {
			t.Errorf("openFiles(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	if _, err := openFiles("nothing"); err == nil {
		t.Error("openFiles of nothing gave a limit")
	}
}
