package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFullDisk: what cannot be written is no wrong usage.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	helmet := filepath.Join(t.TempDir(), "helmet.json")
	if err := os.WriteFile(helmet, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", t.TempDir(), "--stdout"}, {"adapt", "helmet", helmet}, {"validate", "--schema"}} {
		var told strings.Builder
		code := Run(args, Streams{In: strings.NewReader(""), Out: full, Err: &told}, "")
		if code != exitIncomplete || strings.Contains(told.String(), "panoply help") {
			t.Errorf("%v exits with %d, want %d: %s", args, code, exitIncomplete, told.String())
		}
	}
	if code := Run([]string{"frobnicate"}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, ""); code != exitUsage {
		t.Errorf("an unknown command exits with %d, want %d", code, exitUsage)
	}
}
