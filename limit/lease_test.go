package limit_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/limit"
)

// TestLeaseWaits has many wait for one who asks a store that hangs: nobody waits for two.
func TestLeaseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 1000, Duration: time.Minute, Lease: 50})
		store.mode.Store(hangs)
		var mu sync.Mutex
		longest := time.Duration(0)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				began := time.Now()
				consume(t, s, r, 1)
				mu.Lock()
				longest = max(longest, time.Since(began))
				mu.Unlock()
			})
		}
		all.Wait()
		if longest > limit.DefaultTimeout {
			t.Errorf("somebody waited %v, want %v at most", longest, limit.DefaultTimeout)
		}
	})
}

// TestLeaseAlone takes of this process's share only what was asked for.
func TestLeaseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 4)
		r := rule(t, limit.Policy{Name: "p", Points: 40, Duration: time.Hour, Lease: 20})
		for range 3 { // and the lease has grown
			consume(t, s, r, 1)
		}
		store.mode.Store(refuses)
		passed := 0
		for range 40 {
			if consume(t, s, r, 1).Allowed {
				passed++
			}
		}
		if passed < 8 || passed > 10+20 {
			t.Errorf("%d passed, want the rest of the share of 10, and what was held", passed)
		}
		store.mode.Store(well)
		time.Sleep(time.Second)
		if got := peek(t, store.Memory, r, 1).Consumed; got > int64(3+20+passed) {
			t.Errorf("the store counts %d after %d passed", got, passed)
		}
	})
}

// TestLeaseRefusal gives points back elsewhere: a refusal that is remembered ends in time,
// whatever Duration is, and tells how long it really takes.
func TestLeaseRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 10, Duration: 24 * time.Hour, Lease: 5})
		for range 20 {
			consume(t, s, r, 1)
		}
		before := store.calls.Load()
		for range 100 {
			if res := consume(t, s, r, 1); res.Allowed || res.Wait < time.Hour {
				t.Fatalf("refused = %+v, want hours to wait", res)
			}
		}
		if n := store.calls.Load() - before; n > 1 {
			t.Errorf("%d calls for 100 refusals, want 1 at most", n)
		}
		if _, err := store.Memory.Delete(t.Context(), limit.Key{Tag: 1, ID: 1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if res := consume(t, s, r, 1); !res.Allowed {
			t.Errorf("6 s after the key was deleted elsewhere = %+v", res)
		}
	})
}

// TestLeaseBlocks holds that Lease and Blocks are refused together.
func TestLeaseBlocks(t *testing.T) {
	_, err := limit.Compile(limit.Policy{Name: "p", Points: 10, Duration: time.Hour, Lease: 5, Blocks: []time.Duration{time.Hour}})
	if err == nil {
		t.Error("Compile() takes Lease with Blocks: a lease that is refused starts one")
	}
}

// TestLeaseQuiet holds that a key of few requests leaves nothing unspent.
func TestLeaseQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		r := rule(t, limit.Policy{Name: "p", Points: 1000, Duration: time.Minute, Lease: 50})
		s := share(t, store, 1)
		for n := range 3 {
			consume(t, s, r, 1)
			if got := peek(t, store.Memory, r, 1).Consumed; got != int64(n+1) {
				t.Errorf("after %d requests the store counts %d", n+1, got)
			}
			time.Sleep(4 * time.Second) // a lease is good for 3 s
		}
	})
}

// TestLeaseExpired refuses a large request while points are held, and lets them run out:
// they are not there for the next one.
func TestLeaseExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = 20
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 400, Duration: 20 * time.Minute, Lease: lease})
		for range 40 { // the lease grows
			consume(t, s, r, 1)
		}
		before := store.calls.Load()
		for store.calls.Load() == before { // until there is a new one
			consume(t, s, r, 1)
		}
		if res := decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Points: 400}); res.Allowed {
			t.Fatalf("all at once = %+v", res)
		}
		time.Sleep(2 * time.Minute) // a lease is good for one
		consume(t, s, r, 1)
		before = store.calls.Load()
		held := 0
		for consume(t, s, r, 1); store.calls.Load() == before; held++ {
			consume(t, s, r, 1)
		}
		if held >= lease {
			t.Errorf("%d points were held, want less than the lease of %d", held, lease)
		}
	})
}

// TestLeaseReward gives points back here: a refusal that is remembered is over.
func TestLeaseReward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 10, Duration: time.Hour, Lease: 5})
		for range 20 {
			consume(t, s, r, 1)
		}
		decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Verb: limit.Add, Points: -3})
		if res := consume(t, s, r, 1); !res.Allowed {
			t.Errorf("after points were given back = %+v", res)
		}
	})
}
