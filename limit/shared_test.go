package limit_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

// A faulty store is a Memory that can die or hang, and counts its calls.
type faulty struct {
	*limit.Memory
	mode  atomic.Int32 // well, or how it is not
	calls atomic.Int64
}

const (
	well = iota
	refuses
	hangs
	slow // answers after 100 ms, too late for a decision
)

var errDown = errors.New("the store is down")

func (f *faulty) fails(ctx context.Context) error {
	f.calls.Add(1)
	switch f.mode.Load() {
	case refuses:
		return errDown
	case slow:
		time.Sleep(100 * time.Millisecond)
		return ctx.Err()
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (f *faulty) Decide(ctx context.Context, now time.Time, ops []limit.Op, results []limit.Result) error {
	if err := f.fails(ctx); err != nil {
		return err
	}
	return f.Memory.Decide(ctx, now, ops, results)
}

func (f *faulty) Delete(ctx context.Context, key limit.Key) (bool, error) {
	if err := f.fails(ctx); err != nil {
		return false, err
	}
	return f.Memory.Delete(ctx, key)
}

func share(t testing.TB, store limit.Store, instances int) *limit.Shared {
	t.Helper()
	s, err := limit.NewShared(limit.SharedOptions{Store: store, Instances: instances, Sink: func(context.Context, guard.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func consume(t testing.TB, s limit.Store, r *limit.Rule, id uint64) limit.Result {
	t.Helper()
	return decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: id, ID: id}, Points: 1})
}

func TestNewSharedNamesEveryProblem(t *testing.T) {
	_, err := limit.NewShared(limit.SharedOptions{Timeout: -1, Retry: time.Hour})
	if n := len(guard.OptionErrors(err)); n != 4 {
		t.Errorf("%d problems, want 4: %v", n, err)
	}
}

// TestOutage goes through a store's death and hang, under each answer.
func TestOutage(t *testing.T) {
	for _, mode := range []int32{refuses, hangs} {
		synctest.Test(t, func(t *testing.T) {
			store := &faulty{Memory: memory(t, 0)}
			s := share(t, store, 2)
			ctx := t.Context()
			local := rule(t, limit.Policy{Name: "local", Points: 10, Duration: time.Hour})
			closed := rule(t, limit.Policy{Name: "closed", Points: 10, Duration: time.Hour, Outage: limit.Closed})
			open := rule(t, limit.Policy{Name: "open", Points: 1, Duration: time.Hour, Outage: limit.InsecureOpen})
			for range 6 {
				consume(t, s, local, 1)
			}
			store.mode.Store(mode)
			slowest := time.Duration(0)
			allowed := 0
			for range 20 {
				began := time.Now()
				if consume(t, s, local, 1).Allowed {
					allowed++
				}
				slowest = max(slowest, time.Since(began))
			}
			// 6 of 10 were counted when the store was last seen: this half has 5 − 3 left.
			if allowed != 2 {
				t.Errorf("%d allowed alone, want 2", allowed)
			}
			if slowest > 20*time.Millisecond {
				t.Errorf("a decision took %v, want at most 20ms", slowest)
			}
			began := time.Now()
			if res := consume(t, s, closed, 2); res.Allowed || res.Wait <= 0 || !res.Local {
				t.Errorf("closed = %+v", res)
			}
			for range 3 {
				if res := consume(t, s, open, 3); !res.Allowed {
					t.Errorf("open = %+v", res)
				}
			}
			if took := time.Since(began); took > time.Millisecond {
				t.Errorf("4 decisions with the circuit open took %v", took)
			}
			both := []limit.Op{{Rule: local, Key: limit.Key{ID: 8}, Points: 1}, {Rule: closed, Key: limit.Key{ID: 9}, Points: 1}}
			var res [2]limit.Result
			if err := s.Decide(ctx, time.Now(), both, res[:]); err != nil || limit.Allowed(res[:]) {
				t.Errorf("a union with a closed one = %v, %v", res, err)
			}
			before := store.calls.Load()
			time.Sleep(time.Second)
			if n := store.calls.Load() - before; n < 3 || n > 5 {
				t.Errorf("%d probes in a second, want 4", n)
			}
			decide(t, s, time.Now(), limit.Op{Rule: local, Key: limit.Key{Tag: 7, ID: 7}, Verb: limit.Block, TTL: time.Hour})
			store.mode.Store(well)
			time.Sleep(time.Second)
			peek := func(id uint64) limit.Result {
				return decide(t, store.Memory, time.Now(), limit.Op{Rule: local, Key: limit.Key{Tag: id, ID: id}, Verb: limit.Peek})
			}
			if got := peek(1).Consumed; got != 8 {
				t.Errorf("the store counts %d after it is back, want 6 and the 2 of the outage", got)
			}
			if !peek(7).Blocked {
				t.Error("a block of the outage did not reach the store")
			}
			if got := peek(8).Consumed; got != 0 {
				t.Errorf("a refused union counts %d", got)
			}
			if res := consume(t, s, local, 1); !res.Allowed || res.Local || res.Consumed != 9 {
				t.Errorf("after the outage = %+v", res)
			}
		})
	}
}

// TestBlockedKeyCostsNoCall counts calls for a key that is blocked, and lifts the block
// elsewhere.
func TestBlockedKeyCostsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 2, Duration: time.Minute, Blocks: []time.Duration{time.Hour}})
		for range 3 {
			consume(t, s, r, 1)
		}
		before := store.calls.Load()
		for range 1000 {
			if res := consume(t, s, r, 1); res.Allowed || !res.Blocked || !res.Local {
				t.Fatalf("blocked key = %+v", res)
			}
		}
		if n := store.calls.Load() - before; n != 0 {
			t.Errorf("%d calls for 1000 requests of a blocked key, want 0", n)
		}
		if _, err := store.Memory.Delete(t.Context(), limit.Key{Tag: 1, ID: 1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if res := consume(t, s, r, 1); !res.Allowed {
			t.Errorf("6 s after the block was lifted elsewhere = %+v", res)
		}
		for range 3 {
			consume(t, s, r, 1)
		}
		if ok, err := s.Delete(t.Context(), limit.Key{Tag: 1, ID: 1}); !ok || err != nil {
			t.Errorf("Delete = %v, %v", ok, err)
		}
		if res := consume(t, s, r, 1); !res.Allowed {
			t.Errorf("after Delete = %+v", res)
		}
	})
}

// TestLeaseSimulation runs 8 processes for 20 s of simulated time against one store, in
// every pattern that could gather points, and holds the bound of Shared.
func TestLeaseSimulation(t *testing.T) {
	const instances, points, lease = 8, 1000, 6 // 8 × 6 is under 5% of 1000
	for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA} {
		for _, c := range []struct {
			name string
			rate int // attempts a millisecond, over all processes
			// on tells whether the clients are trying at a millisecond.
			on func(ms int) bool
		}{
			{"steady at nine tenths", 0, func(int) bool { return true }},
			{"flood", 8, func(int) bool { return true }},
			{"bursts of 100 ms each second", 16, func(ms int) bool { return ms%1000 < 100 }},
			{"hoard, wait, spend", 16, func(ms int) bool { return ms%1100 < 30 || ms%1100 > 1060 }},
		} {
			t.Run(alg.String()+" "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := rule(t, limit.Policy{Name: "p", Algorithm: alg, Points: points, Duration: time.Second, Lease: lease})
					plain := rule(t, limit.Policy{Name: "p", Algorithm: alg, Points: points, Duration: time.Second})
					withLease, attempts, calls := runLease(t, r, instances, c.rate, c.on)
					without, _, _ := runLease(t, plain, instances, c.rate, c.on)
					most, mostPlain := busiest(withLease, time.Second), busiest(without, time.Second)
					t.Logf("%d attempts, %d calls; at most %d in a second, %d without leases", attempts, calls, most, mostPlain)
					if most > mostPlain+instances*lease {
						t.Errorf("%d in a second, want at most %d + %d × %d", most, mostPlain, instances, lease)
					}
					if c.rate == 0 && len(withLease) < len(without)*95/100 {
						t.Errorf("%d allowed, %d without leases: too few", len(withLease), len(without))
					}
				})
			})
		}
	}
}

func runLease(t *testing.T, r *limit.Rule, instances, rate int, on func(int) bool) (allowed []time.Time, attempts int, calls int64) {
	store := &faulty{Memory: memory(t, 0)}
	var doors []*limit.Shared
	for range instances {
		doors = append(doors, share(t, store, instances))
	}
	next, length := 0, 20_000
	if raceDetector {
		length = 4_000
	}
	for ms := range length {
		time.Sleep(time.Millisecond)
		n := rate
		if rate == 0 && ms%10 != 0 {
			n = 1
		}
		if !on(ms) {
			continue
		}
		for range n {
			next++
			attempts++
			if consume(t, doors[next%instances], r, 1).Allowed {
				allowed = append(allowed, time.Now())
			}
		}
	}
	return allowed, attempts, store.calls.Load()
}

// busiest is the most that were allowed within any d.
func busiest(at []time.Time, d time.Duration) int {
	most, from := 0, 0
	for to := range at {
		for at[to].Sub(at[from]) >= d {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// TestLeaseSavesCalls holds that a busy key is asked for ten times less often.
func TestLeaseSavesCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rule(t, limit.Policy{Name: "p", Points: 10_000, Duration: time.Second, Lease: 60})
		_, attempts, calls := runLease(t, r, 8, 8, func(int) bool { return true })
		t.Logf("%d attempts, %d calls: %d times fewer", attempts, calls, int64(attempts)/calls)
		if calls*10 > int64(attempts) {
			t.Errorf("%d calls for %d attempts, want a tenth", calls, attempts)
		}
	})
}

// TestLeaseHang bounds what callers of one key wait for while the store hangs.
func TestLeaseHang(t *testing.T) {
	store := &faulty{Memory: memory(t, 0)}
	s := share(t, store, 1)
	r := rule(t, limit.Policy{Name: "p", Points: 1000, Duration: time.Minute, Lease: 50})
	consume(t, s, r, 1)
	store.mode.Store(hangs)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 4 {
				began := time.Now()
				consume(t, s, r, 1)
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	if p99 := took[len(took)*99/100]; p99 > 60*time.Millisecond { // 20 ms, and a busy machine
		t.Errorf("p99 = %v, want about 15ms", p99)
	}
}
