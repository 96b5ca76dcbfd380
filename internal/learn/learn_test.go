package learn_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/learn"
)

var update = flag.Bool("update", false, "write the golden files again")

func folder(t *testing.T, dir string) *draft.Draft {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return learn.Folder(root.FS())
}

// loads demands that the configuration takes the text, and that an upstream is in it.
func loads(t *testing.T, text []byte) *config.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(name, nil)
	if err != nil || cfg.Upstream == "" {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

func TestFolder(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(dirs) < 8 {
		t.Fatalf("Glob = %v, %v", dirs, err)
	}
	for _, file := range dirs {
		dir := strings.TrimSuffix(file, ".golden")
		t.Run(filepath.Base(dir), func(t *testing.T) {
			d := folder(t, dir)
			got := d.Bytes()
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs (go test ./internal/learn -update):\n%s", file, got)
			}
			loads(t, got)
			full := d.Full()
			loads(t, full)
			if again := folder(t, dir).Full(); !bytes.Equal(again, full) {
				t.Error("a second look at the same folder says something else")
			}
			if bytes.Contains(full, []byte("hunter2")) || bytes.Contains(full, []byte("7777")) {
				t.Error("a value of .env was written")
			}
		})
	}
}
