package osv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Ending is how the name of an index ends.
const Ending = ".osv"

// Open opens advisories; see the package. The cache is a folder of the user's own where
// indexes are kept, made where it is not there. Empty means that none is kept, and so does
// a cache that cannot be written: the advisories are then indexed in memory.
func Open(path, cache string) (*DB, error) {
	// A link to a folder is the folder: the walk would not go through it.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	db, err := openFile(path)
	if err == nil {
		return db, nil
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, errOther) && strings.HasSuffix(path, Ending) {
		return nil, err
	}
	if indexes := Indexes(path); len(indexes) > 0 {
		return openAll(path, indexes)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	stamp, err := Stamp(absolute)
	if err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	name, temporary := "", ""
	if cache != "" && os.MkdirAll(cache, 0o700) == nil {
		sum := sha256.Sum256([]byte(absolute))
		temporary = cache
		name = filepath.Join(cache, hex.EncodeToString(sum[:12])+Ending)
		// An index that is damaged or of other contents is made anew.
		if db, err := openFile(name); err == nil {
			if db.Meta.Stamp == stamp {
				return db, nil
			}
			db.Close()
		}
	}
	spool, done := spoolIn(temporary)
	defer done()
	s := &source{to: newBuilder(spool)}
	if err := s.load(path); err != nil {
		return nil, err
	}
	s.meta.Stamp = stamp
	if name != "" && keep(name, func(w io.Writer) error { return s.to.write(w, s.meta) }) == nil {
		if db, err := openFile(name); err == nil {
			return db, nil
		}
	}
	var index bytes.Buffer
	if err := s.to.write(&index, s.meta); err != nil {
		return nil, fmt.Errorf("osv: %w", err)
	}
	return openIndex("", bytes.NewReader(index.Bytes()), int64(index.Len()), nil)
}

// openAll opens a folder of indexes as one.
func openAll(path string, names []string) (*DB, error) {
	var all []*DB
	for _, name := range names {
		db, err := openFile(name)
		if err != nil {
			for _, db := range all {
				db.Close()
			}
			return nil, err
		}
		all = append(all, db)
	}
	return join(path, all), nil
}

// Indexes are the files of a folder that are called indexes, by name.
func Indexes(path string) (names []string) {
	all, _ := os.ReadDir(path) // what is no folder is looked at by others
	for _, e := range all {
		if strings.HasSuffix(e.Name(), Ending) && e.Type().IsRegular() {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	return names
}

// keep writes a file whole or not at all.
func keep(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".osv-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// Stamp changes with the name, the size and the time of what is read.
func Stamp(path string) (string, error) {
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
		if err != nil || !isFile(name, d) {
			return err
		}
		info, err := os.Stat(name)
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
