package osv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
)

// Open opens advisories; see the package. The cache is a folder of the user's own where
// indexes are kept, made where it is not there. Empty means that none is kept, and so does
// a cache that cannot be written: the advisories are then indexed in memory.
func Open(path, cache string) (*DB, error) {
	if db, err := openFile(path); err == nil {
		return db, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	stamp, err := stampOf(absolute)
	if err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	name := ""
	if cache != "" {
		sum := sha256.Sum256([]byte(absolute))
		name = filepath.Join(cache, hex.EncodeToString(sum[:12])+".osv")
		// An index that is damaged or of other contents is made anew.
		if db, err := openFile(name); err == nil {
			if db.Meta.Stamp == stamp {
				return db, nil
			}
			db.Close()
		}
	}
	s, err := load(path)
	if err != nil {
		return nil, err
	}
	s.meta.Stamp = stamp
	var index bytes.Buffer
	if err := write(&index, s.meta, s.entries); err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	if name != "" && keep(name, index.Bytes()) == nil {
		if db, err := openFile(name); err == nil {
			return db, nil
		}
	}
	return openIndex(bytes.NewReader(index.Bytes()), int64(index.Len()), nil)
}

// keep writes a file whole or not at all.
func keep(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".osv-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// stampOf changes with the name, the size and the time of what is read.
func stampOf(path string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, magic)
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		stamp(h, path, info)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			stamp(h, name, info)
		}
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

func stamp(h hash.Hash, name string, info fs.FileInfo) {
	fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
}
