package limit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

// A picky store does not take what refuse refuses.
type picky struct {
	faulty
	refuse func(op limit.Op) error
}

func (p *picky) Decide(ctx context.Context, now time.Time, ops []limit.Op, results []limit.Result) error {
	if p.refuse != nil {
		if err := p.refuse(ops[0]); err != nil {
			return err
		}
	}
	return p.faulty.Decide(ctx, now, ops, results)
}

func peek(t testing.TB, s limit.Store, r *limit.Rule, id uint64) limit.Result {
	t.Helper()
	return decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: id, ID: id}, Verb: limit.Peek})
}

// goAway makes a store fail until s leaves it alone.
func goAway(t testing.TB, store *faulty, s limit.Store) {
	t.Helper()
	store.mode.Store(refuses)
	other := rule(t, limit.Policy{Name: "other", Points: 1, Duration: time.Millisecond})
	for range 3 {
		consume(t, s, other, 99)
	}
}

// TestLocalBlock holds that a block of this process's own lasts, whatever the store is
// asked for meanwhile, and costs no call.
func TestLocalBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 2)
		r := rule(t, limit.Policy{Name: "p", Algorithm: limit.FixedWindow, Points: 2, Duration: time.Second, LocalBlockAt: 3, LocalBlock: time.Minute})
		consume(t, s, r, 1)
		consume(t, s, r, 1)
		if res := consume(t, s, r, 1); res.Allowed || res.Wait != time.Minute || res.Reset != time.Minute {
			t.Errorf("what starts the block = %+v, want a minute to wait", res)
		}
		peek(t, s, r, 1)
		decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Verb: limit.Add, Points: 1})
		before := store.calls.Load()
		for range 5 {
			if res := consume(t, s, r, 1); res.Allowed || !res.Local {
				t.Errorf("in the block = %+v", res)
			}
			time.Sleep(11 * time.Second)
		}
		if n := store.calls.Load() - before; n != 0 {
			t.Errorf("%d calls in the block, want 0", n)
		}
		time.Sleep(6 * time.Second)
		if res := consume(t, s, r, 1); !res.Allowed {
			t.Errorf("after the block = %+v", res)
		}
	})
}

// TestFlap lets the store come back between two outages in which it is not told what
// passed in the first.
func TestFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{faulty: faulty{Memory: memory(t, 0)}}
		store.refuse = func(op limit.Op) error {
			if op.Verb == limit.Add {
				return errDown
			}
			return nil
		}
		s := share(t, store, 3)
		r := rule(t, limit.Policy{Name: "p", Points: 30, Duration: time.Hour})
		alone := 0
		for range 4 {
			store.mode.Store(refuses)
			for range 2 { // not enough to give it up
				if consume(t, s, r, 1).Allowed {
					alone++
				}
			}
			store.mode.Store(well)
			consume(t, s, r, 1)
		}
		goAway(t, &store.faulty, s)
		for range 30 {
			if consume(t, s, r, 1).Allowed {
				alone++
			}
		}
		if alone != 10 {
			t.Errorf("%d passed without the store, want the share of 10", alone)
		}
	})
}

// TestDeleteOfWhatIsOwed deletes a key while its block is owed, and while it is being paid.
func TestDeleteOfWhatIsOwed(t *testing.T) {
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &picky{faulty: faulty{Memory: memory(t, 0)}}
			s := share(t, store, 1)
			r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
			key := limit.Key{Tag: 1, ID: 1}
			store.mode.Store(refuses)
			decide(t, s, time.Now(), limit.Op{Rule: r, Key: key, Verb: limit.Block, TTL: time.Hour})
			store.mode.Store(well)
			if slow {
				store.refuse = func(op limit.Op) error {
					if op.Verb == limit.Block {
						time.Sleep(10 * time.Millisecond)
					}
					return nil
				}
				consume(t, s, r, 2) // it answers: the block is under way
				time.Sleep(time.Millisecond)
			}
			if _, err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(time.Second)
				consume(t, s, r, 2)
			}
			synctest.Wait()
			if res := peek(t, store.Memory, r, 1); res.Blocked {
				t.Errorf("slow %v: a block that was lifted is back: %+v", slow, res)
			}
			if res := consume(t, s, r, 1); !res.Allowed {
				t.Errorf("slow %v: after Delete = %+v", slow, res)
			}
		})
	}
}

// TestPoison has keys that the store never takes: the others are not kept from it.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{faulty: faulty{Memory: memory(t, 0)}}
		store.refuse = func(op limit.Op) error {
			if op.Key.ID > 50 && op.Key.ID <= 100 {
				return errDown
			}
			return nil
		}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
		goAway(t, &store.faulty, s)
		for id := range uint64(100) {
			consume(t, s, r, id+1)
		}
		store.mode.Store(well)
		time.Sleep(2 * time.Second)
		if res := consume(t, s, r, 1); res.Local || res.Consumed != 2 {
			t.Errorf("with keys that are not taken = %+v, want the store's answer", res)
		}
	})
}

// TestCloseInOutage closes with much to pay to a store that hangs.
func TestCloseInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &picky{faulty: faulty{Memory: memory(t, 0)}}
		store.refuse = func(op limit.Op) error { // hangs once the paying has begun
			if op.Verb == limit.Add {
				store.mode.Store(hangs)
			}
			return nil
		}
		s := share(t, store, 1)
		r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
		goAway(t, &store.faulty, s)
		for id := range uint64(20_000) {
			consume(t, s, r, id*0x9e3779b97f4a7c15+1)
		}
		store.mode.Store(well)
		time.Sleep(251 * time.Millisecond)
		began := time.Now()
		_ = s.Close()
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// TestCloseTells holds that what is owed to a store that answers does not end with Close,
// where the answer is too late for a decision, too.
func TestCloseTells(t *testing.T) {
	for name, mode := range map[string]int32{"well": well, "slow": slow} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &faulty{Memory: memory(t, 0)}
				s := share(t, store, 1)
				r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
				store.mode.Store(refuses)
				consume(t, s, r, 1)
				store.mode.Store(mode)
				_ = s.Close()
				if got := peek(t, store.Memory, r, 1).Consumed; got != 1 {
					t.Errorf("after Close the store counts %d, want 1", got)
				}
			})
		})
	}
}

// TestLongOutage holds that an outage of many Durations leaves no debt of as many.
func TestLongOutage(t *testing.T) {
	for _, algorithm := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
		synctest.Test(t, func(t *testing.T) {
			store := &faulty{Memory: memory(t, 0)}
			s := share(t, store, 1)
			r := rule(t, limit.Policy{Name: "p", Algorithm: algorithm, Points: 10, Duration: time.Second})
			goAway(t, store, s)
			for range 3600 {
				consume(t, s, r, 1)
				time.Sleep(time.Second)
			}
			store.mode.Store(well)
			time.Sleep(time.Second)
			if got := peek(t, store.Memory, r, 1).Consumed; got > 10 {
				t.Errorf("%v: the store counts %d, want 10 at most", algorithm, got)
			}
			if res := consume(t, s, r, 1); !res.Allowed || res.Local {
				t.Errorf("%v: after a long outage = %+v", algorithm, res)
			}
		})
	}
}

// TestSetInOutage tells the store of a count that was set, with the window it was set for.
func TestSetInOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Memory: memory(t, 0)}
		s := share(t, store, 2)
		r := rule(t, limit.Policy{Name: "p", Algorithm: limit.FixedWindow, Points: 10, Duration: time.Minute})
		for id := range uint64(2) {
			for range 3 {
				consume(t, s, r, id+1)
			}
		}
		goAway(t, store, s)
		for id, ttl := range []time.Duration{time.Hour, time.Second} {
			decide(t, s, time.Now(), limit.Op{Rule: r, Key: limit.Key{Tag: uint64(id + 1), ID: uint64(id + 1)}, Verb: limit.Assign, Points: 7, TTL: ttl})
		}
		time.Sleep(2 * time.Second)
		store.mode.Store(well)
		time.Sleep(time.Second)
		if got := peek(t, store.Memory, r, 1); got.Consumed != 7 || got.Reset < 59*time.Minute {
			t.Errorf("set for an hour = %+v, want 7 for an hour", got)
		}
		if got := peek(t, store.Memory, r, 2); got.Consumed != 0 {
			t.Errorf("set for a second = %+v, want nothing", got)
		}
	})
}

// TestHangUp holds that who goes before the answer is counted: in net/http a client that
// closes its half of the connection ends the request's context, and still reads the answer.
func TestHangUp(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	store := &picky{faulty: faulty{Memory: memory(t, 0)}}
	honest := func(ctx context.Context) error { return ctx.Err() }
	s := share(t, honestStore{store, honest}, 1)
	l, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "p", Points: 2, Duration: time.Hour}}, Store: honestStore{store, honest},
		Secret: []byte("0123456789abcdef"), Sink: func(context.Context, guard.Event) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rule(t, limit.Policy{Name: "direct", Points: 2, Duration: time.Hour})
	leased := rule(t, limit.Policy{Name: "leased", Points: 4, Duration: time.Hour, Lease: 2})
	passed := 0
	h := l.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	direct := [2]int{}
	for range 5 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, "GET", "/", nil))
		for i, r := range []*limit.Rule{r, leased} {
			var res [1]limit.Result
			if err := s.Decide(gone, time.Now(), []limit.Op{{Rule: r, Key: limit.Key{ID: uint64(i + 1)}, Points: 1}}, res[:]); err != nil {
				t.Error(err)
			}
			if res[0].Allowed {
				direct[i]++
			}
		}
	}
	if passed != 2 || direct != [2]int{2, 4} {
		t.Errorf("of 5 who hung up %d passed the handler and %v Shared, want 2, and 2 and 4", passed, direct)
	}
}

type honestStore struct {
	limit.Store
	check func(context.Context) error
}

func (h honestStore) Decide(ctx context.Context, now time.Time, ops []limit.Op, results []limit.Result) error {
	if err := h.check(ctx); err != nil {
		return err
	}
	return h.Store.Decide(ctx, now, ops, results)
}

// TestMirrorLeavesRoom floods a Shared with keys that the store allows: there is room for
// blocks in this process all the same.
func TestMirrorLeavesRoom(t *testing.T) {
	local := memory(t, 4096)
	s, err := limit.NewShared(limit.SharedOptions{Store: memory(t, 0), Local: local, Instances: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
	for id := range uint64(20_000) {
		consume(t, s, r, (id+1)*0x9e3779b97f4a7c15)
	}
	op := limit.Op{Rule: r, Key: limit.Key{ID: 7}, Verb: limit.Block, TTL: time.Hour}
	if err := local.Decide(t.Context(), time.Now(), []limit.Op{op}, make([]limit.Result, 1)); err != nil {
		t.Errorf("a block after a flood of keys = %v", err)
	}
}

// TestDebtsFull holds that who deletes a key hears when that cannot be noted.
func TestDebtsFull(t *testing.T) {
	store := &faulty{Memory: memory(t, 0)}
	s := share(t, store, 1)
	r := rule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
	goAway(t, store, s)
	for id := range uint64(1 << 16) {
		consume(t, s, r, (id+1)*0x9e3779b97f4a7c15)
	}
	if _, err := s.Delete(t.Context(), limit.Key{Tag: 7, ID: 7}); err == nil {
		t.Error("Delete() without room to note it = nil, want an error")
	}
}
