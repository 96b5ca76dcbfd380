package diskstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/panoplysec/panoply/guard"
)

const (
	lockWait = 500 * time.Millisecond // for a process that is about to end

	compactShare = 4 // a file is compacted when less than this part of it is in use
)

// compactSize is the least size of a file that is worth the time of a copy.
var compactSize int64 = 64 << 20

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("diskstore: the store is closed")

// Options configure a Store.
type Options struct {
	// Path is the file. It is made when it is missing, readable by its owner alone, and
	// so are the folders above it. Required. Beside it stands, while it is open,
	// Path + ".pid" for the message that a second process gets.
	Path string
}

// A Store is a session.Index in a file. It is safe for concurrent use.
type Store struct {
	path    string
	db      *bolt.DB
	ops     chan *op
	closing chan struct{}
	stopped chan struct{} // the writer has gone
	once    sync.Once
	err     error // of closing
	commits atomic.Int64
	sweeps  map[string][]byte // where the sweep of each bucket goes on; the writer's
}

// Open opens a file, or makes it. It waits half a second at most for another process to
// let go of it. The error is a [guard.OptionError], or says what is wrong with the file
// and what to do.
func Open(o Options) (*Store, error) {
	if o.Path == "" {
		p := guard.Problems{Package: "diskstore"}
		p.Add("Path", "", "the path of a file", "")
		return nil, p.Err()
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("diskstore: %w", err)
	}
	compact(o.Path)
	db, err := open(o.Path, true)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: o.Path, db: db, ops: make(chan *op),
		closing: make(chan struct{}), stopped: make(chan struct{}),
		sweeps: map[string][]byte{},
	}
	err = guarded(o.Path, func() error {
		return db.Update(func(tx *bolt.Tx) error {
			for _, name := range [][]byte{recordsBucket, ownersBucket} {
				if _, err := tx.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// Only for a message, so whether it can be written does not matter.
	_ = os.WriteFile(o.Path+".pid", []byte(strconv.Itoa(os.Getpid())), 0o600)
	go s.write()
	return s, nil
}

// open opens the file and sees to it that it is the one at path, whole.
func open(path string, fast bool) (*bolt.DB, error) {
	for {
		var file *os.File
		var db *bolt.DB
		err := guarded(path, func() (err error) {
			db, err = bolt.Open(path, 0o600, &bolt.Options{
				Timeout: lockWait, FreelistType: bolt.FreelistMapType, InitialMmapSize: mmapSize, NoStatistics: fast,
				OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
					f, err = os.OpenFile(name, flag, mode)
					file = f
					return f, err
				},
			})
			return err
		})
		if errors.Is(err, errDamaged) {
			return nil, errors.Join(err, file.Close()) // which bbolt has not come to
		}
		if err != nil {
			return nil, explain(path, err)
		}
		here, err := file.Stat()
		if err != nil {
			return nil, errors.Join(explain(path, err), db.Close())
		}
		// While this process waited for the lock another may have put a compacted file in
		// the place of the one that was opened.
		if there, err := os.Stat(path); err != nil || !os.SameFile(here, there) {
			if err := db.Close(); err != nil {
				return nil, explain(path, err)
			}
			continue
		}
		err = guarded(path, func() error {
			return db.View(func(tx *bolt.Tx) error {
				if tx.Size() > here.Size() {
					return fmt.Errorf("%w: it has %d bytes, and says that it has %d", errDamaged, here.Size(), tx.Size())
				}
				return nil
			})
		})
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
	}
}

// explain says what to do about an error of opening.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		who := "another process"
		if pid, readErr := os.ReadFile(path + ".pid"); readErr == nil {
			who = "process " + strings.TrimSpace(string(pid))
		}
		return fmt.Errorf("diskstore: %s is in use by %s: stop that one, or give this one a file of its own", path, who)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return damaged(path, err)
	}
	return fmt.Errorf("diskstore: open %s: %w", path, err)
}

// compact copies a file that is mostly empty. The copy takes the place of the file when it
// is on the disk as a whole, so a cut leaves one or the other, and so does whatever goes
// wrong: the disk is full, or the system renames no open file. What is wrong with the file
// itself open tells.
func compact(path string) {
	if info, err := os.Stat(path); err != nil || info.Size() < compactSize {
		return
	}
	db, err := open(path, false)
	if err != nil {
		return
	}
	defer db.Close()
	_ = guarded(path, func() error {
		if err := db.Update(func(*bolt.Tx) error { return nil }); err != nil { // fills Stats
			return err
		}
		size := int64(0)
		if err := db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
			return err
		}
		stats := db.Stats()
		free := int64(stats.FreePageN+stats.PendingPageN) * int64(db.Info().PageSize)
		if size-free > size/compactShare {
			return nil
		}
		return copyTo(db, path)
	})
}

func copyTo(db *bolt.DB, path string) error {
	fresh := path + ".compact"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("diskstore: compact: %w", err) // left by one that was cut
	}
	to, err := bolt.Open(fresh, 0o600, &bolt.Options{Timeout: lockWait, NoSync: true})
	if err != nil {
		return fmt.Errorf("diskstore: compact: %w", err)
	}
	err = bolt.Compact(to, db, 1<<20)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(fresh)
		return fmt.Errorf("diskstore: compact: %w", err)
	}
	return nil
}

// Close waits for the writes that were begun, and lets go of the file. Later calls return
// what the first one did.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		_ = os.Remove(s.path + ".pid")
		if err := s.db.Close(); err != nil {
			s.err = fmt.Errorf("diskstore: close %s: %w", s.path, err)
		}
	})
	return s.err
}
