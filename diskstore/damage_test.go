package diskstore_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/session"
)

// filled is a store's file with some sessions in it.
func filled(t *testing.T) []byte {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for i := range uint64(400) {
		go func() {
			_, err := s.Save(t.Context(), numbered(i), session.Record{Data: make([]byte, 300), Owner: session.Owner{1}, Expires: time.Now().Add(time.Hour)})
			done <- err
		}()
	}
	for range 400 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDamage opens and uses damaged files: an error that says what to do, or sessions, but
// never the end of the program.
func TestDamage(t *testing.T) {
	good := filled(t)
	try := func(name string, file []byte, mustFail bool) {
		path := filepath.Join(t.TempDir(), "a.db")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		var errs []error
		s, err := diskstore.Open(diskstore.Options{Path: path})
		errs = append(errs, err)
		if err == nil {
			for i := range uint64(400) {
				_, _, err := s.Load(t.Context(), numbered(i))
				errs = append(errs, err)
			}
			_, err = s.Owned(t.Context(), session.Owner{1})
			errs = append(errs, err)
			_, err = s.Save(t.Context(), numbered(1000), session.Record{Expires: time.Now().Add(time.Hour)})
			errs = append(errs, err, s.Delete(t.Context(), numbered(3), session.Owner{}))
			_ = s.Close()
		}
		failed := false
		for _, err := range errs {
			if err == nil {
				continue
			}
			failed = true
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s: the error does not name the file: %v", name, err)
			}
		}
		if mustFail && !failed {
			t.Errorf("%s: nothing was told", name)
		}
	}
	page := os.Getpagesize()
	try("text", []byte(strings.Repeat("no store\n", 5000)), true)
	try("one byte", []byte{1}, true)
	try("first pages only", good[:3*page], true)
	used := len(bytes.TrimRight(good, "\x00")) // the file is made larger ahead
	try("half", good[:used/2/page*page], true)
	try("last page cut", good[:used/page*page], true)
	zeros := append([]byte(nil), good...)
	clear(zeros[2*page:])
	try("zeros after the head", zeros, true)
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		bad := append([]byte(nil), good...)
		for range 1 + random.IntN(40) {
			at := 2*page + random.IntN(len(bad)-2*page)
			if random.IntN(2) == 0 {
				at = at / page * page // the head of a page
				at += random.IntN(16)
			}
			bad[at] = byte(random.Uint32())
		}
		try("random", bad, false)
	}
}
