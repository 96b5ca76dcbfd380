package diskstore_test

import (
	"bytes"
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

// TestDamage opens and uses files that were cut or overwritten: an error that says what to
// do, and never the end of the program.
func TestDamage(t *testing.T) {
	good := filled(t)
	try := func(name string, file []byte) {
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
		if !failed {
			t.Errorf("%s: nothing was told", name)
		}
	}
	page := os.Getpagesize()
	try("text", []byte(strings.Repeat("no store\n", 5000)))
	try("one byte", []byte{1})
	try("first pages only", good[:3*page])
	used := len(bytes.TrimRight(good, "\x00")) // the file is made larger ahead
	try("half", good[:used/2/page*page])
	try("last page cut", good[:used/page*page])
	zeros := append([]byte(nil), good...)
	clear(zeros[2*page:])
	try("zeros after the head", zeros)
}
