package diskstore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
	"github.com/panoplysec/panoply/storetest"
)

func open(t testing.TB, path string) *diskstore.Store {
	t.Helper()
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return s
}

func TestConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) session.Store { return open(t, filepath.Join(t.TempDir(), "a.db")) })
}

func TestKVConforms(t *testing.T) {
	storetest.RunKV(t, func(t *testing.T) storetest.KV {
		return open(t, filepath.Join(t.TempDir(), "a.db")).Bucket("test")
	})
}

func TestOptions(t *testing.T) {
	var want *guard.OptionError
	if _, err := diskstore.Open(diskstore.Options{}); !errors.As(err, &want) || want.Field != "Path" {
		t.Errorf("Open(no path) = %v, want an OptionError of Path", err)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "it", "a.db")
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	key, owner := session.Key{1}, session.Owner{2}
	if _, err := s.Save(t.Context(), key, session.Record{Data: []byte("one"), Owner: owner, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Bucket("b").Set(t.Context(), "k", []byte("v"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() again = %v, want nil", err)
	}
	if _, _, err := s.Load(t.Context(), key); !errors.Is(err, diskstore.ErrClosed) {
		t.Errorf("Load() after Close = %v, want ErrClosed", err)
	}
	if _, err := s.Save(t.Context(), session.Key{9}, session.Record{Expires: time.Now().Add(time.Hour)}); !errors.Is(err, diskstore.ErrClosed) {
		t.Errorf("Save() after Close = %v, want ErrClosed", err)
	}
	s = open(t, path)
	if r, ok, err := s.Load(t.Context(), key); !ok || err != nil || string(r.Data) != "one" {
		t.Errorf("after reopening Load() = %+v, %v, %v", r, ok, err)
	}
	if all, err := s.Owned(t.Context(), owner); err != nil || len(all) != 1 {
		t.Errorf("after reopening Owned() = %v, %v, want one", all, err)
	}
	if v, ok, err := s.Bucket("b").Get(t.Context(), "k"); !ok || err != nil || string(v) != "v" {
		t.Errorf("after reopening Get() = %q, %v, %v", v, ok, err)
	}
}

// Close while others read and write: each call is done or says that the store is closed.
func TestCloseWhileBusy(t *testing.T) {
	s, err := diskstore.Open(diskstore.Options{Path: filepath.Join(t.TempDir(), "a.db")})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for g := range 8 {
		go func() {
			defer func() { done <- true }()
			for i := 0; ; i++ {
				_, err := s.Save(t.Context(), session.Key{byte(g), byte(i), byte(i >> 8)}, session.Record{Expires: time.Now().Add(time.Hour)})
				if err == nil {
					_, _, err = s.Load(t.Context(), session.Key{byte(g)})
				}
				if errors.Is(err, diskstore.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("while the store closes: %v, want ErrClosed", err)
					return
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 8 {
		<-done
	}
}

func TestBucketsAreApart(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	a, b := s.Bucket("a"), s.Bucket("b")
	if err := a.Set(t.Context(), "k", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := b.Get(t.Context(), "k"); ok || err != nil {
		t.Errorf("Get() in another bucket = %v, %v, want false", ok, err)
	}
	for _, key := range []string{"", string(make([]byte, 40_000))} {
		if err := a.Set(t.Context(), key, nil, 0); err == nil {
			t.Errorf("Set(key of %d bytes) = nil, want an error", len(key))
		}
	}
}

func TestEach(t *testing.T) {
	kv := open(t, filepath.Join(t.TempDir(), "a.db")).Bucket("b")
	if err := kv.Each(t.Context(), func(string, []byte, time.Time) bool { t.Error("called for an empty bucket"); return true }); err != nil {
		t.Error(err)
	}
	want := map[string]bool{}
	done := make(chan error)
	for i := range 600 {
		key := string(rune('a'+i%26)) + time.Duration(i).String()
		want[key] = true
		go func() { done <- kv.Set(t.Context(), key, []byte(key), time.Duration(i%2)*time.Hour) }()
	}
	for range want {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := kv.Set(t.Context(), "expired", nil, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	err := kv.Each(t.Context(), func(key string, value []byte, expires time.Time) bool {
		if !want[key] || string(value) != key {
			t.Errorf("%q = %q is there, and was not set or twice", key, value)
		}
		if !expires.IsZero() && time.Until(expires) > time.Hour {
			t.Errorf("%q expires at %v", key, expires)
		}
		delete(want, key)
		// The store may be used meanwhile.
		if _, _, err := kv.Get(t.Context(), key); err != nil {
			t.Error(err)
		}
		return true
	})
	if err != nil || len(want) > 0 {
		t.Errorf("Each() = %v, and %d values were not shown", err, len(want))
	}
	n := 0
	_ = kv.Each(t.Context(), func(string, []byte, time.Time) bool { n++; return false })
	if n != 1 {
		t.Errorf("Each went on %d times after false, want 1", n)
	}
}
