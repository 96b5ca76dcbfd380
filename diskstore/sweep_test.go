package diskstore_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/session"
)

func fill(t *testing.T, s *diskstore.Store, from, to uint64, expires time.Time) {
	t.Helper()
	var wg sync.WaitGroup
	for g := range uint64(64) {
		wg.Go(func() {
			for i := from + g; i < to; i += 64 {
				if _, err := s.Save(t.Context(), numbered(i), session.Record{Data: make([]byte, 1000), Owner: session.Owner{1}, Expires: expires}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestSweep lets many sessions expire: those who write remove them, and so does time.
func TestSweep(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	fill(t, s, 0, 1000, time.Now().Add(time.Second))
	if err := s.Bucket("b").Set(t.Context(), "k", []byte("v"), time.Second); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	fill(t, s, 1000, 1640, time.Now().Add(time.Hour))
	records, owners, values, err := s.Held()
	if err != nil || records > 1100 || owners != records {
		t.Errorf("640 writes after 1000 sessions expired %d records, %d owners are held (%v), want them swept, at most 1100, and as many", records, owners, err)
	}
	if values != 0 {
		t.Errorf("%d expired values are held, want 0", values)
	}
	fill(t, s, 2000, 2100, time.Now().Add(10*time.Millisecond))
	time.Sleep(20 * time.Millisecond)
	for range 4 {
		s.Idle()
	}
	if records, owners, _, err := s.Held(); records != 640 || owners != 640 || err != nil {
		t.Errorf("after idling %d records and %d owners are held (%v), want the 640 that live", records, owners, err)
	}
}

// TestIdleGoesOn has what expires behind more that lives than one look takes in.
func TestIdleGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 0, 3000, time.Now().Add(time.Hour))
	last := session.Key{0xff, 0xff, 0xff, 0xff}
	if _, err := s.Save(t.Context(), last, session.Record{Expires: time.Now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	s = open(t, path) // so that the sweep starts at the beginning
	for range 10 {
		s.Idle()
	}
	if records, _, _, err := s.Held(); records != 3000 || err != nil {
		t.Errorf("after idling %d records are held (%v), want the 3000 that live", records, err)
	}
}

// TestCompact opens a file that is mostly empty.
func TestCompact(t *testing.T) {
	defer diskstore.CompactBelow(1 << 20)()
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 0, 6000, time.Now().Add(time.Hour))
	var wg sync.WaitGroup
	for g := range uint64(64) {
		wg.Go(func() {
			for i := 10 + g; i < 6000; i += 64 {
				if err := s.Delete(t.Context(), numbered(i), session.Owner{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// What a cut in the middle of an earlier compaction has left.
	if err := os.WriteFile(path+".compact", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	after, err := os.Stat(path)
	if err != nil || after.Size() > before.Size()/4 {
		t.Errorf("the file has %d bytes after Open, %d before (%v), want a quarter or less", after.Size(), before.Size(), err)
	}
	if mode := after.Mode().Perm(); mode != 0o600 {
		t.Errorf("the file's mode is %o, want 600", mode)
	}
	for i := range uint64(10) {
		if _, ok, err := s.Load(t.Context(), numbered(i)); !ok || err != nil {
			t.Errorf("session %d: %v, %v after compaction", i, ok, err)
		}
	}
	if all, err := s.Owned(t.Context(), session.Owner{1}); err != nil || len(all) != 10 {
		t.Errorf("Owned() = %d, %v, want 10", len(all), err)
	}
	if _, err := os.Stat(path + ".compact"); err == nil {
		t.Error("the copy of a compaction is left")
	}
}
