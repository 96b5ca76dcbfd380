package door

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/exceptions"
)

const (
	keyName     = "install.key"
	cookiesName = "cookies.json"
	hstsName    = "hsts.json"
	keySize     = 32
)

// state is what the door keeps over restarts, in a folder of its own: the install key,
// the session cookies seen, and when each site was first served with a public
// certificate.
type state struct {
	dir    string
	key    []byte
	shared bool // key is one that other doors have too

	mu      sync.Mutex // what follows, and its files
	seen    []cookie.Seen
	first   map[string]time.Time
	restore bool
	enforce bool // everything that is forged is refused
	allowed []exceptions.Exception
	sealed  time.Time // since when session values leave sealed
	moved   bool      // another door has the files
	told    map[string]bool
}

func openState(dir string) (*state, error) {
	if err := config.MakeStateDir(dir); err != nil {
		return nil, err
	}
	s := &state{dir: dir, first: map[string]time.Time{}}
	var err error
	if s.key, err = installKey(filepath.Join(dir, keyName)); err != nil {
		return nil, err
	}
	if err := s.read(cookiesName, &s.seen); err != nil {
		return nil, err
	}
	if err := s.read(hstsName, &s.first); err != nil {
		return nil, err
	}
	if err := s.read(restoreName, &s.restore); err != nil {
		return nil, err
	}
	if err := s.read(sessionsName, &s.sealed); err != nil {
		return nil, err
	}
	if err := s.read(csrfName, &s.enforce); err != nil {
		return nil, err
	}
	if err := s.read(exceptionsName, &s.allowed); err != nil {
		return nil, err
	}
	return s, nil
}

// installKey reads the key, or makes it on the first start. A key of the wrong size is
// an error rather than replaced: with a new one every client would be logged out.
func installKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keySize)
		rand.Read(key) // never fails (crypto/rand)
		if err := replaceFile(path, key); err != nil {
			return nil, fmt.Errorf("door: keep the install key: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("door: read the install key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("door: %s has %d bytes, want %d; restore it, or remove it and with it all renamed cookies", path, len(key), keySize)
	}
	return key, nil
}

// derive returns a key of its own for one use of the install key.
func (s *state) derive(use string) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte("panoply/1 " + use))
	return m.Sum(nil)
}

func (s *state) read(name string, into any) error {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("door: read %s: %w", filepath.Join(s.dir, name), err)
	}
	return nil
}

func (s *state) write(name string, value any) error {
	if s.moved {
		return errMoved
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(s.dir, name), append(text, '\n'))
}

// cookies returns the session cookies seen so far.
func (s *state) cookies() []cookie.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// keepCookies adds what one guard has found to what others did.
func (s *state) keepCookies(seen []cookie.Seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(seen)
	for _, other := range s.seen {
		if !slices.ContainsFunc(seen, func(one cookie.Seen) bool { return one.Name == other.Name }) {
			all = append(all, other)
		}
	}
	s.seen = all
	return s.write(cookiesName, all)
}

// firstSeen returns when site was first served with a public certificate, which is now
// for a new one.
func (s *state) firstSeen(site string, now time.Time) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.first[site]; ok {
		return at, nil
	}
	s.first[site] = now.UTC().Truncate(time.Second)
	return s.first[site], s.write(hstsName, s.first)
}

// replaceFile writes a file that is there whole or not at all, readable by its owner.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there once it has been renamed
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
