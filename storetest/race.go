package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/session"
)

const (
	counters   = 8
	counts     = 60
	logouts    = 10_000
	logoutsAt  = 32 // at once
	ownedRaces = 100
)

// counter has many goroutines count in one record: compare-and-set loses none.
func counter(t *testing.T, s session.Store) {
	k := newKey()
	save(t, s, k, session.Record{Data: make([]byte, 8), Expires: in(time.Hour)})
	each(counters, func(int) {
		for done := 0; done < counts; {
			r, ok, err := s.Load(t.Context(), k)
			if err != nil || !ok {
				t.Errorf("Load() = %v, %v", ok, err)
				return
			}
			r.Data = binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(r.Data)+1)
			switch _, err := s.Save(t.Context(), k, r); {
			case err == nil:
				done++
			case !errors.Is(err, session.ErrConflict):
				t.Errorf("Save() = %v, want nil or ErrConflict", err)
				return
			}
		}
	})
	r, ok := load(t, s, k)
	if n := binary.BigEndian.Uint64(append(r.Data, make([]byte, 8)...)); !ok || n != counters*counts || r.Version != counters*counts+1 {
		t.Errorf("counted %d in %d versions, %v; want %d: changes were lost", n, r.Version, ok, counters*counts)
	}
}

// oneWinner has many goroutines make the same record.
func oneWinner(t *testing.T, s session.Store) {
	for range 20 {
		k := newKey()
		var won atomic.Int32
		each(counters, func(int) {
			switch _, err := s.Save(t.Context(), k, session.Record{Expires: in(time.Hour)}); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, session.ErrConflict):
				t.Errorf("Save(new) = %v, want nil or ErrConflict", err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d made the record, want 1", won.Load())
		}
	}
}

// logout has Delete race with a request that saves what it had loaded before.
func logout(t *testing.T, s session.Store) {
	var back atomic.Int32
	each(logoutsAt, func(int) {
		for range logouts / logoutsAt {
			k, owner := newKey(), session.Owner{1}
			if _, err := s.Save(t.Context(), k, session.Record{Owner: owner, Expires: in(time.Hour)}); err != nil {
				t.Errorf("Save(new) = %v", err)
				return
			}
			done := make(chan error, 1)
			go func() {
				r, ok, err := s.Load(t.Context(), k)
				if ok && err == nil {
					_, err = s.Save(t.Context(), k, r)
				}
				if errors.Is(err, session.ErrGone) || errors.Is(err, session.ErrConflict) {
					err = nil
				}
				done <- err
			}()
			if err := s.Delete(t.Context(), k, owner); err != nil {
				t.Errorf("Delete() = %v", err)
			}
			if err := <-done; err != nil {
				t.Errorf("Save() in the race = %v, want nil, ErrGone or ErrConflict", err)
				return
			}
			if _, ok, err := s.Load(t.Context(), k); ok || err != nil {
				back.Add(1)
			}
		}
	})
	if n := back.Load(); n > 0 {
		t.Errorf("%d of %d logouts were undone, want 0", n, logouts)
	}
}

// ownedRace has one owner's sessions made, moved and deleted while they are listed: what
// was saved before a list and not deleted since is in it.
func ownedRace(t *testing.T, s session.Index) {
	owner := newOwner()
	keep := newKey()
	save(t, s, keep, session.Record{Owner: owner, Expires: in(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		for range ownedRaces {
			k := newKey()
			if _, err := s.Save(t.Context(), k, session.Record{Owner: owner, Expires: in(time.Hour)}); err != nil {
				t.Errorf("Save(new) = %v", err)
				return
			}
			if err := s.Delete(t.Context(), k, owner); err != nil {
				t.Errorf("Delete() = %v", err)
				return
			}
		}
	})
	for ctx.Err() == nil {
		found := false
		for _, r := range mustOwned(t, s, owner) {
			found = found || r.Key == keep
		}
		if !found {
			t.Error("Owned() lacks a record that was there all the time")
			break
		}
	}
	wg.Wait()
	if all := mustOwned(t, s, owner); len(all) != 1 {
		t.Errorf("Owned() has %d records at the end, want 1", len(all))
	}
}

// each runs f n times at once.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
