package packument

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A Folder has documents of a registry as files: NAME.json, and of scoped packages
// @scope/name.json or @scope%2fname.json.
type Folder struct {
	Files fs.FS
	// Name is what the registry is called in reports.
	Name string
	// KeyFile is the answer of the registry that was asked for its keys; nil for none.
	KeyFile []byte
}

// Registry returns the folder's name.
func (f *Folder) Registry(string) string { return f.Name }

// Keys returns the keys.
func (f *Folder) Keys(context.Context, string) ([]byte, error) { return f.KeyFile, nil }

// Packument returns the file of a package; the error is fs.ErrNotExist when there is
// none.
func (f *Folder) Packument(_ context.Context, name string) ([]byte, error) {
	for _, file := range []string{name, strings.Replace(name, "/", "%2f", 1), strings.Replace(name, "/", "%2F", 1)} {
		if file += ".json"; !fs.ValidPath(file) {
			continue
		}
		text, err := readFile(f.Files, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("packument %s: %w", file, err)
		}
		return text, nil
	}
	return nil, fmt.Errorf("packument of %.200q: %w", name, fs.ErrNotExist)
}

func readFile(fsys fs.FS, file string) ([]byte, error) {
	// Asked before it is opened: a FIFO would be waited for.
	info, err := fs.Stat(fsys, file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > MaxSize:
		return nil, fmt.Errorf("has more than %d MiB", MaxSize>>20)
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize))
}
