package osv

import (
	"fmt"
	"os"
	"path/filepath"
)

// FromArchive makes the index of one ecosystem of a zip as OSV publishes it. It writes the
// file to, which must not be there, and which is on the disk when it returns. Records that
// cannot be read are counted in the result and left out; of a zip whose contents are not
// as its sums say, and of one that is beyond the bounds, there is an error and no file.
func FromArchive(archive, to, ecosystem string, from Fetched) (meta Meta, err error) {
	spool, done := spoolIn(filepath.Dir(to))
	defer done()
	s := &source{to: newBuilder(spool), only: ecosystem, lenient: true, meta: Meta{Ecosystems: map[string]int{}}}
	if err := s.zip(archive); err != nil {
		return s.meta, err
	}
	s.meta.Source, s.meta.Fetched = from.URL, &from
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return s.meta, err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			os.Remove(to)
		}
	}()
	if err := s.to.write(f, s.meta); err != nil {
		return s.meta, fmt.Errorf("osv: %s: %w", to, err)
	}
	return s.meta, f.Sync()
}

// ReadMeta tells what an index says of itself.
func ReadMeta(name string) (Meta, error) {
	db, err := openFile(name)
	if err != nil {
		return Meta{}, err
	}
	return db.Meta, db.Close()
}
