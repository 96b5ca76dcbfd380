package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/panoplysec/panoply/session"
)

// Run tests a store: that newStore returns, empty or not, for one test; newStore closes
// it by t.Cleanup. A session.Index is tested as such. It takes a few seconds.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
	for _, tt := range []struct {
		name string
		f    func(t *testing.T, s session.Store)
	}{
		{"missing", missing},
		{"life of a record", life},
		{"refusals", refusals},
		{"touch", touch},
		{"expiry", expiry},
		{"shapes", shapes},
		{"copies", copies},
		{"context", ended},
		{"counter", counter},
		{"one winner", oneWinner},
		{"logout is final", logout},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.f(t, newStore(t)) })
	}
	if _, ok := newStore(t).(session.Index); !ok {
		return
	}
	t.Run("owned", func(t *testing.T) { owned(t, newStore(t).(session.Index)) })
	t.Run("owned while it changes", func(t *testing.T) { ownedRace(t, newStore(t).(session.Index)) })
}

// near is how far a store's clock may be off: some keep a time to live, from when the
// command arrives.
const near = 100 * time.Millisecond

func newKey() (k session.Key) {
	rand.Read(k[:])
	return k
}

func newOwner() (o session.Owner) {
	rand.Read(o[:])
	return o
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

// save saves and fails the test when that fails.
func save(t *testing.T, s session.Store, k session.Key, r session.Record) uint64 {
	t.Helper()
	v, err := s.Save(t.Context(), k, r)
	if err != nil {
		t.Fatalf("Save(version %d) = %v, want nil", r.Version, err)
	}
	if v != r.Version+1 {
		t.Fatalf("Save(version %d) = %d, want %d", r.Version, v, r.Version+1)
	}
	return v
}

func load(t *testing.T, s session.Store, k session.Key) (session.Record, bool) {
	t.Helper()
	r, ok, err := s.Load(t.Context(), k)
	if err != nil {
		t.Fatalf("Load() = %v, want no error", err)
	}
	return r, ok
}

func missing(t *testing.T, s session.Store) {
	if _, ok := load(t, s, newKey()); ok {
		t.Error("Load(never saved) = true, want false")
	}
	if err := s.Touch(t.Context(), newKey(), in(time.Hour)); err != nil {
		t.Errorf("Touch(never saved) = %v, want nil", err)
	}
	if err := s.Delete(t.Context(), newKey(), session.Owner{}); err != nil {
		t.Errorf("Delete(never saved) = %v, want nil", err)
	}
}

func life(t *testing.T, s session.Store) {
	k, owner, expires := newKey(), newOwner(), in(time.Hour)
	save(t, s, k, session.Record{Data: []byte("one"), Label: []byte("label"), Owner: owner, Expires: expires})
	check := func(data, label string, version uint64, moved bool) {
		t.Helper()
		r, ok := load(t, s, k)
		if !ok || string(r.Data) != data || string(r.Label) != label || r.Version != version || r.Moved != moved || r.Owner != owner {
			t.Errorf("Load() = %+v, %v; want data %q, label %q, version %d, moved %v", r, ok, data, label, version, moved)
		}
		if d := r.Expires.Sub(expires).Abs(); ok && d > near {
			t.Errorf("Expires is %v off, want what was saved", d)
		}
	}
	check("one", "label", 1, false)
	save(t, s, k, session.Record{Data: []byte("two"), Owner: owner, Expires: expires, Version: 1})
	check("two", "", 2, false)
	save(t, s, k, session.Record{Data: []byte("three"), Owner: owner, Moved: true, Expires: expires, Version: 2})
	check("three", "", 3, true)
	if err := s.Delete(t.Context(), k, owner); err != nil {
		t.Fatalf("Delete() = %v, want nil", err)
	}
	if _, ok := load(t, s, k); ok {
		t.Error("Load(deleted) = true, want false")
	}
	if err := s.Delete(t.Context(), k, owner); err != nil {
		t.Errorf("Delete(deleted) = %v, want nil", err)
	}
}

func refusals(t *testing.T, s session.Store) {
	k := newKey()
	save(t, s, k, session.Record{Data: []byte("one"), Expires: in(time.Hour)})
	save(t, s, k, session.Record{Data: []byte("two"), Expires: in(time.Hour), Version: 1})
	gone := newKey()
	save(t, s, gone, session.Record{Expires: in(time.Hour)})
	if err := s.Delete(t.Context(), gone, session.Owner{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		k       session.Key
		version uint64
		want    error
	}{
		{"made twice", k, 0, session.ErrConflict},
		{"from an older version", k, 1, session.ErrConflict},
		{"from a version to come", k, 3, session.ErrConflict},
		{"deleted", gone, 1, session.ErrGone},
		{"never there", newKey(), 1, session.ErrGone},
	} {
		if _, err := s.Save(t.Context(), tt.k, session.Record{Data: []byte("x"), Expires: in(time.Hour), Version: tt.version}); !errors.Is(err, tt.want) {
			t.Errorf("%s: Save() = %v, want %v", tt.name, err, tt.want)
		}
	}
	if r, ok := load(t, s, k); !ok || string(r.Data) != "two" || r.Version != 2 {
		t.Errorf("after refusals Load() = %+v, %v, want version 2 untouched", r, ok)
	}
	if _, ok := load(t, s, gone); ok {
		t.Error("a refused Save brought a deleted record back")
	}
}

func touch(t *testing.T, s session.Store) {
	k, want := newKey(), in(2*time.Hour)
	save(t, s, k, session.Record{Data: []byte("one"), Label: []byte("l"), Expires: in(time.Hour)})
	if err := s.Touch(t.Context(), k, want); err != nil {
		t.Fatalf("Touch() = %v, want nil", err)
	}
	r, ok := load(t, s, k)
	if !ok || string(r.Data) != "one" || string(r.Label) != "l" || r.Version != 1 {
		t.Errorf("Load(touched) = %+v, %v, want nothing but the expiry changed", r, ok)
	}
	if d := r.Expires.Sub(want).Abs(); ok && d > near {
		t.Errorf("Expires is %v off, want where Touch put it", d)
	}
	save(t, s, k, session.Record{Data: []byte("two"), Expires: want, Version: 1}) // the version has stayed

	never := newKey()
	if err := s.Touch(t.Context(), never, want); err != nil {
		t.Fatal(err)
	}
	if _, ok := load(t, s, never); ok {
		t.Error("Touch made a record")
	}
	// Touch ends a record, too.
	if err := s.Touch(t.Context(), k, in(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, ok := load(t, s, k); ok {
		t.Error("Load() of a record touched to the past = true, want false")
	}
}

func expiry(t *testing.T, s session.Store) {
	const short = 300 * time.Millisecond
	saved, touched, past := newKey(), newKey(), newKey()
	at := in(short)
	save(t, s, saved, session.Record{Data: []byte("x"), Expires: at})
	save(t, s, touched, session.Record{Data: []byte("x"), Expires: in(time.Hour)})
	if err := s.Touch(t.Context(), touched, at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), past, session.Record{Data: []byte("x"), Expires: in(-time.Hour)}); err != nil {
		t.Errorf("Save(already over) = %v, want nil", err)
	}
	if _, ok := load(t, s, past); ok {
		t.Error("Load(already over) = true, want false")
	}
	time.Sleep(time.Until(at) + near)
	for name, k := range map[string]session.Key{"saved": saved, "touched": touched} {
		if _, ok := load(t, s, k); ok {
			t.Errorf("%s: Load() after Expires = true, want false", name)
		}
		if _, err := s.Save(t.Context(), k, session.Record{Expires: in(time.Hour), Version: 1}); !errors.Is(err, session.ErrGone) {
			t.Errorf("%s: Save() after Expires = %v, want ErrGone", name, err)
		}
		if err := s.Touch(t.Context(), k, in(time.Hour)); err != nil {
			t.Error(err)
		}
		if _, ok := load(t, s, k); ok {
			t.Errorf("%s: Touch after Expires brought it back", name)
		}
	}
	save(t, s, saved, session.Record{Data: []byte("again"), Expires: in(time.Hour)})
}

func shapes(t *testing.T, s session.Store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	large := make([]byte, 1<<20)
	rand.Read(large)
	for _, tt := range []struct {
		name        string
		data, label []byte
	}{
		{"nothing", nil, nil},
		{"label only", nil, []byte("l")},
		{"every byte", all, all},
		{"zeros", make([]byte, 64), make([]byte, 64)},
		{"line ends", []byte("\r\n\r\n"), []byte("\r\n")},
		{"a megabyte", large, all},
	} {
		k := newKey()
		save(t, s, k, session.Record{Data: tt.data, Label: tt.label, Expires: in(time.Hour)})
		if r, ok := load(t, s, k); !ok || !bytes.Equal(r.Data, tt.data) || !bytes.Equal(r.Label, tt.label) {
			t.Errorf("%s: %d and %d bytes came back, %v; want %d and %d, the same", tt.name, len(r.Data), len(r.Label), ok, len(tt.data), len(tt.label))
		}
	}
}

func copies(t *testing.T, s session.Store) {
	k, data, label := newKey(), []byte("one"), []byte("two")
	save(t, s, k, session.Record{Data: data, Label: label, Expires: in(time.Hour)})
	data[0], label[0] = 'X', 'X'
	if r, ok := load(t, s, k); !ok || string(r.Data) != "one" || string(r.Label) != "two" {
		t.Errorf("Load() = %q, %q, %v; the caller's later change is in it", r.Data, r.Label, ok)
	}
}

func ended(t *testing.T, s session.Store) {
	k := newKey()
	save(t, s, k, session.Record{Expires: in(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Load(ctx, k); err == nil {
		t.Error("Load(ended context) = nil, want an error")
	}
	if _, err := s.Save(ctx, newKey(), session.Record{Expires: in(time.Hour)}); err == nil {
		t.Error("Save(ended context) = nil, want an error")
	}
	if err := s.Delete(ctx, k, session.Owner{}); err == nil {
		t.Error("Delete(ended context) = nil, want an error")
	}
	if _, ok := load(t, s, k); !ok {
		t.Error("Delete(ended context) was done, and its caller told that it was not")
	}
}

func owned(t *testing.T, s session.Index) {
	a, b := newOwner(), newOwner()
	expires := in(time.Hour)
	list := func(o session.Owner) []session.Key {
		t.Helper()
		all, err := s.Owned(t.Context(), o)
		if err != nil {
			t.Fatalf("Owned() = %v, want no error", err)
		}
		var keys []session.Key
		for _, r := range all {
			if r.Owner != o || len(r.Data) > 0 {
				t.Errorf("Owned() has a record of owner %x with %d bytes of data, want %x and none", r.Owner, len(r.Data), o)
			}
			keys = append(keys, r.Key)
		}
		return keys
	}
	same := func(what string, o session.Owner, want ...session.Key) {
		t.Helper()
		got := list(o)
		order := func(x, y session.Key) int { return bytes.Compare(x[:], y[:]) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			t.Errorf("%s: Owned() = %v, want %v", what, got, want)
		}
	}
	same("nobody's", a)
	k1, k2, k3, other, nobody := newKey(), newKey(), newKey(), newKey(), newKey()
	save(t, s, k1, session.Record{Data: []byte("x"), Label: []byte("first"), Owner: a, Expires: expires})
	save(t, s, k2, session.Record{Owner: a, Expires: expires})
	save(t, s, k3, session.Record{Owner: a, Expires: in(250 * time.Millisecond)})
	save(t, s, other, session.Record{Owner: b, Expires: expires})
	save(t, s, nobody, session.Record{Expires: expires})
	same("three", a, k1, k2, k3)
	same("another's", b, other)
	for _, r := range mustOwned(t, s, a) {
		if r.Key == k1 && (string(r.Label) != "first" || r.Version != 1 || r.Expires.Sub(expires).Abs() > near) {
			t.Errorf("Owned() = %+v, want what was saved", r)
		}
	}
	save(t, s, k2, session.Record{Owner: a, Moved: true, Expires: expires, Version: 1})
	if i := slices.IndexFunc(mustOwned(t, s, a), func(r session.Owned) bool { return r.Key == k2 && r.Moved }); i < 0 {
		t.Error("a moved record is not among Owned, or not marked")
	}
	time.Sleep(300 * time.Millisecond)
	same("one has expired", a, k1, k2)
	if err := s.Delete(t.Context(), k1, a); err != nil {
		t.Fatal(err)
	}
	same("one is deleted", a, k2)
	if err := s.Delete(t.Context(), k2, session.Owner{}); err != nil { // the owner is only a hint
		t.Fatal(err)
	}
	same("all are deleted", a)
}

func mustOwned(t *testing.T, s session.Index, o session.Owner) []session.Owned {
	t.Helper()
	all, err := s.Owned(t.Context(), o)
	if err != nil {
		t.Fatalf("Owned() = %v, want no error", err)
	}
	return all
}
