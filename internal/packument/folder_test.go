package packument_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/packument"
)

func TestFolder(t *testing.T) {
	f := &packument.Folder{Name: "mirror", KeyFile: []byte("keys"), Files: fstest.MapFS{
		"qs.json": {Data: []byte("1")}, "@a/b.json": {Data: []byte("2")}, "@a%2fc.json": {Data: []byte("3")}, "@a%2Fd.json": {Data: []byte("4")},
	}}
	for name, want := range map[string]string{"qs": "1", "@a/b": "2", "@a/c": "3", "@a/d": "4"} {
		if got, err := f.Packument(t.Context(), name); string(got) != want || err != nil {
			t.Errorf("Packument(%s) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"absent", "../qs", "/qs", ""} {
		if _, err := f.Packument(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Packument(%q) = %v, want none", name, err)
		}
	}
	if keys, err := f.Keys(t.Context(), "qs"); string(keys) != "keys" || err != nil || f.Registry("qs") != "mirror" {
		t.Errorf("Keys = %q, %v of %s", keys, err, f.Registry("qs"))
	}
}

func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "qs.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := &packument.Folder{Files: os.DirFS(dir)}
	if _, err := f.Packument(t.Context(), "qs"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Packument of a folder = %v, want an error", err)
	}
}
