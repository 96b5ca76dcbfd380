package limit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
)

func rule(t testing.TB, p limit.Policy) *limit.Rule {
	t.Helper()
	r, err := limit.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func memory(t testing.TB, keys int) *limit.Memory {
	t.Helper()
	m, err := limit.NewMemory(limit.MemoryOptions{MaxKeys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decide(t testing.TB, s limit.Store, now time.Time, op limit.Op) limit.Result {
	t.Helper()
	var res [1]limit.Result
	if err := s.Decide(context.Background(), now, []limit.Op{op}, res[:]); err != nil {
		t.Fatal(err)
	}
	return res[0]
}

// TestFlood sends 10 million fresh keys at a full memory: nothing that was counted or
// blocked before is lost, and no key of the flood gets more than its points.
func TestFlood(t *testing.T) {
	const known = 2000
	fresh := 10_000_000
	if testing.Short() || raceDetector {
		fresh = 200_000
	}
	m := memory(t, 1<<15)
	h := limit.NewHasher(nil)
	r := rule(t, limit.Policy{Name: "guess", Points: 5, Duration: time.Hour, Blocks: []time.Duration{2 * time.Hour}})
	now := time.Now()
	key := func(i int) limit.Key { return r.Key(h.Subject(fmt.Sprint("known", i))) }
	for i := range known {
		take := 3
		if i%2 == 0 {
			take = 6 // the sixth starts a block
		}
		for range take {
			decide(t, m, now, limit.Op{Rule: r, Key: key(i), Points: 1})
		}
	}
	began := time.Now()
	for range fresh {
		decide(t, m, now, limit.Op{Rule: r, Key: limit.Key{ID: rand.Uint64()}, Points: 1})
	}
	t.Logf("%d fresh keys in %v; %d records", fresh, time.Since(began), m.Len())
	if max := 1<<15 + 1<<15/32 + 256; m.Len() > max {
		t.Errorf("%d records, want at most %d", m.Len(), max)
	}
	for i := range known {
		res := decide(t, m, now, limit.Op{Rule: r, Key: key(i), Verb: limit.Peek})
		if blocked := i%2 == 0; res.Blocked != blocked || !blocked && res.Consumed != 3 || res.Estimated {
			t.Fatalf("key %d after the flood = %+v, want 3 counted or blocked", i, res)
		}
	}
	// A key that comes now shares counters, which only count too much.
	guess := limit.Op{Rule: r, Key: key(known + 1), Points: 1}
	allowed := 0
	for range 20 {
		if decide(t, m, now, guess).Allowed {
			allowed++
		}
	}
	if allowed > 5 {
		t.Errorf("a new key was allowed %d times, want at most 5", allowed)
	}
	// What has run out makes room.
	later := now.Add(5 * time.Hour)
	for range 4 * m.Len() {
		decide(t, m, later, limit.Op{Rule: r, Key: limit.Key{ID: rand.Uint64()}, Points: 1})
		later = later.Add(time.Second)
	}
	if res := decide(t, m, later, limit.Op{Rule: r, Key: limit.Key{ID: rand.Uint64()}, Points: 1}); res.Estimated {
		t.Errorf("after all has run out a new key = %+v, want a record of its own", res)
	}
}

// TestSketchNeverCountsTooLittle compares what keys without a record are told with what
// they took within the policy's look back.
func TestSketchNeverCountsTooLittle(t *testing.T) {
	for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
		t.Run(alg.String(), func(t *testing.T) {
			m := memory(t, 1<<12)
			r := rule(t, limit.Policy{Name: "p", Algorithm: alg, Points: 8, Duration: time.Minute})
			start := time.Now()
			hold := rule(t, limit.Policy{Name: "hold", Points: 1, Duration: 24 * time.Hour})
			for range 1 << 16 { // no record is left
				decide(t, m, start, limit.Op{Rule: hold, Key: limit.Key{ID: rand.Uint64()}, Points: 1})
			}
			random := rand.New(rand.NewPCG(1, 2))
			took := map[uint64][]time.Time{}
			estimated := 0
			for step := range 30_000 {
				now := start.Add(time.Duration(step) * 20 * time.Millisecond)
				id := random.Uint64N(150)*0x9e3779b97f4a7c15 + 7
				res := decide(t, m, now, limit.Op{Rule: r, Key: limit.Key{ID: id}, Points: 1})
				if !res.Estimated {
					continue
				}
				estimated++
				if res.Allowed {
					took[id] = append(took[id], now)
				}
				recent := int64(0)
				for _, at := range took[id] {
					if now.Sub(at) < time.Minute {
						recent++
					}
				}
				if res.Consumed < recent || res.Allowed && recent > 8 {
					t.Fatalf("%+v for a key that took %d within a minute", res, recent)
				}
			}
			if estimated < 20_000 {
				t.Errorf("%d estimates, want most of 30000", estimated)
			}
		})
	}
}

// TestSketchBound measures how often a key that took nothing is refused, against the
// bound that sketch states.
func TestSketchBound(t *testing.T) {
	m := memory(t, 1<<16)
	r := rule(t, limit.Policy{Name: "p", Points: 10, Duration: time.Hour})
	hold := rule(t, limit.Policy{Name: "hold", Points: 1, Duration: 24 * time.Hour})
	now := time.Now()
	for range 1 << 18 {
		decide(t, m, now, limit.Op{Rule: hold, Key: limit.Key{ID: rand.Uint64()}, Points: 1})
	}
	width := float64(1<<16) / 64
	n := 0.5 * width * 10 // half of w × Points
	for range int(n) {
		decide(t, m, now, limit.Op{Rule: r, Key: limit.Key{ID: rand.Uint64()}, Points: 1})
	}
	refused, tried := 0, 20_000
	for range tried {
		if !decide(t, m, now, limit.Op{Rule: r, Key: limit.Key{ID: rand.Uint64()}, Points: 1, Verb: limit.Peek}).Allowed {
			refused++
		}
	}
	bound := 0.5 * 0.5 * 0.5 * 0.5
	t.Logf("%d of %d refused, bound %.0f", refused, tried, bound*float64(tried))
	if float64(refused) > bound*float64(tried) {
		t.Errorf("%d of %d refused, want at most %.0f", refused, tried, bound*float64(tried))
	}
}

// TestMemoryRace lets many goroutines take from few keys: never more than there is.
func TestMemoryRace(t *testing.T) {
	for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
		m := memory(t, 0)
		r := rule(t, limit.Policy{Name: "a", Algorithm: alg, Points: 100, Duration: 24 * time.Hour})
		two := rule(t, limit.Policy{Name: "b", Points: 60, Duration: 24 * time.Hour})
		h := limit.NewHasher(nil)
		now := time.Now()
		var allowed, both atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 50 {
					if decide(t, m, now, limit.Op{Rule: r, Key: r.Key(h.Subject("one")), Points: 1}).Allowed {
						allowed.Add(1)
					}
					s := h.Subject("union")
					ops := []limit.Op{{Rule: r, Key: r.Key(s), Points: 1}, {Rule: two, Key: two.Key(s), Points: 1}}
					var res [2]limit.Result
					if err := m.Decide(t.Context(), now, ops, res[:]); err != nil {
						t.Error(err)
					}
					if limit.Allowed(res[:]) {
						both.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if allowed.Load() != 100 || both.Load() != 60 {
			t.Errorf("%v: %d and %d allowed, want 100 and 60", alg, allowed.Load(), both.Load())
		}
		s := h.Subject("union")
		if res := decide(t, m, now, limit.Op{Rule: r, Key: r.Key(s), Verb: limit.Peek}); res.Consumed != 60 {
			t.Errorf("%v: what the other policy refused left %d counted, want 60", alg, res.Consumed)
		}
	}
}

// TestUnionRefusalBurnsNothing holds all or nothing, also with a block that starts.
func TestUnionRefusalBurnsNothing(t *testing.T) {
	m := memory(t, 0)
	h := limit.NewHasher(nil)
	a := rule(t, limit.Policy{Name: "a", Points: 2, Duration: time.Hour, Blocks: []time.Duration{time.Minute}})
	b := rule(t, limit.Policy{Name: "b", Algorithm: limit.FixedWindow, Points: 10, Duration: time.Hour})
	now := time.Now()
	s := h.Subject("x")
	ops := []limit.Op{{Rule: a, Key: a.Key(s), Points: 1}, {Rule: b, Key: b.Key(s), Points: 1}}
	var res [2]limit.Result
	for i := range 5 {
		if err := m.Decide(t.Context(), now, ops, res[:]); err != nil {
			t.Fatal(err)
		}
		if got := limit.Allowed(res[:]); got != (i < 2) {
			t.Errorf("decision %d = %v", i, got)
		}
		if res[0].Started != (i == 2) {
			t.Errorf("decision %d started a block: %v", i, res[0].Started)
		}
	}
	if got := decide(t, m, now, limit.Op{Rule: b, Key: b.Key(s), Verb: limit.Peek}).Consumed; got != 2 {
		t.Errorf("b counts %d, want 2", got)
	}
	if err := m.Decide(t.Context(), now, []limit.Op{ops[0], ops[0]}, res[:]); err == nil {
		t.Error("two ops on one key, want an error")
	}
}

// TestMemoryDecidesWithoutAllocating holds the hot path.
func TestMemoryDecidesWithoutAllocating(t *testing.T) {
	l, err := limit.New(limit.Options{Policies: []limit.Policy{{Name: "p", Points: 5, Duration: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = l.ConsumeAt(ctx, now, "203.0.113.7", 1) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestUnionInOneShard asks unions of keys that share a table, which grows and sweeps
// between the placing of one and of the next.
func TestUnionInOneShard(t *testing.T) {
	a := rule(t, limit.Policy{Name: "a", Points: 3, Duration: time.Minute})
	b := rule(t, limit.Policy{Name: "b", Points: 2, Duration: time.Minute})
	now := time.Now()
	for known := range 40 {
		m := memory(t, 1<<12)
		op := limit.Op{Rule: a, Points: 1}
		for i := range known {
			op.Key.ID = uint64(1000 + i)
			decide(t, m, now, op)
		}
		for i := range 20 {
			var ops []limit.Op
			for n := range 6 { // fresh ones
				r := a
				if n%2 == 1 {
					r = b
				}
				ops = append(ops, limit.Op{Rule: r, Key: limit.Key{ID: uint64(1 + 6*i + n)}, Points: 1})
			}
			var res [6]limit.Result
			if err := m.Decide(t.Context(), now, ops, res[:]); err != nil || !limit.Allowed(res[:]) {
				t.Fatalf("with %d keys before it, union %d = %+v, %v, want it allowed", known, i, res, err)
			}
			for n, op := range ops {
				op.Verb = limit.Peek
				if got := decide(t, m, now, op); got.Consumed != 1 && !got.Estimated {
					t.Fatalf("with %d keys before it, key %d of union %d = %+v, want 1 counted", known, n, i, got)
				}
			}
		}
	}
}
