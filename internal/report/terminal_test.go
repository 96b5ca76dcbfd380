package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/internal/report"
)

func TestForTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1], true
				}
			}
			return "", false
		}
	}
	if got := report.ForTerminal(file, env()); got != (report.Style{}) {
		t.Errorf("ForTerminal(file) = %+v, want no colour and no width", got)
	}
	if got := report.ForTerminal(&bytes.Buffer{}, env("COLUMNS", "132")); got != (report.Style{Width: 132}) {
		t.Errorf("ForTerminal(buffer) = %+v, want the width of COLUMNS", got)
	}
	if got := report.ForTerminal(&bytes.Buffer{}, env("COLUMNS", "wide")); got.Width != 0 {
		t.Errorf("ForTerminal() = %+v, want a COLUMNS that is no number ignored", got)
	}
}
